#include "tests/check_tree.h"

#include "schema/base/own.h"
#include "schema/nix/findings.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Flips a bit of a file of the tree. */
static void flip(const char *name, uint64_t offset, struct arena arena)
{
    uint8_t byte = 0;
    const char *path = arena_format(&arena, "tree/%s", name).data;
    cleanup(own_close) int fd = openat(check_directory(), path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && pread(fd, &byte, 1, (off_t)offset) == 1);
    byte ^= 1;
    CHECK(pwrite(fd, &byte, 1, (off_t)offset) == 1);
}

static bool make(struct check_tree *tree, struct arena *arena, struct tree_result *ret_result)
{
    if (!check_tree_start(arena, tree))
        return false;
    tree->request.by_url = true;
    return CHECK_DONE(check_tree_write(tree, arena, ret_result));
}

/* Is there a finding about `subject`? */
static bool finds(const struct check_tree *tree, enum finding_kind kind, const char *subject,
                  const char *text, struct arena arena)
{
    struct str all = check_tree_verify(tree, &arena);
    const char *wanted = arena_format(&arena, "\n%d %s: %s", kind, subject, text).data;
    return CHECK(strstr(all.data, wanted) != NULL);
}

static void a_good_tree_has_no_findings(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (make(&tree, &arena, &result))
        CHECK_STR(check_tree_verify(&tree, &arena), "");
}

static void a_wrong_byte_of_an_image_is_found_by_its_root_hash(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!make(&tree, &arena, &result))
        return;
    const char *file = result.description.images[0].file;
    flip(file, 5000, arena);
    finds(&tree, FINDING_LAYOUT, "nix-store.squashfs",
          arena_format(&arena, "%s: the block at byte 4096", file).data, arena);
}

static void verity_data_is_compared(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!make(&tree, &arena, &result))
        return;
    struct str verity = verity_name(str_from(result.description.images[0].file), &arena);
    flip(verity.data, 0, arena);
    finds(&tree, FINDING_LAYOUT, "nix-store.squashfs",
          arena_format(&arena, "%s: its superblock", verity.data).data, arena);
}

static void the_list_is_that_of_the_images(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!make(&tree, &arena, &result))
        return;
    flip("initrd", result.description.layers.offset, arena);
    finds(&tree, FINDING_DISAGREEING, "nix-store.layers.json",
          "the list in the ramdisk is not what boot.json says", arena);
}

static void what_belongs_to_no_layer_is_a_stray(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!make(&tree, &arena, &result))
        return;
    check_file("tree/stores/other", STR("x"));
    finds(&tree, FINDING_STRAY, "stores/other", "it is not in SHA256SUMS", arena);
    struct str sums = check_content("tree/SHA256SUMS", &arena);
    sums = arena_format(&arena, "%.*s%s  stores/other\n", STR_ARG(sums),
                        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    CHECK(unlinkat(check_directory(), "tree/SHA256SUMS", 0) == 0);
    check_file("tree/SHA256SUMS", sums);
    finds(&tree, FINDING_STRAY, "stores/other", "it belongs to none of the layers", arena);
}

int main(void)
{
    return CHECK_ALL(CASE(a_good_tree_has_no_findings),
                     CASE(a_wrong_byte_of_an_image_is_found_by_its_root_hash),
                     CASE(verity_data_is_compared), CASE(the_list_is_that_of_the_images),
                     CASE(what_belongs_to_no_layer_is_a_stray));
}
