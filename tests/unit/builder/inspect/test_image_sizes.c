#include "tests/check_image.h"

#include "builder/inspect/image_sizes.h"

static const char *const names[] = { "gzip", "lz4", "xz", "zstd", "plain" };

/* All bytes of an image are said once: those of files by their paths, the others as tables. */
static void parts_add_up_to_the_whole(struct arena arena)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
        check_about("%s", names[i]);
        if (!check_image_open(names[i], &arena, &open))
            return;
        struct image_sizes sizes = image_sizes_take(&open.image, &arena);
        struct image_size total = { 0 };
        CHECK_NUMBER(sizes.count, open.image.tree.nodes[0].child_count);
        for (size_t j = 0; j < sizes.count; j++) {
            total.file_count += sizes.items[j].file_count;
            total.directory_count += sizes.items[j].directory_count;
            total.link_count += sizes.items[j].link_count;
            total.size_bytes += sizes.items[j].size_bytes;
            total.packed_bytes += sizes.items[j].packed_bytes;
        }
        CHECK_NUMBER(total.file_count, sizes.total.file_count);
        CHECK_NUMBER(total.link_count, sizes.total.link_count);
        CHECK_NUMBER(total.size_bytes, sizes.total.size_bytes);
        CHECK_NUMBER(total.packed_bytes, sizes.total.packed_bytes);
        CHECK_NUMBER(sizes.image_bytes, open.image.file.size_bytes);
        CHECK_NUMBER(total.packed_bytes + sizes.table_bytes, sizes.image_bytes);
    }
}

static void contents_have_the_size_that_files_have(struct arena arena)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    struct image_sizes sizes = image_sizes_take(&open.image, &arena);
    uint32_t package = image_find(&open.image, STR(CHECK_DIGEST "-package"));
    uint32_t link = image_find(&open.image, STR(CHECK_DIGEST "-link"));
    uint64_t bytes = 0;
    const struct image_tree *tree = &open.image.tree;
    for (uint32_t node = 1; node < tree->node_count; node++)
        if (tree->nodes[node].top == package &&
            image_inode_of(&open.image, node)->kind == IMAGE_REGULAR)
            bytes += image_inode_of(&open.image, node)->size_bytes;
    CHECK_STR(image_sizes_of(&sizes, package)->name, CHECK_DIGEST "-package");
    CHECK_NUMBER(image_sizes_of(&sizes, package)->size_bytes, bytes);
    CHECK(image_sizes_of(&sizes, package)->packed_bytes < bytes);
    CHECK_NUMBER(image_sizes_of(&sizes, link)->link_count, 1);
    CHECK_NUMBER(image_sizes_of(&sizes, link)->size_bytes, 0);
    CHECK_NUMBER(image_sizes_of(&sizes, link)->packed_bytes, 0);
}

int main(void)
{
    return CHECK_ALL(CASE(parts_add_up_to_the_whole), CASE(contents_have_the_size_that_files_have));
}
