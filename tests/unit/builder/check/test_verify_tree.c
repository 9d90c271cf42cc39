#include "tests/check_libraries.h"
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

/* Kinds of trees that are read in different ways. */
enum { PLAIN, SEPARATE, COMPRESSED, BY_URL, WITH_UKI, KINDS };

static bool make_kind(int kind, struct arena *arena, struct check_tree *ret_tree)
{
    static struct uki uki;
    struct tree_result result;
    if (!check_tree_start(arena, ret_tree))
        return false;
    ret_tree->source.crew.jobs = 1;
    ret_tree->request.separate_store = kind == SEPARATE;
    ret_tree->request.by_url = kind == BY_URL;
    if (kind == WITH_UKI) {
        uki = check_tree_uki(ret_tree, arena);
        ret_tree->request.uki = &uki;
    }
    return (kind != COMPRESSED ||
            CHECK_DONE(ramdisk_compression_parse(STR("zstd:1"), &ret_tree->request.compression,
                                                 check_error))) &&
           CHECK_DONE(check_tree_write(ret_tree, arena, &result));
}

struct verifying {
    const struct check_tree *tree;
    struct arena arena;
};

/* It is not done if it finds nothing. */
static bool verify_failing(void *context)
{
    const struct verifying *verifying = context;
    struct arena arena = verifying->arena;
    return check_tree_verify(verifying->tree, &arena).len > 0 && !check_error->sentence[0];
}

/* A file of the tree is another one than it was, and whatever fails, that is found or nothing is. */
static void no_failure_hides_damage(struct arena arena)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct arena scratch = arena;
        cleanup(check_tree_release) struct check_tree tree;
        check_about("kind %d", kind);
        if (!make_kind(kind, &scratch, &tree))
            return;
        CHECK_STR(check_tree_verify(&tree, &scratch), "");
        change("tree/kexec/run", "kexec", "kexek", scratch);
        struct verifying verifying = { &tree, scratch };
        CHECK(check_each(CHECK_CALLS, verify_failing, &verifying) > 5);
        CHECK(check_each(CHECK_LIBRARIES, verify_failing, &verifying) < 1000);
        check_tree_empty();
    }
}

int main(void)
{
    return CHECK_ALL(CASE(a_tree_in_order_has_no_findings), CASE(scripts_are_what_boot_json_says),
                     CASE(boot_json_has_to_agree_with_itself_and_the_sums),
                     CASE(what_the_sums_leave_out_is_told), CASE(no_failure_hides_damage));
}
