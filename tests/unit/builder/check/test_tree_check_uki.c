#include "tests/check_pe.h"
#include "tests/check_tree.h"

#include "builder/check/tree_check_uki.h"
#include "schema/base/own.h"
#include "schema/nix/findings.h"

#include <string.h>

/* Writes a tree with a UKI. */
static bool make_tree(struct arena *arena, struct uki *uki, struct check_tree *ret_tree)
{
    struct tree_result result;
    if (!check_tree_start(arena, ret_tree))
        return false;
    *uki = check_tree_uki(ret_tree, arena);
    ret_tree->request.uki = uki;
    return CHECK_DONE(check_tree_write(ret_tree, arena, &result));
}

/* Puts bytes into boot.efi, and verifies the tree. Apart from its checksum it must have this one finding. */
static void check_finding(struct check_tree *tree, size_t offset, const char *bytes,
                          const char *finding, struct arena arena)
{
    struct str file = check_content("tree/boot.efi", &arena);
    struct str changed = arena_copy(&arena, file);
    memcpy((char *)changed.data + offset, bytes, strlen(bytes));
    check_file("tree/boot.efi", changed);
    struct str found = check_tree_verify(tree, &arena);
    check_file("tree/boot.efi", file);
    struct str want = arena_format(&arena, "\n%d boot.efi: %s", FINDING_DISAGREEING, finding);
    const char *at = memmem(found.data, found.len, want.data, want.len);
    if (!at)
        CHECK_STR(found, want);
    CHECK(at && !memmem(at + want.len, (size_t)(found.data + found.len - at) - want.len,
                        "boot.efi: its", 13));
}

static size_t find_section(const char *name, struct arena arena)
{
    struct pe pe;
    struct str file = check_content("tree/boot.efi", &arena);
    CHECK_DONE(pe_parse(file, file.len, &arena, &pe, check_error));
    return pe_find(&pe, name)->raw_offset;
}

static void a_uki_of_other_files_is_found(struct arena arena)
{
    static const struct {
        const char *section, *finding;
    } rows[] = {
        { ".cmdline", "its section .cmdline is not the command line of boot.json" },
        { ".initrd", "its section .initrd is not the ramdisk of the tree" },
        { ".linux", "its section .linux is not the kernel of the tree" },
    };
    struct uki uki;
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &uki, &tree))
        return;
    CHECK_STR(check_tree_verify(&tree, &arena), "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_about("%s", rows[i].section);
        check_finding(&tree, find_section(rows[i].section, arena) + 2, "?", rows[i].finding, arena);
    }
}

/* The entry of a section has its size in memory at 8. */
static void a_section_that_is_longer_is_found(struct arena arena)
{
    struct uki uki;
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &uki, &tree))
        return;
    struct str file = check_content("tree/boot.efi", &arena);
    const char *entry = memmem(file.data, CHECK_PE_HEADERS_BYTES, ".initrd", 7);
    if (!CHECK(entry))
        return;
    size_t offset = (size_t)(entry - file.data) + 8;
    char longer[5] = { (char)(file.data[offset] + 1), file.data[offset + 1] };
    check_finding(&tree, offset, longer, "its section .initrd is not the ramdisk of the tree",
                  arena);
}

static void what_is_no_program_is_found(struct arena arena)
{
    struct uki uki;
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &uki, &tree))
        return;
    check_finding(&tree, 0, "NZ", "it is not a PE32+ file", arena);
}

int main(void)
{
    return CHECK_ALL(CASE(a_uki_of_other_files_is_found), CASE(a_section_that_is_longer_is_found),
                     CASE(what_is_no_program_is_found));
}
