#include "builder/closure/path_source.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json.h"
#include "schema/nix/reference_graph.h"

#include <assert.h>

static bool is_standard_input(const struct path_source *source)
{
    return strcmp(source->file, "-") == 0;
}

static bool read_manifest(int fd, struct str store_dir, struct arena *arena,
                          struct known_paths *known, struct error *error)
{
    known->has_hashes = true;
    if (!manifest_read((struct file){ fd, known->file }, store_dir, arena, &known->paths, error))
        return false;
    path_list_normalise(&known->paths, *arena);
    return true;
}

static bool parse(enum path_source_kind kind, struct str text, struct str store_dir,
                  struct arena *arena, struct known_paths *known, struct error *error)
{
    struct reference_graph graph = { .has_hashes = true };
    bool parsed = kind == PATH_SOURCE_GRAPH
                      ? reference_graph_parse(text, store_dir, arena, &graph, error)
                      : path_info_json_parse(text, store_dir, arena, &graph.paths, error);
    if (!parsed)
        return error_in(error, "load %s", known->file);
    known->paths = graph.paths;
    known->has_hashes = graph.has_hashes;
    return true;
}

bool path_source_read(const struct path_source *source, struct str store_dir, struct arena *arena,
                      struct known_paths *ret_known, struct error *error)
{
    assert(source->kind != PATH_SOURCE_DATABASE);
    struct str text;
    bool is_input = is_standard_input(source);
    struct known_paths known = { .file = is_input ? "standard input" : source->file };
    cleanup(own_close) int fd = is_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                         : open(source->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_errno(error, errno, "open %s", known.file);
    bool read = source->kind == PATH_SOURCE_REGISTRATION
                    ? read_manifest(fd, store_dir, arena, &known, error)
                    : file_read_fd((struct file){ fd, known.file }, path_info_json_bytes_max, arena,
                                   &text, error) &&
                          parse(source->kind, text, store_dir, arena, &known, error);
    if (read)
        *ret_known = known;
    return read;
}
