#include "tests/check_tree.h"

#include "schema/base/own.h"
#include "schema/nix/findings.h"

#include <string.h>
#include <unistd.h>

/* A written tree; false where there is none. */
static bool make_tree(struct arena *arena, struct check_tree *ret_tree)
{
    struct tree_result result;
    return check_tree_start(arena, ret_tree) &&
           CHECK_DONE(check_tree_write(ret_tree, arena, &result));
}

/* Replaces the first `from` of a file of the tree by a text of the same length. */
static void change(const char *path, const char *from, const char *to, struct arena arena)
{
    struct str text = check_content(path, &arena);
    char *at = memmem(text.data, text.len, from, strlen(from));
    if (CHECK(at && strlen(from) == strlen(to)))
        memcpy(at, to, strlen(to));
    check_file(path, text);
}

static bool has(struct str text, struct str part)
{
    if (memmem(text.data, text.len, part.data, part.len))
        return true;
    printf("# %.*s\n", STR_ARG(text));
    return false;
}

static struct str finding(enum finding_kind kind, const char *text, struct arena *arena)
{
    return arena_format(arena, "\n%d %s", (int)kind, text);
}

static void a_tree_in_order_has_no_findings(struct arena arena)
{
    for (int i = 0; i < 3; i++) {
        struct tree_result result;
        cleanup(check_tree_release) struct check_tree tree;
        check_about("kind %d", i);
        if (!check_tree_start(&arena, &tree))
            return;
        tree.request.separate_store = i == 1;
        tree.request.base_url = i == 0 ? NULL : "http://server/path";
        if (i == 2)
            CHECK_DONE(
                ramdisk_compression_parse(STR("gzip"), &tree.request.compression, check_error));
        if (CHECK_DONE(check_tree_write(&tree, &arena, &result)))
            CHECK_STR(check_tree_verify(&tree, &arena), "");
        check_tree_empty();
    }
}

static void scripts_are_what_boot_json_says(struct arena arena)
{
    static const char *const names[] = { "netboot.ipxe", "grub.cfg", "kexec-boot" };
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = arena_format(&arena, "tree/%s", names[i]).data;
        struct str before = check_content(path, &arena);
        check_about("%s", names[i]);
        change(path, "quiet", "debug", arena);
        struct str found = check_tree_verify(&tree, &arena);
        CHECK(has(found,
                  finding(FINDING_DISAGREEING,
                          arena_format(&arena, "%s: it is not what boot.json says", names[i]).data,
                          &arena)));
        check_file(path, before);
    }
    CHECK_STR(check_tree_verify(&tree, &arena), "");
}

static void boot_json_has_to_agree_with_itself_and_the_sums(struct arena arena)
{
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    struct str before = check_content("tree/boot.json", &arena);
    change("tree/boot.json", "\"quiet\"", "\"debug\"", arena);
    CHECK(has(check_tree_verify(&tree, &arena),
              finding(FINDING_DISAGREEING,
                      "boot.json: commandLine is not made of init and kernelParams", &arena)));
    check_file("tree/boot.json", before);
    change("tree/boot.json", "\"size\":\t6", "\"size\":\t7", arena);
    CHECK(has(
        check_tree_verify(&tree, &arena),
        finding(FINDING_DISAGREEING, "bzImage: boot.json says another size or SHA-256", &arena)));
    check_file("tree/boot.json", STR("{}"));
    CHECK(str_starts(check_tree_verify(&tree, &arena), STR("tree/boot.json: ")));
    CHECK(unlinkat(check_directory(), "tree/boot.json", 0) == 0);
    CHECK_STR(check_tree_verify(&tree, &arena), "tree: open boot.json: No such file or directory");
}

static void what_the_sums_leave_out_is_told(struct arena arena)
{
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    change("tree/SHA256SUMS", "  bzImage\n", "  xzImage\n", arena);
    change("tree/SHA256SUMS", "  kexec-boot\n", "  kexec-bood\n", arena);
    struct str found = check_tree_verify(&tree, &arena);
    CHECK(has(found, finding(FINDING_DISAGREEING,
                             "bzImage: it is in boot.json, and not in SHA256SUMS", &arena)));
    CHECK(has(found, finding(FINDING_MISSING, "kexec-boot: it is not in the tree", &arena)));
}

int main(void)
{
    return CHECK_ALL(CASE(a_tree_in_order_has_no_findings), CASE(scripts_are_what_boot_json_says),
                     CASE(boot_json_has_to_agree_with_itself_and_the_sums),
                     CASE(what_the_sums_leave_out_is_told));
}
