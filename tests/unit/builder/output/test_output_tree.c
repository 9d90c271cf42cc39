#include "tests/check_calls.h"
#include "tests/check_libraries.h"
#include "tests/check_store.h"

#include "builder/output/checksums.h"
#include "builder/output/output_tree.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>

#define MARK       "boot.json"
#define SUMS(name) CHECK_HASH_HEX "  " name "\n"

static bool is_there(const char *path)
{
    return faccessat(check_directory(), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* An output of the test directory. */
static bool open_output(const char *name, struct arena *arena, struct output *ret_output)
{
    const char *path = arena_format(arena, "%s/%s", check_directory_path(), name).data;
    return output_open(path, OUTPUT_DIRECTORY, arena, ret_output, check_error);
}

/* Starts a tree named "tree", puts one file into it. */
static bool start_tree(struct output *output, struct output_tree *tree, struct arena *arena)
{
    return open_output("tree", arena, output) &&
           output_tree_open(output, MARK, *arena, tree, check_error) &&
           file_publish(tree->fd, "new", STR("new"), 0644, check_error);
}

static void a_tree_appears_when_it_is_published(struct arena arena)
{
    struct stat status = { 0 };
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    if (!CHECK_DONE(start_tree(&output, &tree, &arena)))
        return;
    CHECK(!is_there("tree") && is_there(".tree.draft/new"));
    CHECK_DONE(output_tree_publish(&tree, arena, check_error));
    CHECK(is_there("tree/new") && !is_there(".tree.draft"));
    CHECK(fstatat(check_directory(), "tree", &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFDIR | 0755);
    CHECK_NUMBER(tree.fd, -1);
}

static void what_is_not_published_disappears(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    struct output_tree tree = { .fd = -1 };
    CHECK_DONE(start_tree(&output, &tree, &arena));
    output_tree_release(&tree);
    output_tree_release(&tree);
    CHECK(!is_there("tree") && !is_there(".tree.draft"));
}

static void a_former_tree_of_ours_is_replaced(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    check_file("tree/" CHECKSUMS_NAME, STR(SUMS(MARK) SUMS("old")));
    check_file("tree/" MARK, STR(""));
    check_file("tree/old", STR(""));
    if (!CHECK_DONE(start_tree(&output, &tree, &arena)))
        return;
    CHECK(is_there("tree/old"));
    CHECK_DONE(output_tree_publish(&tree, arena, check_error));
    CHECK(is_there("tree/new") && !is_there("tree/old") && !is_there(".tree.draft"));
}

static void its_directories_are_removed_too(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    check_file("tree/" CHECKSUMS_NAME, STR(SUMS(MARK) SUMS("a/b/c")));
    check_file("tree/" MARK, STR(""));
    check_file("tree/a/b/c", STR(""));
    if (!CHECK_DONE(start_tree(&output, &tree, &arena)))
        return;
    CHECK_DONE(output_tree_publish(&tree, arena, check_error));
    CHECK(is_there("tree/new") && !is_there("tree/a") && !is_there(".tree.draft"));
}

static void what_is_not_ours_is_not_replaced(struct arena arena)
{
    static const struct {
        const char *sums, *stray, *sentence;
    } rows[] = {
        { NULL, "mine",
          "replace tree: it holds 'mine', which no earlier run made; remove it, or name another "
          "directory" },
        { SUMS(MARK), "mine",
          "replace tree: it holds 'mine', which no earlier run made; remove it, or name another "
          "directory" },
        { SUMS("other"), "other",
          "replace tree: it holds 'other', which no earlier run made; remove it, or name another "
          "directory" },
        { SUMS(MARK) SUMS("a/b"), "a/mine",
          "replace tree: it holds 'a/mine', which no earlier run made; remove it, or name another "
          "directory" },
        { "x\n", CHECKSUMS_NAME,
          "replace tree: it holds 'SHA256SUMS', which no earlier run made; remove it, or name "
          "another directory" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cleanup(output_release) struct output output = { .directory = -1 };
        struct output_tree tree;
        struct str stray = arena_format(&arena, "tree/%s", rows[i].stray);
        check_about("row %zu", i);
        check_make_directory("tree");
        check_file(stray.data, STR(""));
        if (rows[i].sums)
            check_file("tree/" CHECKSUMS_NAME, str_from(rows[i].sums));
        CHECK(!start_tree(&output, &tree, &arena));
        bool is_other = i == 2; /* whichever of its two names comes first */
        CHECK(is_other || str_equal(str_from(check_error->sentence), str_from(rows[i].sentence)));
        CHECK(is_there(stray.data) && !is_there(".tree.draft"));
        unlinkat(check_directory(), stray.data, 0);
        unlinkat(check_directory(), "tree/a", AT_REMOVEDIR);
        unlinkat(check_directory(), "tree/" CHECKSUMS_NAME, 0);
    }
}

static void a_draft_that_is_left_is_used_again(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    check_file(".tree.draft/left", STR(""));
    if (!CHECK_DONE(start_tree(&output, &tree, &arena)))
        return;
    CHECK_DONE(output_tree_publish(&tree, arena, check_error));
    CHECK(is_there("tree/new") && !is_there("tree/left"));
}

static void a_draft_in_use_is_refused(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    struct output_tree tree;
    check_make_directory(".tree.draft");
    cleanup(own_close) int other =
        openat(check_directory(), ".tree.draft", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(flock(other, LOCK_EX) == 0);
    CHECK_REFUSED(start_tree(&output, &tree, &arena), "create tree: another process is writing it");
    CHECK(is_there(".tree.draft"));
}

static void a_draft_of_another_user_is_refused(struct arena arena)
{
    enum { NOBODY = 65534 };
    cleanup(output_release) struct output output = { .directory = -1 };
    struct output_tree tree;
    if (geteuid() != 0) {
        check_skip("only root can make another user's directory");
        return;
    }
    check_make_directory(".tree.draft");
    CHECK(fchownat(check_directory(), ".tree.draft", NOBODY, NOBODY, 0) == 0);
    CHECK_REFUSED(start_tree(&output, &tree, &arena),
                  "create tree: .tree.draft exists, and no earlier run left it; remove it");
}

static void a_draft_that_is_no_directory_is_refused(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    struct output_tree tree;
    check_file(".tree.draft", STR("precious"));
    CHECK_REFUSED(start_tree(&output, &tree, &arena),
                  "create tree: .tree.draft exists, and no earlier run left it; remove it");
    CHECK_STR(check_content(".tree.draft", &arena), "precious");
}

/* They could rename a directory of ours to that name, and its files would be removed. */
static void a_draft_that_others_may_have_named_is_refused(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    struct output_tree tree;
    check_file(".tree.draft/precious", STR("kept"));
    CHECK(fchmod(check_directory(), 0777) == 0);
    CHECK_REFUSED(start_tree(&output, &tree, &arena),
                  "create tree: .tree.draft exists, and others may have put it there; remove it");
    CHECK_STR(check_content(".tree.draft/precious", &arena), "kept");
}

/* Neither when it is published nor when it is given up. */
static void what_took_the_place_of_a_draft_is_left_alone(struct arena arena)
{
    int directory = check_directory();
    cleanup(output_release) struct output output = { .directory = -1 };
    struct output_tree tree = { .fd = -1 };
    if (!CHECK_DONE(start_tree(&output, &tree, &arena)))
        return;
    CHECK(renameat(directory, ".tree.draft", directory, "aside") == 0);
    check_file(".tree.draft/precious", STR("kept"));
    CHECK_REFUSED(output_tree_publish(&tree, arena, check_error),
                  "publish tree: another process renamed it or its draft");
    output_tree_release(&tree);
    CHECK_STR(check_content(".tree.draft/precious", &arena), "kept");
    CHECK(!is_there("tree") && !is_there("aside/new"));
}

static void what_appeared_meanwhile_is_not_replaced(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    struct output_tree tree = { .fd = -1 };
    if (!CHECK_DONE(start_tree(&output, &tree, &arena)))
        return;
    check_file("tree/mine", STR("kept"));
    CHECK_REFUSED(output_tree_publish(&tree, arena, check_error),
                  "replace tree: it holds 'mine', which no earlier run made; remove it, or name "
                  "another directory");
    output_tree_release(&tree);
    CHECK_STR(check_content("tree/mine", &arena), "kept");
}

/* Where two names cannot be exchanged, the former tree is moved aside. */
static void what_has_the_name_of_the_former_tree_is_left_alone(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    check_file(".tree.draft.old/precious", STR("kept"));
    CHECK(fchmod(check_directory(), 0777) == 0);
    if (!CHECK_DONE(start_tree(&output, &tree, &arena)))
        return;
    check_calls_refuse_flags();
    bool done = output_tree_publish(&tree, arena, check_error);
    check_calls_end();
    CHECK_REFUSED(done, "create tree: .tree.draft.old exists, and others may have put it there; "
                        "remove it");
    CHECK_STR(check_content(".tree.draft.old/precious", &arena), "kept");
}

static void a_former_tree_in_use_is_not_replaced(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    check_make_directory("tree");
    cleanup(own_close) int other =
        openat(check_directory(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(flock(other, LOCK_EX) == 0);
    if (!CHECK_DONE(start_tree(&output, &tree, &arena)))
        return;
    CHECK_REFUSED(output_tree_publish(&tree, arena, check_error),
                  "lock the former tree: Resource temporarily unavailable");
    CHECK(!is_there("tree/new"));
}

static void a_name_that_leaves_no_room_is_refused(struct arena arena)
{
    char name[251];
    cleanup(output_release) struct output output = { .directory = -1 };
    struct output_tree tree;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_DONE(open_output(name, &arena, &output));
    CHECK_REFUSED(output_tree_open(&output, MARK, arena, &tree, check_error),
                  arena_format(&arena, "the name '%s' is too long", name));
}

/* Or the file that is in it, or where it is. */
static bool names_the_tree(const char *sentence)
{
    return strstr(sentence, "tree") || strstr(sentence, "new") ||
           strstr(sentence, "open the directory ");
}

/* Whichever system call fails: there is the old tree or the new one, all of it. */
static void check_each_call(bool has_flags, struct arena arena)
{
    bool has_failed = true;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        cleanup(output_release) struct output output = { .directory = -1 };
        cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
        check_about("call %zu", number);
        check_empty();
        check_file("tree/" CHECKSUMS_NAME, STR(SUMS(MARK) SUMS("old")));
        check_file("tree/" MARK, STR(""));
        check_file("tree/old", STR(""));
        check_calls_fail(number);
        if (!has_flags)
            check_calls_refuse_flags();
        bool done = start_tree(&output, &tree, &scratch) &&
                    output_tree_publish(&tree, scratch, check_error);
        has_failed = check_calls_end();
        CHECK(done || (has_failed && names_the_tree(check_error->sentence)));
        output_tree_release(&tree);
        CHECK(is_there("tree/new") != is_there("tree/old"));
        CHECK(is_there("tree/new") || !done);
        CHECK(is_there("tree/old") == is_there("tree/" MARK));
        CHECK(!done || !is_there(".tree.draft.old"));
    }
}

static void each_call_that_fails_leaves_the_old_or_the_new(struct arena arena)
{
    check_each_call(true, arena);
}

static void so_it_is_where_two_names_cannot_be_exchanged(struct arena arena)
{
    check_each_call(false, arena);
}

static bool publish_new(void *context)
{
    struct arena arena = *(struct arena *)context;
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    return start_tree(&output, &tree, &arena) &&
           (mkdirat(tree.fd, "directory", 0755) == 0 ||
            error_errno(check_error, errno, "mkdirat")) &&
           output_tree_publish(&tree, arena, check_error);
}

static void remove_trees(void *context)
{
    (void)context;
    check_empty();
}

/* What is done about a failure may fail, too. */
static void each_call_from_one_on_that_fails_is_a_sentence(struct arena arena)
{
    CHECK(check_each_prepared(CHECK_CALLS, remove_trees, publish_new, &arena) > 20);
    CHECK(check_each_prepared(CHECK_ALL_CALLS, remove_trees, publish_new, &arena) > 20);
    CHECK(is_there("tree/directory"));
}

/* But for one whose name or probe could not be looked at, or removed. */
static void what_fails_before_anything_is_written_leaves_no_draft(struct arena arena)
{
    static const struct str busy = STR("create tree: another process is writing it");
    bool has_failed = true;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        cleanup(output_release) struct output output = { .directory = -1 };
        cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
        check_about("call %zu", number);
        check_empty();
        check_calls_fail_with(number, EMFILE);
        bool done = open_output("tree", &scratch, &output) &&
                    output_tree_open(&output, MARK, scratch, &tree, check_error);
        has_failed = check_calls_end();
        struct str sentence = done ? STR("") : str_from(check_error->sentence);
        CHECK(done != has_failed);
        CHECK(done || str_equal(sentence, busy) || str_ends(sentence, STR("open files")));
        CHECK(done || !is_there(".tree.draft") || str_equal(sentence, busy) ||
              is_there(".tree.draft/.tree.draft"));
    }
}

/* Not even by one that has this name while the new tree is written. */
static void a_file_is_not_replaced_by_a_tree(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    CHECK_DONE(start_tree(&output, &tree, &arena));
    check_file("tree", STR("precious"));
    CHECK_REFUSED(output_tree_publish(&tree, arena, check_error),
                  "replace tree: it is a link or a file; remove it, or name another");
    CHECK_STR(check_content("tree", &arena), "precious");
}

static void leave_draft(void *context)
{
    remove_trees(context);
    check_file(".tree.draft/directory/left", STR(""));
}

static bool clear_left(void *context)
{
    struct arena arena = *(struct arena *)context;
    cleanup(output_release) struct output output = { .directory = -1 };
    return open_output("tree", &arena, &output) && output_tree_clear(&output, check_error);
}

static void what_is_left_is_cleared_or_it_is_said(struct arena arena)
{
    CHECK(check_each_prepared(CHECK_CALLS, leave_draft, clear_left, &arena) > 5);
    CHECK(!is_there(".tree.draft"));
}

static void a_new_tree_appears_where_two_names_cannot_be_exchanged(struct arena arena)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(output_tree_release) struct output_tree tree = { .fd = -1 };
    if (!CHECK_DONE(start_tree(&output, &tree, &arena)))
        return;
    check_calls_refuse_flags();
    bool done = output_tree_publish(&tree, arena, check_error);
    check_calls_end();
    CHECK_DONE(done);
    CHECK(is_there("tree/new") && !is_there(".tree.draft") && !is_there(".tree.draft.old"));
}

int main(void)
{
    return CHECK_ALL(
        CASE(what_fails_before_anything_is_written_leaves_no_draft),
        CASE(a_tree_appears_when_it_is_published), CASE(what_is_not_published_disappears),
        CASE(a_former_tree_of_ours_is_replaced), CASE(its_directories_are_removed_too),
        CASE(what_is_not_ours_is_not_replaced), CASE(a_draft_that_is_left_is_used_again),
        CASE(a_draft_in_use_is_refused), CASE(a_draft_of_another_user_is_refused),
        CASE(a_draft_that_is_no_directory_is_refused),
        CASE(a_draft_that_others_may_have_named_is_refused),
        CASE(what_took_the_place_of_a_draft_is_left_alone),
        CASE(what_appeared_meanwhile_is_not_replaced),
        CASE(what_has_the_name_of_the_former_tree_is_left_alone),
        CASE(a_former_tree_in_use_is_not_replaced), CASE(a_name_that_leaves_no_room_is_refused),
        CASE(each_call_that_fails_leaves_the_old_or_the_new),
        CASE(so_it_is_where_two_names_cannot_be_exchanged),
        CASE(each_call_from_one_on_that_fails_is_a_sentence),
        CASE(a_file_is_not_replaced_by_a_tree), CASE(what_is_left_is_cleared_or_it_is_said),
        CASE(a_new_tree_appears_where_two_names_cannot_be_exchanged));
}
