#include "tests/check_calls.h"
#include "tests/check_tree.h"

#include "schema/base/own.h"
#include "schema/nix/findings.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool make_tree(struct arena *arena, struct check_tree *ret_tree)
{
    struct tree_result result;
    return check_tree_start(arena, ret_tree) &&
           CHECK_DONE(check_tree_write(ret_tree, arena, &result));
}

static bool has(struct str text, enum finding_kind kind, const char *part, struct arena arena)
{
    struct str line = arena_format(&arena, "\n%d %s", (int)kind, part);
    if (memmem(text.data, text.len, line.data, line.len))
        return true;
    printf("# %.*s\n", STR_ARG(text));
    return false;
}

static void a_changed_file_is_found_under_each_of_its_names(struct arena arena)
{
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    check_file("tree/initrd", STR("short"));
    struct str found = check_tree_verify(&tree, &arena);
    CHECK(has(found, FINDING_MISMATCHED, "initrd: ", arena));
    CHECK(has(found, FINDING_MISMATCHED, "initrd.gz: ", arena));
}

static void what_is_missing_or_stray_is_told(struct arena arena)
{
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    CHECK(unlinkat(check_directory(), "tree/grub.cfg", 0) == 0);
    check_file("tree/more", STR("x"));
    struct str found = check_tree_verify(&tree, &arena);
    CHECK(has(found, FINDING_MISSING, "grub.cfg: it is not in the tree", arena));
    CHECK(has(found, FINDING_STRAY, "more: it is not in SHA256SUMS", arena));
}

/* They might lead to what is nobody else's business. */
static void links_and_pipes_are_not_read(struct arena arena)
{
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    CHECK(unlinkat(check_directory(), "tree/grub.cfg", 0) == 0);
    CHECK(symlinkat("/etc/passwd", check_directory(), "tree/grub.cfg") == 0);
    CHECK(unlinkat(check_directory(), "tree/bzImage", 0) == 0);
    CHECK(mknodat(check_directory(), "tree/bzImage", S_IFIFO | 0644, 0) == 0);
    struct str found = check_tree_verify(&tree, &arena);
    CHECK(has(found, FINDING_UNREADABLE, "grub.cfg: ", arena));
    CHECK(has(found, FINDING_UNREADABLE, "bzImage: ", arena));
}

static void a_directory_is_looked_into(struct arena arena)
{
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    check_file("tree/extlinux/mine", STR(""));
    check_make_directory("tree/empty");
    CHECK(unlinkat(check_directory(), "tree/pxelinux.cfg/default", 0) == 0);
    struct str found = check_tree_verify(&tree, &arena);
    CHECK(has(found, FINDING_STRAY, "extlinux/mine: it is not in SHA256SUMS", arena));
    CHECK(has(found, FINDING_STRAY, "empty: it is not in SHA256SUMS", arena));
    CHECK(has(found, FINDING_MISSING, "pxelinux.cfg/default: it is not in the tree", arena));
    CHECK(!has(found, FINDING_STRAY, "extlinux: ", arena));
    CHECK(unlinkat(check_directory(), "tree/pxelinux.cfg", AT_REMOVEDIR) == 0);
    CHECK(symlinkat("/etc", check_directory(), "tree/pxelinux.cfg") == 0);
    found = check_tree_verify(&tree, &arena);
    CHECK(has(found, FINDING_UNREADABLE, "pxelinux.cfg/default: ", arena));
    CHECK(has(found, FINDING_STRAY, "pxelinux.cfg: ", arena));
}

/* A file of holes costs as much to read as one that is full. */
static void a_file_that_claims_too_much_is_not_read(struct arena arena)
{
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    CHECK(unlinkat(check_directory(), "tree/grub.cfg", 0) == 0);
    check_file("tree/grub.cfg", STR(""));
    CHECK(truncate(arena_format(&arena, "%s/tree/grub.cfg", check_directory_path()).data,
                   (off_t)1 << 40) == 0);
    CHECK(has(check_tree_verify(&tree, &arena), FINDING_UNREADABLE, "grub.cfg: ", arena));
}

static void sums_that_cannot_be_read_are_refused(struct arena arena)
{
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    check_file("tree/SHA256SUMS", STR("short\n"));
    CHECK(str_starts(check_tree_verify(&tree, &arena), STR("tree/SHA256SUMS: line 1: ")));
    CHECK(unlinkat(check_directory(), "tree/SHA256SUMS", 0) == 0);
    CHECK_STR(check_tree_verify(&tree, &arena), "tree: open SHA256SUMS: No such file or directory");
}

static void a_call_that_fails_is_a_sentence_or_a_finding(struct arena arena)
{
    cleanup(check_tree_release) struct check_tree tree;
    if (!make_tree(&arena, &tree))
        return;
    tree.source.crew.jobs = 1;
    bool has_failed = true;
    size_t failures = 0;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        check_about("call %zu", number);
        check_calls_fail(number);
        struct str found = check_tree_verify(&tree, &scratch);
        has_failed = check_calls_end();
        failures += found.len > 0;
        CHECK(found.len == 0 || has_failed);
    }
    CHECK(failures > 30);
}

int main(void)
{
    return CHECK_ALL(CASE(a_changed_file_is_found_under_each_of_its_names),
                     CASE(what_is_missing_or_stray_is_told), CASE(links_and_pipes_are_not_read),
                     CASE(a_directory_is_looked_into),
                     CASE(a_file_that_claims_too_much_is_not_read),
                     CASE(sums_that_cannot_be_read_are_refused),
                     CASE(a_call_that_fails_is_a_sentence_or_a_finding));
}
