/* tree_check_files.c — SHA256SUMS and the files of a tree: see tree_check.h. */
#include "builder/check/tree_check.h"

#include "schema/base/own.h"
#include "schema/base/parallel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { SUMS_BYTES_MAX = 1 << 20, WORKER_BYTES = 16 << 20 };

static bool parse_line(struct str line, struct arena *arena, struct listed_file *file,
                       struct error *error)
{
    enum { NAME_AT = HASH_HEX_LENGTH + 2 };
    struct str name = str_skip(line, NAME_AT);
    if (line.len <= NAME_AT || memcmp(line.data + HASH_HEX_LENGTH, "  ", 2) != 0 ||
        name.data[0] == '.' || memchr(name.data, '/', name.len))
        return error_set(error, "a SHA-256, two blanks and the name of a file expected");
    file->name = arena_copy(arena, name).data;
    return hash_parse((struct str){ line.data, HASH_HEX_LENGTH }, &file->expected, error);
}

static bool read_sums(struct tree_check *check, struct error *error)
{
    struct str text;
    size_t capacity = 0, line_number = 0;
    if (!file_read(check->directory, OUTPUT_SUMS_NAME, SUMS_BYTES_MAX, check->arena, &text, error))
        return error_in(error, "%s", check->name);
    for (struct cut cut = str_cut(text, '\n'); cut.head.len > 0; cut = str_cut(cut.tail, '\n')) {
        check->files = arena_grow(check->arena, check->files, check->file_count, &capacity,
                                  sizeof *check->files);
        struct listed_file *file = &check->files[check->file_count++];
        *file = (struct listed_file){ .is_there = false };
        line_number++;
        if (!parse_line(cut.head, check->arena, file, error))
            return error_in(error, "%s/" OUTPUT_SUMS_NAME ": line %zu", check->name, line_number);
    }
    return check->file_count > 0 ||
           error_set(error, "%s/" OUTPUT_SUMS_NAME " lists nothing", check->name);
}

const struct listed_file *tree_check_find(const struct tree_check *check, const char *name)
{
    for (size_t i = 0; i < check->file_count; i++)
        if (strcmp(check->files[i].name, name) == 0)
            return &check->files[i];
    return NULL;
}

static bool read_one(void *context, unsigned worker, size_t index, struct error *error)
{
    const struct tree_check *check = context;
    struct listed_file *file = &check->files[index];
    struct arena *scratch = &check->scratches[worker];
    struct stat status;
    cleanup(own_close) int fd = tree_check_open(check, file->name);
    file->is_there = fd >= 0 || errno != ENOENT;
    if (!file->is_there)
        return true;
    bool done = fd >= 0 && fstat(fd, &status) == 0;
    if (!done)
        error_errno(error, errno, "open it");
    else if (!S_ISREG(status.st_mode))
        done = error_set(error, "it is not a file");
    if (!done || !tree_file_read(fd, file->name, *scratch, &file->found, error))
        file->reason = arena_copy(scratch, str_from(error->sentence));
    return true;
}

static void judge_files(struct tree_check *check)
{
    for (size_t i = 0; i < check->file_count; i++) {
        const struct listed_file *file = &check->files[i];
        if (!file->is_there)
            tree_check_add(check, FINDING_MISSING, file->name, "it is not in the tree");
        else if (file->reason.data)
            tree_check_add(check, FINDING_UNREADABLE, file->name, file->reason.data);
        else if (!hash_equal(&file->expected, &file->found.hash))
            findings_add_hash(check->verifier->findings, str_from(file->name), &file->expected,
                              &file->found.hash);
    }
}

static bool find_strays(struct tree_check *check, struct error *error)
{
    cleanup(own_close) int copy = openat(check->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup(own_close_directory) DIR *directory = copy >= 0 ? fdopendir(copy) : NULL;
    if (!directory)
        return error_errno(error, errno, "read the directory %s", check->name);
    own_take(&copy);
    const struct dirent *entry;
    while ((entry = own_next_entry(directory)))
        if (strcmp(entry->d_name, OUTPUT_SUMS_NAME) != 0 && !tree_check_find(check, entry->d_name))
            tree_check_add(check, FINDING_STRAY, entry->d_name, "it is not in " OUTPUT_SUMS_NAME);
    return errno == 0 || error_errno(error, errno, "read the directory %s", check->name);
}

bool tree_check_files(struct tree_check *check, struct error *error)
{
    unsigned jobs = check->verifier->jobs;
    check->scratches = arena_new(check->arena, struct arena, jobs);
    for (unsigned i = 0; i < jobs; i++)
        if (!arena_reserve(&check->scratches[i], WORKER_BYTES, error))
            return false;
    if (!read_sums(check, error) || !parallel_run(jobs, check->file_count, read_one, check, error))
        return false;
    judge_files(check);
    return find_strays(check, error);
}
