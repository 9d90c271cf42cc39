#include "builder/ramdisk/ramdisk_files.h"

#include "builder/ramdisk/newc.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/utf8.h"
#include "schema/boot/layers.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void ramdisk_files_release(const struct ramdisk_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        own_close(&files->items[i].fd);
}

/* A file with the name of an image would keep the kernel from unpacking the image. A file with the
 * name of the trailer would end the archive. */
static bool check_top(struct str top, struct error *error)
{
    if (str_starts(top, STR("nix-store.")) && str_ends(top, STR(".squashfs")))
        return error_set(error, "that is the name of a store image");
    if (str_equal(top, STR(LAYERS_NAME)))
        return error_set(error, "that is the name of the list of store images");
    return !str_equal(top, STR(NEWC_TRAILER_NAME)) || error_set(error, "that name ends an archive");
}

/* The kernel does not check paths, and it skips files that it cannot create. So paths are checked
 * here. */
static bool check_target(struct str target, struct error *error)
{
    if (utf8_control_from(target) < target.len)
        return error_set(error, "it has a control character");
    if (target.len >= NEWC_NAME_MAX)
        return error_set(error, "it is longer than a path can be");
    if (!str_is_plain_path(target))
        return error_set(error, "it is not a plain path");
    for (struct cut cut = { .tail = target, .found = true }; cut.found;) {
        cut = str_cut(cut.tail, '/');
        if (cut.head.len > NAME_MAX)
            return error_set(error, "a name in it is longer than %d bytes", NAME_MAX);
    }
    return check_top(str_cut(target, '/').head, error);
}

/* Takes a mode off the end. No set-uid: three digits are all. */
static struct str take_mode(struct str option, struct ramdisk_file *file)
{
    struct cut cut = str_cut_last(option, ':');
    uint32_t mode = 0;
    if (!cut.found || cut.tail.len != 4 || cut.tail.data[0] != '0' ||
        !str_cut_last(cut.head, ':').found)
        return option;
    for (size_t i = 1; i < cut.tail.len; i++) {
        if (cut.tail.data[i] < '0' || cut.tail.data[i] > '7')
            return option;
        mode = mode << 3 | (uint32_t)(cut.tail.data[i] - '0');
    }
    file->mode = mode;
    file->has_mode = true;
    return cut.head;
}

static bool parse_one(const char *option, struct arena *arena, struct ramdisk_file *file,
                      struct error *error)
{
    struct cut cut = str_cut_last(take_mode(str_from(option), file), ':');
    if (!cut.found || cut.head.len == 0)
        return error_set(error, "--file expects SRC:DST or SRC:DST:MODE, not '%s'", option);
    file->source = arena_copy(arena, cut.head).data;
    while (str_starts(cut.tail, STR("/")))
        cut.tail = str_skip(cut.tail, 1);
    file->target = arena_copy(arena, cut.tail);
    return check_target(file->target, error) ||
           error_in(error, "--file %s: destination '%.*s'", file->source, STR_SHOWN(file->target));
}

static bool open_one(struct ramdisk_file *file, struct error *error)
{
    struct stat status;
    if (!file_open_named(file->source, &file->fd, error))
        return false;
    if (fstat(file->fd, &status) < 0)
        return error_errno(error, errno, "open %s", file->source);
    if (!file->has_mode)
        file->mode = status.st_mode & S_IXUSR ? 0755 : 0644;
    return newc_check_size(file->source, (uint64_t)status.st_size, error);
}

static int compare_targets(const void *left, const void *right)
{
    const struct ramdisk_file *a = left, *b = right;
    return str_compare(a->target, b->target);
}

/* Two files cannot have the same destination, and a file cannot be a directory of another one. All
 * pairs are compared, because sorting does not put "a" next to "a/b": "a.b" comes between them. */
static bool check_places(const struct ramdisk_files *files, struct error *error)
{
    for (size_t i = 0; i < files->count; i++)
        for (size_t j = i + 1; j < files->count; j++) {
            struct str upper = files->items[i].target, lower = files->items[j].target;
            if (str_starts(lower, upper) &&
                (lower.len == upper.len || lower.data[upper.len] == '/'))
                return error_set(error, "--file: '%s' and '%s' cannot both be in the ramdisk",
                                 upper.data, lower.data);
        }
    return true;
}

bool ramdisk_files_parse(const struct option_list *options, struct arena *arena,
                         struct ramdisk_files *files, struct error *error)
{
    files->items = arena_new(arena, struct ramdisk_file, options->count);
    for (size_t i = 0; i < options->count; i++) {
        struct ramdisk_file *file = &files->items[files->count++];
        file->fd = -1;
        if (!parse_one(options->items[i], arena, file, error))
            return false;
    }
    qsort(files->items, files->count, sizeof *files->items, compare_targets);
    return check_places(files, error);
}

bool ramdisk_files_open(const struct ramdisk_files *files, struct error *error)
{
    for (size_t i = 0; i < files->count; i++)
        if (!open_one(&files->items[i], error))
            return false;
    return true;
}

/* Adds the parent directories of a destination, except those that the previous destination had. */
static bool write_directories(struct str target, struct str before, struct ramdisk *ramdisk,
                              struct arena scratch, struct error *error)
{
    for (size_t i = 0; i < target.len; i++) {
        struct str path = { target.data, i };
        if (target.data[i] != '/' ||
            (str_starts(before, path) && before.len > i && before.data[i] == '/'))
            continue;
        if (!ramdisk_add_directory(ramdisk, arena_copy(&scratch, path).data, error))
            return false;
    }
    return true;
}

bool ramdisk_files_write(const struct ramdisk_files *files, struct ramdisk *ramdisk,
                         struct arena scratch, struct error *error)
{
    struct str before = STR("");
    for (size_t i = 0; i < files->count; i++) {
        const struct ramdisk_file *file = &files->items[i];
        struct ramdisk_member member = {
            .name = file->target.data,
            .mode = S_IFREG | file->mode,
            .align_bytes = NEWC_ALIGN_BYTES,
        };
        uint64_t size;
        if (!write_directories(file->target, before, ramdisk, scratch, error) ||
            !ramdisk_add(ramdisk, &member, (struct file){ file->fd, file->source }, scratch, &size,
                         error))
            return false;
        before = file->target;
    }
    return true;
}
