#include "tests/check_image.h"
#include "tests/check_libraries.h"
#include "tests/check_published.h"

#include "builder/tree/tree.h"
#include "builder/tree/tree_place.h"
#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/digest.h"

#include <sys/stat.h>

#define IMAGE "nix-store.squashfs"

/* A tree whose ramdisk is 8 bytes and the text "image". */
static void make_tree(const char *file, struct arena *arena)
{
    static struct tree_file ramdisks[] = { { .name = "initrd", .size_bytes = 13 } };
    struct tree_image images[] = { { .name = IMAGE, .file = file, .offset = 8, .size_bytes = 5 } };
    struct str text = STR("");
    const struct tree_description description = {
        .toplevel = "/nix/store/" CHECK_DIGEST "-system",
        .label = "",
        .system = "",
        .init = "/init",
        .params = "",
        .command_line = "init=/init",
        .kernel = { .name = "bzImage" },
        .ramdisks = ramdisks,
        .images = images,
        .ramdisk_count = 1,
        .image_count = 1,
    };
    CHECK_DONE(tree_description_format(&description, arena, &text, check_error));
    check_file("tree/" TREE_BOOT_JSON_NAME, text);
    check_file("tree/initrd", STR("archive_image"));
}

static const char *below(const char *name, struct arena *arena)
{
    return arena_format(arena, "%s/%s", check_directory_path(), name).data;
}

static void a_trees_image_is_a_part_of_its_ramdisk(struct arena arena)
{
    struct image_place place = { .fd = -1 };
    char bytes[5] = "";
    make_tree("initrd", &arena);
    if (!CHECK_DONE(tree_place_find(below("tree", &arena), &arena, &place, check_error)))
        return;
    cleanup(own_close) int fd = place.fd;
    CHECK_NUMBER(place.offset, 8);
    CHECK_NUMBER(place.size_bytes, 5);
    CHECK_STR(place.name, below("tree", &arena));
    CHECK(pread(fd, bytes, 5, (off_t)place.offset) == 5 &&
          str_equal((struct str){ bytes, 5 }, STR("image")));
}

static void a_file_is_an_image_as_a_whole(struct arena arena)
{
    struct image_place place = { .fd = -1 };
    check_file("image", STR("x"));
    CHECK_DONE(tree_place_find(below("image", &arena), &arena, &place, check_error));
    cleanup(own_close) int fd = place.fd;
    CHECK(fd >= 0 && place.offset == 0 && place.size_bytes == 0);
}

static void what_is_neither_is_refused(struct arena arena)
{
    struct image_place place;
    CHECK_REFUSED(
        tree_place_find(below("none", &arena), &arena, &place, check_error),
        arena_format(&arena, "open %s: No such file or directory", below("none", &arena)));
    CHECK(mkfifoat(check_directory(), "pipe", 0600) == 0);
    CHECK_REFUSED(tree_place_find(below("pipe", &arena), &arena, &place, check_error),
                  arena_format(&arena, "%s is not a file", below("pipe", &arena)));
    check_make_directory("empty");
    CHECK(!tree_place_find(below("empty", &arena), &arena, &place, check_error));
    check_file("broken/" TREE_BOOT_JSON_NAME, STR("{"));
    CHECK_REFUSED(tree_place_find(below("broken", &arena), &arena, &place, check_error),
                  arena_format(&arena, "%s: boot.json: it is not JSON, from byte 1 on",
                               below("broken", &arena)));
}

/* A tree of another can name a file, and the file be a link. */
static void links_of_a_tree_are_not_followed(struct arena arena)
{
    struct image_place place;
    make_tree("initrd", &arena);
    check_file("secret", STR("archive_image"));
    CHECK(unlinkat(check_directory(), "tree/initrd", 0) == 0);
    CHECK(symlinkat("../secret", check_directory(), "tree/initrd") == 0);
    CHECK(!tree_place_find(below("tree", &arena), &arena, &place, check_error));
    CHECK(unlinkat(check_directory(), "tree/initrd", 0) == 0);
    CHECK(mkfifoat(check_directory(), "tree/initrd", 0600) == 0);
    CHECK(!tree_place_find(below("tree", &arena), &arena, &place, check_error));
}

static void a_file_of_a_tree_is_read_up_to_a_limit(struct arena arena)
{
    struct str text = STR("");
    check_file("tree/file", STR("12345"));
    cleanup(own_close) int tree =
        openat(check_directory(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_DONE(tree_place_read(tree, "file", 5, &arena, &text, check_error));
    CHECK_STR(text, "12345");
    CHECK_REFUSED(tree_place_read(tree, "file", 4, &arena, &text, check_error),
                  "read file: larger than the limit of 4 bytes");
    CHECK(!tree_place_read(tree, "other", 4, &arena, &text, check_error));
}

static void lists_are_those_of_one_tree(struct arena arena)
{
    struct tree_lists lists;
    make_tree("initrd", &arena);
    cleanup(own_close) int tree =
        openat(check_directory(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct hash hash = digest_sha256(check_content("tree/" TREE_BOOT_JSON_NAME, &arena));
    const struct hash other = digest_sha256(STR("other"));
    struct checksum line = { .name = TREE_BOOT_JSON_NAME, .hash = hash };
    check_file("tree/" CHECKSUMS_NAME, checksums_format(&line, 1, &arena));
    CHECK_DONE(tree_place_read_lists(tree, &arena, &lists, check_error));
    CHECK(lists.sums.count == 1 && hash_equal(&lists.sums.items[0].hash, &hash));
    CHECK_STR(lists.sums_text, checksums_format(&line, 1, &arena).data);
    CHECK_NUMBER(lists.description.image_count, 1);
    line.hash = other;
    check_file("tree/" CHECKSUMS_NAME, checksums_format(&line, 1, &arena));
    CHECK_REFUSED(tree_place_read_lists(tree, &arena, &lists, check_error),
                  "boot.json is not the file that SHA256SUMS lists; build the tree again");
    line.name = "initrd";
    check_file("tree/" CHECKSUMS_NAME, checksums_format(&line, 1, &arena));
    CHECK_REFUSED(tree_place_read_lists(tree, &arena, &lists, check_error),
                  "SHA256SUMS does not list boot.json: this is not a tree of regd-build");
    check_file("tree/" CHECKSUMS_NAME, STR("x"));
    CHECK(!tree_place_read_lists(tree, &arena, &lists, check_error));
}

struct finding_place {
    const char *path;
    uint64_t offset;
    struct arena arena;
};

static bool find_failing(void *context)
{
    struct image_place place;
    const struct finding_place *finding = context;
    struct arena arena = finding->arena;
    if (!tree_place_find(finding->path, &arena, &place, check_error))
        return false;
    own_close(&place.fd);
    return CHECK_NUMBER(place.offset, finding->offset);
}

static void each_call_that_fails_is_told(struct arena arena)
{
    make_tree("initrd", &arena);
    struct finding_place finding = { below("tree", &arena), 8, arena };
    CHECK(check_each(CHECK_CALLS, find_failing, &finding) > 5);
}

/* Its image is in stores/ of the root, where a link leads. */
static void so_it_is_in_a_published_system(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    if (!check_published_layers(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    struct finding_place finding = { below("root/current", &arena), 0, arena };
    finding.arena = arena;
    CHECK(check_each(CHECK_CALLS, find_failing, &finding) > 5);
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_trees_image_is_a_part_of_its_ramdisk), CASE(a_file_is_an_image_as_a_whole),
        CASE(what_is_neither_is_refused), CASE(links_of_a_tree_are_not_followed),
        CASE(a_file_of_a_tree_is_read_up_to_a_limit), CASE(lists_are_those_of_one_tree),
        CASE(each_call_that_fails_is_told), CASE(so_it_is_in_a_published_system));
}
