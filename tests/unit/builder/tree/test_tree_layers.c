#include "tests/check_tree.h"

#include "schema/base/own.h"
#include "schema/boot/verity.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t size_of(const char *path)
{
    struct stat status = { .st_size = -1 };
    CHECK(fstatat(check_directory(), path, &status, AT_SYMLINK_NOFOLLOW) == 0);
    return (uint64_t)status.st_size;
}

/* Checks that the files of a layer are where boot.json says, with the size that it says. */
static void check_files(const struct tree_result *result, size_t index, struct arena arena)
{
    const struct tree_image *image = &result->description.images[index];
    struct str path = arena_format(&arena, "tree/%s", image->file);
    struct verity_shape shape = { .size_bytes = 0 };
    CHECK_DONE(verity_shape_of(image->size_bytes, &shape, check_error));
    CHECK_NUMBER(size_of(path.data), image->size_bytes);
    CHECK_NUMBER(size_of(verity_name(path, &arena).data), shape.size_bytes);
    CHECK_STR(image->file,
              arena_format(&arena, "stores/%s.squashfs", hash_to_hex(&image->root).text));
}

static void the_ramdisk_has_a_list_of_the_images_beside_it(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    struct layer_list layers = { 0 };
    if (!check_tree_start(&arena, &tree))
        return;
    tree.request.by_url = true;
    if (!CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        return;
    const struct tree_description *description = &result.description;
    CHECK_STR(check_names("tree", &arena),
              " SHA256SUMS boot.json bzImage extlinux grub.cfg initrd initrd.gz kexec kexec-boot "
              "netboot.ipxe nix-store.squashfs.newc pxelinux.cfg stores");
    check_files(&result, 0, arena);
    struct str initrd = check_content("tree/initrd", &arena);
    struct str list = { initrd.data + description->layers.offset, description->layers.size_bytes };
    CHECK_DONE(layers_parse(list, &arena, &layers, check_error));
    CHECK_NUMBER(layers.count, 1);
    CHECK_NUMBER(layers_bytes(&layers), description->layer_bytes);
    CHECK_NUMBER(description->ramdisk_count, 1);
    CHECK_NUMBER(description->piece_count, 2);
    CHECK_STR(description->ramdisks[1].name, "nix-store.squashfs.newc");
    CHECK_STR(description->ramdisks[2].name, description->images[0].file);
}

static void bases_are_layers_below_the_new_image(struct arena arena)
{
    struct tree_result result;
    struct file base = { .name = "base", .fd = memfd_create("base", MFD_CLOEXEC) };
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    CHECK(ftruncate(base.fd, 8192) == 0);
    tree.request.bases = (struct input_files){ &base, 1 };
    tree.request.by_url = true;
    if (CHECK_DONE(check_tree_write(&tree, &arena, &result)) &&
        CHECK_NUMBER(result.description.image_count, 2)) {
        check_files(&result, 0, arena);
        check_files(&result, 1, arena);
        CHECK_STR(result.description.images[1].name, "nix-store.1.squashfs");
        CHECK_NUMBER(result.description.piece_count, 4);
    }
    check_tree_empty();
    CHECK(ftruncate(base.fd, 8191) == 0);
    CHECK(!check_tree_write(&tree, &arena, &result));
    CHECK(str_starts(str_from(check_error->sentence), STR("add the base image base: ")));
    own_close(&base.fd);
}

/* The base is the image that is made again: one file cannot be two layers. */
static void no_image_is_there_twice(struct arena arena)
{
    struct tree_result result;
    struct file bases[2] = { { .name = "base" }, { .name = "base" } };
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    unlinkat(check_directory(), "base", 0);
    bases[0].fd = check_source_image(&tree.source, "base", arena);
    bases[1].fd = bases[0].fd;
    tree.request.bases = (struct input_files){ bases, 2 };
    tree.request.by_url = true;
    CHECK(!check_tree_write(&tree, &arena, &result));
    CHECK(strstr(check_error->sentence, "have the same root hash") != NULL);
    own_close(&bases[0].fd);
}

static void memory_is_that_of_fetching(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    tree.request.by_url = true;
    tree.request.target_bytes = 100 << 20;
    CHECK(!check_tree_write(&tree, &arena, &result));
    CHECK(str_starts(str_from(check_error->sentence), STR("fetching the store needs at least ")));
}

int main(void)
{
    return CHECK_ALL(CASE(the_ramdisk_has_a_list_of_the_images_beside_it),
                     CASE(bases_are_layers_below_the_new_image), CASE(no_image_is_there_twice),
                     CASE(memory_is_that_of_fetching));
}
