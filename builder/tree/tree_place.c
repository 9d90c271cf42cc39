#include "builder/tree/tree_place.h"

#include "builder/ramdisk/ramdisk_archive.h"
#include "builder/tree/tree.h"
#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

bool tree_place_is_stores_link(int directory, const char *name)
{
    char target[sizeof TREE_STORES_LINK];
    if (strcmp(name, TREE_STORES_NAME) != 0)
        return false;
    ssize_t length = readlinkat(directory, name, target, sizeof target);
    return length >= 0 && str_equal((struct str){ target, (size_t)length }, STR(TREE_STORES_LINK));
}

int tree_place_open_file(int directory, const char *name, struct error *error)
{
    char component[NAME_MAX + 1];
    cleanup(own_close) int parent = -1;
    const char *rest = name;
    for (const char *slash; (slash = strchr(rest, '/')); rest = slash + 1) {
        snprintf(component, sizeof component, "%.*s", (int)(slash - rest), rest);
        bool is_link = parent < 0 && tree_place_is_stores_link(directory, component);
        int fd = openat(parent < 0 ? directory : parent, is_link ? TREE_STORES_LINK : component,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
            int code = errno;
            error_errno(error, code, "open %s", name);
            return -code;
        }
        own_close(&parent);
        parent = fd;
    }
    return file_open_regular(parent < 0 ? directory : parent, rest, O_RDONLY, 0, error);
}

bool tree_place_read(int directory, const char *name, size_t limit_bytes, struct arena *arena,
                     struct str *ret_text, struct error *error)
{
    cleanup(own_close) int fd = tree_place_open_file(directory, name, error);
    return fd >= 0 && file_read_fd((struct file){ fd, name }, limit_bytes, arena, ret_text, error);
}

bool tree_place_open(int *file, const struct tree_image *image, struct image_place *place,
                     struct error *error)
{
    struct image_budget *budget = place->budget;
    place->size_bytes = image->size_bytes;
    place->name = image->name;
    if (!image->is_packed) {
        place->offset = image->offset;
        place->fd = own_take(file);
        return true;
    }
    struct packed_image packed = { image->name, image->offset, image->size_bytes, &budget->space,
                                   &budget->contents };
    return ramdisk_archive_unpack(*file, &packed, &place->fd, error) ||
           error_in(error, "%s", image->file);
}

bool tree_place_describe(int directory, struct arena *arena, struct str *ret_text,
                         struct tree_description *ret_description, struct error *error)
{
    if (!tree_place_read(directory, TREE_BOOT_JSON_NAME, TREE_DESCRIPTION_BYTES_MAX, arena,
                         ret_text, error))
        return false;
    return tree_description_parse(*ret_text, arena, ret_description, error) ||
           error_in(error, TREE_BOOT_JSON_NAME);
}

bool tree_place_read_lists(int directory, struct arena *arena, struct tree_lists *ret_lists,
                           struct error *error)
{
    struct str text;
    struct tree_lists lists;
    if (!tree_place_read(directory, CHECKSUMS_NAME, CHECKSUMS_BYTES_MAX, arena, &lists.sums_text,
                         error))
        return false;
    if (!checksums_parse(lists.sums_text, arena, &lists.sums, error))
        return error_in(error, CHECKSUMS_NAME);
    const struct checksum *listed = checksums_find(&lists.sums, TREE_BOOT_JSON_NAME);
    if (!listed)
        return error_set(error, CHECKSUMS_NAME " does not list " TREE_BOOT_JSON_NAME
                                               ": this is not a tree of regd-build");
    if (!tree_place_describe(directory, arena, &text, &lists.description, error))
        return false;
    const struct hash hash = digest_sha256(text);
    if (!hash_equal(&hash, &listed->hash))
        return error_set(error, TREE_BOOT_JSON_NAME " is not the file that " CHECKSUMS_NAME
                                                    " lists; build the tree again");
    *ret_lists = lists;
    return true;
}

static bool find_in_tree(int directory, const char *path, struct arena *arena,
                         struct image_place *ret_place, struct error *error)
{
    struct str text;
    struct stat status;
    struct tree_description description;
    if (!tree_place_describe(directory, arena, &text, &description, error))
        return false;
    struct image_place place = { .budget = arena_new(arena, struct image_budget, 1) };
    *place.budget = image_budget_make(0);
    const struct tree_image *image = &description.images[0];
    cleanup(own_close) int file = tree_place_open_file(directory, image->file, error);
    if (file < 0)
        return false;
    if (fstat(file, &status) < 0)
        return error_errno(error, errno, "look at %s", image->file);
    image_budget_pay(place.budget, budget_real_bytes(&status));
    if (!tree_place_open(&file, image, &place, error))
        return false;
    place.name = path;
    *ret_place = place;
    return true;
}

bool tree_place_find(const char *path, struct arena *arena, struct image_place *ret_place,
                     struct error *error)
{
    struct stat status;
    cleanup(own_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "open %s", path);
    if (S_ISDIR(status.st_mode))
        return find_in_tree(fd, path, arena, ret_place, error) || error_in(error, "%s", path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, "%s is not a file", path);
    *ret_place = (struct image_place){ .fd = own_take(&fd), .name = path };
    return true;
}
