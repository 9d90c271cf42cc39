#include "tests/check_tree.h"

#include "builder/tree/tree_texts.h"
#include "schema/base/own.h"

#include <string.h>

static bool has(struct str text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part));
}

static void what_grub_cannot_pass_on_is_left_out_by_name(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    tree.spec.params = STR("x=\"a b\" y='z'");
    tree.spec.command_line = boot_spec_command_line(tree.spec.init, tree.spec.params, &arena);
    CHECK_DONE(check_tree_write(&tree, &arena, &result));
    CHECK(has(check_content("tree/grub.cfg", &arena), " 'x=a b'\n"));
    CHECK_STR(result.warnings.items[result.warnings.count - 1],
              "grub.cfg lacks the kernel parameter 'y': GRUB would change it");
    CHECK_STR(check_tree_verify(&tree, &arena), "");
}

/* Lists so many files with names of 40 bytes. */
static struct tree_building list_files(size_t count, struct arena *arena)
{
    struct tree_building building = { .directory = check_directory(), .arena = arena };
    for (size_t i = 0; i < count; i++)
        tree_list(&building, &(struct tree_file){ .name = arena_format(arena, "%040zu", i).data });
    return building;
}

static void the_sums_are_those_of_the_listed_files(struct arena arena)
{
    struct tree_building building = list_files(2, &arena);
    CHECK_DONE(tree_write_sums(&building, check_error));
    struct str sums = check_content("SHA256SUMS", &arena);
    CHECK_NUMBER(sums.len, 2 * (64 + 2 + 40 + 1));
    CHECK(has(sums, "  0000000000000000000000000000000000000001\n"));
    CHECK_NUMBER(building.result.names.count, 3);
    CHECK_STR(building.result.names.items[2], "SHA256SUMS");
}

static void too_many_files_are_refused(struct arena arena)
{
    struct tree_building building = list_files(10000, &arena);
    CHECK_REFUSED(tree_write_sums(&building, check_error),
                  "the tree has 10000 files, and SHA256SUMS may have 1 MiB; give one device tree "
                  "with --dtb");
    CHECK_STR(check_names(".", &arena), "");
}

int main(void)
{
    return CHECK_ALL(CASE(what_grub_cannot_pass_on_is_left_out_by_name),
                     CASE(the_sums_are_those_of_the_listed_files),
                     CASE(too_many_files_are_refused));
}
