#include "tests/check_calls.h"
#include "tests/check_tree.h"

#include "schema/base/own.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static bool has(struct str text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part));
}

static void a_tree_has_all_that_boots_and_its_checksums(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree) || !CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        return;
    CHECK_STR(check_names("tree", &arena),
              " SHA256SUMS boot.json bzImage extlinux grub.cfg initrd initrd.gz kexec kexec-boot "
              "netboot.ipxe pxelinux.cfg");
    CHECK_NUMBER(result.names.count, 11);
    CHECK_NUMBER(result.warnings.count, 1);
    CHECK_STR(check_content("tree/bzImage", &arena), "kernel");
    CHECK_NUMBER(result.ramdisk_bytes, check_content("tree/initrd", &arena).len);
    struct str sums = check_content("tree/SHA256SUMS", &arena);
    for (size_t i = 0; i < result.names.count; i++)
        CHECK(strcmp(result.names.items[i], "SHA256SUMS") == 0 || has(sums, result.names.items[i]));
    struct stat initrd, again;
    CHECK(fstatat(check_directory(), "tree/initrd", &initrd, 0) == 0);
    CHECK(fstatat(check_directory(), "tree/initrd.gz", &again, 0) == 0);
    CHECK_NUMBER(initrd.st_ino, again.st_ino);
    CHECK(fstatat(check_directory(), "tree/kexec-boot", &again, 0) == 0);
    CHECK_NUMBER(again.st_mode & 0777, 0755);
}

static void a_kernel_of_another_name_has_two(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    tree.spec.kernel_name = STR("Image");
    CHECK_DONE(check_tree_write(&tree, &arena, &result));
    CHECK_STR(check_content("tree/Image", &arena), "kernel");
    CHECK_STR(check_content("tree/bzImage", &arena), "kernel");
}

static void a_kernel_whose_name_is_taken_is_refused(struct arena arena)
{
    static const char *const names[] = {
        "initrd",    "initrd.gz",    "netboot.ipxe", "grub.cfg",
        "boot.json", "kexec-boot",   "SHA256SUMS",   "nix-store.squashfs",
        "extlinux",  "pxelinux.cfg", "kexec",        "boot.efi"
    };
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tree.spec.kernel_name = str_from(names[i]);
        CHECK_REFUSED(check_tree_write(&tree, &arena, &result),
                      arena_format(&arena,
                                   "a tree has another file with the kernel's name '%s'; rename "
                                   "the kernel, or give --kernel",
                                   names[i]));
    }
    CHECK_STR(check_names("tree", &arena), "");
}

static void a_machine_with_too_little_memory_is_refused(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    tree.request.target_bytes = 61 << 20;
    CHECK(!check_tree_write(&tree, &arena, &result));
    CHECK(str_starts(str_from(check_error->sentence), STR("booting needs at least ")));
    CHECK(str_ends(str_from(check_error->sentence), STR(", and --target-ram is 61 MiB")));
}

/* Kinds of trees that are written in different ways. */
enum { PLAIN, SEPARATE, SPLIT, COMPRESSED, BY_URL, FULL, KINDS };

/* What a tree can have besides: a ramdisk before its own, a lower image, device trees, a UKI. */
struct additions {
    struct file prepend, base; /* owned */
    struct uki uki;
};

static void additions_release(const struct additions *additions)
{
    own_close(&additions->prepend.fd);
    own_close(&additions->base.fd);
}

static void add_all(struct check_tree *tree, struct additions *additions, struct arena *arena)
{
    struct tree_request *request = &tree->request;
    check_file("prepend", STR("not a ramdisk of which anything is known"));
    check_file("dtbs/maker/board.dtb", STR("tree"));
    additions->prepend =
        (struct file){ openat(check_directory(), "prepend", O_RDONLY | O_CLOEXEC), "prepend" };
    additions->base = (struct file){ check_source_image(&tree->source, "base", *arena), "base" };
    additions->uki = check_tree_uki(tree, arena);
    request->prepends = (struct input_files){ &additions->prepend, 1 };
    request->bases = (struct input_files){ &additions->base, 1 };
    request->uki = &additions->uki;
    request->dtbs =
        (struct tree_dtbs){ .root = check_directory(), .directory = "/dtbs", .is_one = true };
    option_list_add(&request->dtbs.names, "maker/board.dtb", arena);
    request->target_bytes = (uint64_t)1 << 40;
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    for (int kind = PLAIN; kind < KINDS; kind++) {
        struct tree_result result;
        cleanup(check_tree_release) struct check_tree tree;
        if (!check_tree_start(&arena, &tree))
            return;
        tree.source.crew.jobs = 1;
        cleanup(additions_release) struct additions additions = { .prepend.fd = -1, .base.fd = -1 };
        if (kind == FULL)
            add_all(&tree, &additions, &arena);
        tree.request.separate_store = kind == SEPARATE;
        tree.request.by_url = kind == BY_URL;
        tree.request.max_size_bytes = kind == SPLIT ? 1700000 : 0;
        if (kind == COMPRESSED)
            CHECK_DONE(
                ramdisk_compression_parse(STR("zstd:1"), &tree.request.compression, check_error));
        bool has_failed = true;
        size_t failures = 0;
        for (size_t number = 1; has_failed; number++) {
            struct arena scratch = arena;
            check_about("kind %d, call %zu", kind, number);
            check_tree_empty();
            check_error->sentence[0] = '\0';
            check_calls_fail(number);
            bool done = check_tree_write(&tree, &scratch, &result);
            has_failed = check_calls_end();
            failures += !done;
            if (!CHECK(done || (has_failed && check_error->sentence[0])))
                return;
        }
        CHECK(failures > 30);
        if (kind == FULL)
            CHECK_STR(check_content("tree/dtbs/maker/board.dtb", &arena), "tree");
        check_tree_empty();
    }
}

static void signals_change_nothing_of_a_tree(struct arena arena)
{
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree;
    if (!check_tree_start(&arena, &tree))
        return;
    tree.source.crew.jobs = 1;
    CHECK_DONE(ramdisk_compression_parse(STR("zstd:1"), &tree.request.compression, check_error));
    CHECK_DONE(check_tree_write(&tree, &arena, &result));
    struct str sums = check_content("tree/SHA256SUMS", &arena);
    check_tree_empty();
    check_calls_interrupt();
    bool done = check_tree_write(&tree, &arena, &result);
    CHECK(check_calls_end());
    CHECK_DONE(done);
    CHECK_STR(check_content("tree/SHA256SUMS", &arena), sums);
    CHECK_STR(check_tree_verify(&tree, &arena), "");
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_tree_has_all_that_boots_and_its_checksums), CASE(a_kernel_of_another_name_has_two),
        CASE(a_kernel_whose_name_is_taken_is_refused),
        CASE(a_machine_with_too_little_memory_is_refused), CASE(each_call_that_fails_is_a_sentence),
        CASE(signals_change_nothing_of_a_tree));
}
