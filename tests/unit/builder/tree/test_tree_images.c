#include "tests/check_tree.h"

#include "builder/tree/tree_place.h"
#include "schema/base/own.h"

#include <fcntl.h>

#define D CHECK_DIGEST

/* Opens each image that the tree is said to have, and counts the paths in them. */
static size_t count_held(const struct check_tree *tree, const struct tree_result *result,
                         struct arena arena)
{
    size_t held = 0;
    for (size_t i = 0; i < result->description.image_count; i++) {
        struct image image;
        struct image_budget budget = image_budget_make(0);
        struct image_place place = { .fd = -1, .budget = &budget };
        const struct tree_image *at = &result->description.images[i];
        cleanup(own_close) int file = tree_place_open_file(tree->tree.fd, at->file, check_error);
        if (!CHECK(file >= 0) || !CHECK_DONE(tree_place_open(&file, at, &place, check_error)))
            return held;
        if (CHECK_DONE(image_open(&place, STR("/nix/store"), &arena, &image, check_error)))
            for (uint32_t j = 0; j < image.listed.count; j++)
                held += image_find(&image, image.listed.items[j].base) != 0;
        own_close(&place.fd);
    }
    return held;
}

static void one_image_is_written_into_its_place(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree) || !CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        return;
    const struct tree_image *image = &result.description.images[0];
    CHECK_NUMBER(result.description.image_count, 1);
    CHECK_STR(image->name, "nix-store.squashfs");
    CHECK_STR(image->file, "initrd");
    CHECK_NUMBER(image->offset % 4096, 0);
    CHECK_NUMBER(image->size_bytes, result.image.size_bytes);
    CHECK_NUMBER(count_held(&tree, &result, arena), 3);
}

static void several_follow_one_another(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    check_file("nix/store/" D "-c", STR("c"));
    if (!check_tree_start(&arena, &tree))
        return;
    tree.request.max_size_bytes = 1 << 20; /* "-a" alone takes 1.5 MiB */
    CHECK(!check_tree_write(&tree, &arena, &result));
    check_tree_empty();
    tree.request.max_size_bytes = 1700000;
    if (!CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        return;
    CHECK_NUMBER(count_held(&tree, &result, arena), 4);
    CHECK_STR(check_names("tree", &arena),
              " SHA256SUMS boot.json bzImage extlinux grub.cfg initrd initrd.gz kexec kexec-boot "
              "netboot.ipxe pxelinux.cfg");
}

static void separate_images_are_files_with_their_headers(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    tree.request.separate_store = true;
    if (!CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        return;
    CHECK_STR(
        check_names("tree", &arena),
        " SHA256SUMS boot.json bzImage extlinux grub.cfg initrd initrd.gz kexec kexec-boot netboot.ipxe "
        "nix-store.squashfs nix-store.squashfs.newc pxelinux.cfg");
    CHECK_NUMBER(check_content("tree/nix-store.squashfs.newc", &arena).len, 4096);
    CHECK_STR(result.description.images[0].file, "nix-store.squashfs");
    CHECK_NUMBER(result.description.ramdisk_count, 3);
    CHECK_NUMBER(count_held(&tree, &result, arena), 3);
}

static void bases_lie_below_the_new_image(struct arena arena)
{
    struct file base = { .name = "base" };
    for (int separate = 0; separate < 2; separate++) {
        struct tree_result result;
        cleanup(check_tree_release) struct check_tree tree;
        check_about("separate %d", separate);
        if (!check_tree_start(&arena, &tree))
            return;
        unlinkat(check_directory(), "base", 0);
        base.fd = check_source_image(&tree.source, "base", arena);
        tree.request.bases = (struct input_files){ &base, 1 };
        tree.request.separate_store = separate;
        if (CHECK_DONE(check_tree_write(&tree, &arena, &result))) {
            CHECK_NUMBER(result.description.image_count, 2);
            CHECK_STR(result.description.images[1].name, "nix-store.1.squashfs");
            CHECK_NUMBER(count_held(&tree, &result, arena), 6);
        }
        own_close(&base.fd);
        check_tree_empty();
    }
}

static void in_a_compressed_ramdisk_they_are_packed(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    CHECK_DONE(ramdisk_compression_parse(STR("zstd:1"), &tree.request.compression, check_error));
    if (!CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        return;
    CHECK(result.description.images[0].is_packed);
    CHECK_NUMBER(count_held(&tree, &result, arena), 3);
}

int main(void)
{
    return CHECK_ALL(CASE(one_image_is_written_into_its_place), CASE(several_follow_one_another),
                     CASE(separate_images_are_files_with_their_headers),
                     CASE(bases_lie_below_the_new_image),
                     CASE(in_a_compressed_ramdisk_they_are_packed));
}
