#include "builder/check/tree_check_images.h"

#include "builder/ramdisk/newc.h"
#include "builder/ramdisk/ramdisk.h"
#include "builder/reader/base_images.h"
#include "builder/tree/tree_place.h"
#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/boot/layers.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

/* Reads the last bytes before the image's data. If the image is the start of a file, these are the
 * end of the file that is loaded before it. */
static bool read_before(const struct tree_check *check, const struct tree_image *image,
                        char *ret_bytes, size_t *ret_count)
{
    const struct tree_description *description = &check->description;
    const struct tree_file *file = NULL, *before = NULL;
    for (size_t i = 0; i < description->ramdisk_count + description->piece_count && !file; i++) {
        if (strcmp(description->ramdisks[i].name, image->file) == 0)
            file = &description->ramdisks[i];
        else
            before = &description->ramdisks[i];
    }
    if (!file)
        return false;
    uint64_t end = image->offset;
    if (end == 0 && before) {
        file = before;
        end = before->size_bytes;
    }
    size_t count = end < NEWC_PREFIX_MAX ? (size_t)end : NEWC_PREFIX_MAX;
    struct error unused;
    cleanup(own_close) int fd = tree_check_open(check, file->name, &unused);
    *ret_count = count;
    return fd >= 0 && file_pread(fd, ret_bytes, count, end - count) == (ssize_t)count;
}

static void check_header(struct tree_check *check, size_t index)
{
    char bytes[NEWC_PREFIX_MAX];
    size_t count;
    const struct tree_image *image = &check->description.images[index];
    bool is_piece = !tree_is_by_url(&check->description) || check->description.piece_count > 0;
    if (strcmp(image->name, layer_store_name(check->arena, index)) != 0)
        tree_check_add(check, FINDING_LAYOUT, image->name,
                       "stage 1 does not look for an image of this name");
    if (is_piece && !image->is_packed &&
        (!read_before(check, image, bytes, &count) ||
         !newc_ends_with_header(bytes, count, image->name, image->size_bytes)))
        tree_check_add(check, FINDING_LAYOUT, image->name,
                       "its header is not in front of it in the ramdisk");
    if (!image->is_packed && image->offset % RAMDISK_ALIGN_BYTES != 0)
        tree_check_add(check, FINDING_LAYOUT, image->name,
                       "it does not start on a multiple of 4096 bytes");
}

static bool open_images(struct tree_check *check, struct error *error)
{
    const struct tree_description *description = &check->description;
    check->fds = arena_new(check->arena, int, description->image_count);
    check->images = arena_new(check->arena, struct image, description->image_count);
    for (size_t i = 0; i < description->image_count; i++)
        check->fds[i] = -1;
    for (size_t i = 0; i < description->image_count; i++) {
        struct image_place place = { .budget = check->verifier->budget };
        cleanup(own_close) int file = tree_check_open(check, description->images[i].file, error);
        if (file < 0 || !tree_place_open(&file, &description->images[i], &place, error))
            return false;
        check->fds[i] = place.fd;
        if (!image_open(&place, check->verifier->store_dir, check->arena, &check->images[i], error))
            return false;
    }
    return true;
}

/* A path may be in another image than the manifest that lists it. It is verified in the image that
 * holds it. */
static bool check_image(struct tree_check *check, size_t index, struct error *error)
{
    struct image *image = &check->images[index];
    struct verify_result result;
    bool *held = arena_new(check->arena, bool, image->listed.count);
    check_header(check, index);
    for (size_t i = 0; i < check->description.image_count; i++)
        if (i != index && !base_images_mark(&check->images[i], &image->listed, held, error))
            return false;
    if (!verify_image(check->verifier, image, held, &result, error))
        return false;
    check->result.path_count += result.path_count - result.held_count;
    check->result.ok_count += result.ok_count;
    return true;
}

/* --- The system ----------------------------------------------------------------------------------- */

/* Finds the inode of a path below the store in the first image that has the path, or returns null.
 * Stops at a symbolic link: *ret_rest is the part of the path after the link. */
static const struct image_inode *find_below(const struct tree_check *check, struct str below,
                                            struct str *ret_rest)
{
    for (size_t i = 0; i < check->description.image_count; i++) {
        const struct image *image = &check->images[i];
        struct cut cut = str_cut(below, '/');
        uint32_t node = image_find(image, cut.head);
        while (node && cut.found && image_inode_of(image, node)->kind == IMAGE_DIRECTORY) {
            cut = str_cut(cut.tail, '/');
            node = image_find_child(image, node, cut.head);
        }
        if (node) {
            *ret_rest = cut.found ? cut.tail : STR("");
            return image_inode_of(image, node);
        }
    }
    return NULL;
}

/* Removes "." and ".." from a path. */
static struct str plain_path(struct str path, struct arena *arena)
{
    char *plain = arena_room(arena, path.len + 1);
    size_t length = 0;
    for (struct cut cut = { .tail = path, .found = true }; cut.found;) {
        cut = str_cut(cut.tail, '/');
        if (str_equal(cut.head, STR(".."))) {
            length = str_cut_last((struct str){ plain, length }, '/').head.len;
        } else if (cut.head.len > 0 && !str_equal(cut.head, STR("."))) {
            plain[length++] = '/';
            memcpy(plain + length, cut.head.data, cut.head.len);
            length += cut.head.len;
        }
    }
    return (struct str){ plain, length };
}

/* Returns what is wrong with the init, or null. */
static const char *judge_init(const struct tree_check *check, struct str path, struct arena scratch)
{
    struct str prefix = arena_format(&scratch, "%s/", check->verifier->store_dir.data);
    for (int links = 0; links < LINKS_MAX; links++) {
        struct str rest;
        path = plain_path(path, &scratch);
        /* An init outside the store (--init) comes from stage 1. */
        if (!str_starts(path, prefix))
            return links == 0 ? NULL : "it leads out of the store";
        const struct image_inode *inode = find_below(check, str_skip(path, prefix.len), &rest);
        if (!inode)
            return "it is in none of the images";
        if (inode->kind != IMAGE_LINK) {
            bool is_program = inode->kind == IMAGE_REGULAR && rest.len == 0 && inode->mode & 0111;
            return is_program ? NULL : "it is not an executable file";
        }
        bool is_absolute = str_starts(inode->target, STR("/"));
        size_t link_length = path.len - rest.len - (rest.len > 0);
        struct str directory = str_cut_last((struct str){ path.data, link_length }, '/').head;
        path = arena_format(&scratch, "%.*s/%.*s/%.*s", STR_ARG(is_absolute ? STR("") : directory),
                            STR_ARG(inode->target), STR_ARG(rest));
    }
    return "there are too many links on the way to it";
}

static void check_system(struct tree_check *check)
{
    struct error error;
    struct str base;
    const struct tree_description *description = &check->description;
    bool is_listed = store_path_parse(str_from(description->toplevel), check->verifier->store_dir,
                                      &base, &error) &&
                     path_list_find(&check->images[0].listed, base) != NAME_NONE;
    if (!is_listed)
        tree_check_add(check, FINDING_MISSING, description->toplevel,
                       "the manifest does not list the system");
    const char *wrong = judge_init(check, str_from(description->init), *check->arena);
    if (wrong)
        tree_check_add(check, FINDING_MISSING, description->init, wrong);
}

/* An image that cannot be opened is a finding, not an error. So the other findings are reported,
 * too. */
bool tree_check_images(struct tree_check *check, struct error *error)
{
    if (!open_images(check, error)) {
        tree_check_add(check, FINDING_UNREADABLE, "the store images", error->sentence);
        return true;
    }
    for (size_t i = 0; i < check->description.image_count; i++)
        if (!check_image(check, i, error))
            return false;
    check_system(check);
    return true;
}
