#include "regd/source.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/boot/kernel_command_line.h"
#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json.h"
#include "schema/registry/mounted_layers.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool source_kernel_parameter(const struct store *store, const char *name, struct arena *arena,
                             const char **ret_value, struct error *error)
{
    struct str line;
    const char *value = NULL;
    cleanup(own_close) int fd = -1;
    *ret_value = NULL;
    if (!root_open_file(store->root, "/proc/cmdline", O_RDONLY, &fd, error))
        return false;
    if (fd < 0)
        return true;
    if (!file_read_fd((struct file){ fd, "/proc/cmdline" }, KERNEL_COMMAND_LINE_MAX, arena, &line,
                      error))
        return false;
    struct kernel_parameter parameter;
    while (kernel_command_line_next(&line, &parameter))
        if (parameter.has_value && str_equal(parameter.name, str_from(name)) &&
            !arena_name(arena, parameter.value, &value, error))
            return error_in(error, "/proc/cmdline");
    *ret_value = value;
    return true;
}

/* Adds the manifest in a directory of store paths, which has one of two names. */
static bool find_in_store(const struct store *store, const char *directory, struct arena *arena,
                          struct source_list *list, struct error *error)
{
    bool is_there = false;
    for (size_t i = 0; i < MANIFEST_NAME_COUNT && !is_there; i++) {
        const char *name = arena_format(arena, "%s/%s", directory, manifest_names[i]).data;
        if (!root_find(store->root, name, &is_there, error))
            return false;
        if (is_there)
            option_list_add(&list->names, name, arena);
    }
    return true;
}

/* The directory of a layer that is not mounted has no manifest. */
static bool find_in_layers(const struct store *store, struct arena *arena, struct source_list *list,
                           struct error *error)
{
    struct mounted_layers layers;
    if (!mounted_layers_find(store, arena, &layers, error))
        return false;
    list->is_whole = !layers.has_gap;
    for (size_t i = 0; i < layers.count; i++) {
        size_t before = list->names.count;
        if (!find_in_store(store, layers.paths[i], arena, list, error))
            return false;
        list->is_whole &= list->names.count > before;
    }
    return true;
}

bool source_find(const struct store *store, struct arena *arena, struct source_list *ret_list,
                 struct error *error)
{
    struct source_list list = { .found = true, .is_whole = true };
    const char *given;
    if (!source_kernel_parameter(store, "regInfo", arena, &given, error))
        return false;
    /* An empty regInfo= names no manifest. */
    if (given && *given)
        option_list_add(&list.names, given, arena);
    else if (!find_in_layers(store, arena, &list, error))
        return false;
    bool is_there = false;
    if (list.names.count == 0 && !root_find(store->root, "/" MANIFEST_NAME, &is_there, error))
        return false;
    if (is_there)
        option_list_add(&list.names, "/" MANIFEST_NAME, arena);
    if (list.names.count == 0 && !find_in_store(store, store->store_dir.data, arena, &list, error))
        return false;
    *ret_list = list;
    return true;
}

/* A manifest named by the user may be a pipe. One that was found must be a regular file. */
static bool open_manifest(const struct store *store, struct source source, int *ret_fd,
                          struct error *error)
{
    if (!source.found) {
        *ret_fd = open(source.name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
        return *ret_fd >= 0 || error_errno(error, errno, "open %s", source.name);
    }
    return root_open_file(store->root, source.name, O_RDONLY, ret_fd, error) &&
           (*ret_fd >= 0 || error_errno(error, ENOENT, "open %s", source.name));
}

const char *source_name(const char *name)
{
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

static bool is_standard_input(struct source source)
{
    return !source.found && strcmp(source.name, "-") == 0;
}

static bool read_manifest(const struct store *store, struct source source, struct arena *arena,
                          struct path_list *list, struct error *error)
{
    cleanup(own_close) int fd = -1;
    struct file file = { STDIN_FILENO, source_name(source.name) };
    if (!is_standard_input(source)) {
        if (!open_manifest(store, source, &fd, error))
            return false;
        file = (struct file){ fd, source.name };
    }
    return manifest_read(file, store->store_dir, arena, list, error);
}

/* The result of reading the details next to a manifest. They get their own arena, because bad
 * details must not end the run. */
enum details_answer { DETAILS_REFUSED, DETAILS_ABSENT, DETAILS_READ };

static enum details_answer read_details(const struct store *store, struct source source,
                                        struct arena scratch, struct path_list *ret_details,
                                        struct error *error)
{
    struct arena own;
    struct str text;
    struct stat status;
    const char *path = arena_format(&scratch, "%s" PATH_INFO_JSON_SUFFIX, source.name).data;
    if (is_standard_input(source))
        return DETAILS_ABSENT;
    cleanup(own_close) int fd = -1;
    if (!(source.found ? root_open_file(store->root, path, O_RDONLY, &fd, error)
                       : file_open(AT_FDCWD, path, &fd, error)))
        return DETAILS_REFUSED;
    if (fd < 0)
        return DETAILS_ABSENT;
    if (fstat(fd, &status) < 0) {
        error_errno(error, errno, "look at it");
        return DETAILS_REFUSED;
    }
    bool read =
        path_info_json_reserve((uint64_t)status.st_size, &own, error) &&
        file_read_fd((struct file){ fd, path }, (size_t)status.st_size, &own, &text, error) &&
        path_info_json_parse(text, store->store_dir, &own, ret_details, error);
    return read ? DETAILS_READ : DETAILS_REFUSED;
}

/* Wrong details are ignored with a warning; the manifest is used without them. */
static void use_details(const struct store *store, struct source source, size_t first,
                        struct arena *arena, struct source_content *content)
{
    struct error error;
    struct path_list details = { 0 };
    enum details_answer answer = read_details(store, source, *arena, &details, &error);
    if (answer == DETAILS_ABSENT ||
        (answer == DETAILS_READ && path_list_complete(&content->paths, first, &details, &error)))
        return;
    option_list_add(&content->warnings,
                    arena_format(arena, "%s" PATH_INFO_JSON_SUFFIX " is not used: %s", source.name,
                                 error.sentence)
                        .data,
                    arena);
}

bool source_read(const struct store *store, const struct source_list *list, struct arena *arena,
                 struct source_content *ret_content, struct error *error)
{
    struct source_content content = { 0 };
    for (size_t i = list->names.count; i-- > 0;) {
        struct source source = { list->names.items[i], list->found };
        size_t first = content.paths.count;
        if (!read_manifest(store, source, arena, &content.paths, error))
            return false;
        use_details(store, source, first, arena, &content);
    }
    path_list_normalise(&content.paths, *arena);
    *ret_content = content;
    return true;
}

static int open_parent(const struct store *store, struct source source, struct arena scratch)
{
    struct cut cut = str_cut_last(str_from(source.name), '/');
    const char *parent = !cut.found     ? "."
                         : cut.head.len ? arena_copy(&scratch, cut.head).data
                                        : "/";
    if (source.found)
        return root_open(store->root, parent, O_PATH | O_DIRECTORY, 0);
    int fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

bool source_delete(const struct store *store, struct source source, struct arena scratch,
                   bool *ret_deleted, struct error *error)
{
    struct cut cut = str_cut_last(str_from(source.name), '/');
    const char *base = cut.found ? cut.tail.data : source.name;
    const char *const bases[] = {
        arena_format(&scratch, "%s" PATH_INFO_JSON_SUFFIX, base).data,
        base,
    };
    cleanup(own_close) int parent = open_parent(store, source, scratch);
    if (parent < 0)
        return error_errno(error, -parent, "open the directory of %s", source.name);
    *ret_deleted = false;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        if (unlinkat(parent, bases[i], 0) == 0 || errno == ENOENT)
            continue;
        return errno == EROFS || error_errno(error, errno, "delete %s%s", source.name,
                                             i == 0 ? PATH_INFO_JSON_SUFFIX : "");
    }
    *ret_deleted = true;
    return true;
}
