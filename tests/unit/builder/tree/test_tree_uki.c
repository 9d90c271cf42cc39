#include "builder/tree/tree_uki.h"

#include "schema/base/own.h"
#include "tests/check_tree.h"

#include <string.h>

static void the_tree_has_a_uki_of_its_own_files(struct arena arena)
{
    struct pe pe;
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    struct uki uki = check_tree_uki(&tree, &arena);
    tree.request.uki = &uki;
    if (!CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        return;
    struct str file = check_content("tree/boot.efi", &arena);
    struct str ramdisk = check_content("tree/initrd", &arena);
    const struct tree_description *description = &result.description;
    CHECK_STR(description->uki.name, "boot.efi");
    CHECK_NUMBER(description->uki.size_bytes, file.len);
    CHECK_NUMBER(description->uki_memory_bytes, uki_memory_bytes(file.len));
    if (!CHECK_DONE(pe_parse(file, file.len, &arena, &pe, check_error)))
        return;
    const struct pe_section *section = pe_find(&pe, ".initrd");
    CHECK(section && section->virtual_bytes == ramdisk.len &&
          memcmp(file.data + section->raw_offset, ramdisk.data, ramdisk.len) == 0);
    CHECK_STR(check_tree_verify(&tree, &arena), "");
    CHECK(strstr(check_content("tree/SHA256SUMS", &arena).data, "  boot.efi\n"));
}

static void pieces_of_the_ramdisk_are_joined(struct arena arena)
{
    struct pe pe;
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    struct uki uki = check_tree_uki(&tree, &arena);
    tree.request.uki = &uki;
    tree.request.separate_store = true;
    if (!CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        return;
    struct str file = check_content("tree/boot.efi", &arena);
    if (!CHECK_DONE(pe_parse(file, file.len, &arena, &pe, check_error)))
        return;
    const struct pe_section *section = pe_find(&pe, ".initrd");
    CHECK_NUMBER(result.description.ramdisk_count, 3);
    CHECK(section && section->virtual_bytes == result.ramdisk_bytes);
    struct str last = check_content("tree/nix-store.squashfs", &arena);
    CHECK(memcmp(file.data + section->raw_offset + section->virtual_bytes - last.len, last.data,
                 last.len) == 0);
}

static void a_machine_with_too_little_memory_is_refused_before_the_work(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    struct uki uki = check_tree_uki(&tree, &arena);
    uki.kernel.size_bytes = 40 << 20;
    tree.request.uki = &uki;
    tree.request.target_bytes = 287 << 20;
    CHECK_REFUSED(
        check_tree_write(&tree, &arena, &result),
        "loading boot.efi of 40 MiB takes about 288 MiB of memory, and --target-ram is 287 "
        "MiB");
    CHECK_STR(check_names("tree", &arena), "");
}

static void a_uki_that_is_too_large_is_refused_before_the_work(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    struct uki uki = check_tree_uki(&tree, &arena);
    uki.kernel.size_bytes = (1 << 30) - 1000;
    tree.request.uki = &uki;
    CHECK_REFUSED(
        check_tree_write(&tree, &arena, &result),
        "a UKI of 1024 MiB is too large: firmware loads at most 1024 MiB; leave out --uki");
    CHECK_STR(check_names("tree", &arena), "");
}

int main(void)
{
    return CHECK_ALL(CASE(the_tree_has_a_uki_of_its_own_files),
                     CASE(pieces_of_the_ramdisk_are_joined),
                     CASE(a_machine_with_too_little_memory_is_refused_before_the_work),
                     CASE(a_uki_that_is_too_large_is_refused_before_the_work));
}
