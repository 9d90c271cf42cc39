#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"

#include <fcntl.h>
#include <string.h>

static size_t entry_count(void)
{
    cleanup(own_close_directory) DIR *directory = opendir(check_directory_path());
    size_t count = 0;
    while (directory && readdir(directory))
        count++;
    return count - 2;
}

static void a_draft_is_invisible_until_it_is_published(struct arena arena)
{
    struct stat status;
    struct draft draft;
    check_file("f", STR("old"));
    CHECK_DONE(draft_open(check_directory(), "f", &draft, check_error));
    CHECK_DONE(file_write((struct file){ draft.fd, "f" }, "new", 3, check_error));
    CHECK_STR(check_content("f", &arena), "old");
    CHECK_STR(check_content(".f.draft", &arena), "new");
    CHECK_DONE(draft_publish(&draft, 0640, check_error));
    CHECK_NUMBER(draft.fd, -1);
    CHECK_STR(check_content("f", &arena), "new");
    CHECK_NUMBER(entry_count(), 1);
    CHECK(fstatat(check_directory(), "f", &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFREG | 0640);
    draft_release(&draft);
    CHECK_STR(check_content("f", &arena), "new");
}

static void a_released_draft_leaves_nothing(struct arena arena)
{
    struct draft draft;
    check_file("f", STR("old"));
    CHECK_DONE(draft_open(check_directory(), "f", &draft, check_error));
    CHECK_DONE(file_write((struct file){ draft.fd, "f" }, "new", 3, check_error));
    draft_release(&draft);
    CHECK_NUMBER(draft.fd, -1);
    draft_release(&draft);
    CHECK_STR(check_content("f", &arena), "old");
    CHECK_NUMBER(entry_count(), 1);
    struct draft none = { .fd = -1 };
    draft_release(&none);
}

static void a_second_draft_of_one_name_is_refused(struct arena arena)
{
    cleanup(draft_release) struct draft first = { .fd = -1 };
    cleanup(draft_release) struct draft other = { .fd = -1 };
    struct draft second = { .fd = -7 };
    CHECK_DONE(draft_open(check_directory(), "f", &first, check_error));
    CHECK_DONE(file_write((struct file){ first.fd, "f" }, "first", 5, check_error));
    CHECK_REFUSED(draft_open(check_directory(), "f", &second, check_error),
                  "create f: another process is writing it");
    CHECK_NUMBER(second.fd, -7);
    CHECK_STR(check_content(".f.draft", &arena), "first");
    CHECK_DONE(draft_open(check_directory(), "other", &other, check_error));
    draft_release(&first);
    CHECK_DONE(draft_open(check_directory(), "f", &first, check_error));
}

static void a_draft_that_was_left_over_is_emptied_and_used(struct arena arena)
{
    check_file(".f.draft", STR("a long text of a run that was killed"));
    CHECK_DONE(file_publish(check_directory(), "f", STR("new"), 0644, check_error));
    CHECK_STR(check_content("f", &arena), "new");
    CHECK_NUMBER(entry_count(), 1);
}

static void a_draft_is_not_written_through_a_link(struct arena arena)
{
    struct draft draft;
    check_file("precious", STR("kept"));
    CHECK(symlinkat("precious", check_directory(), ".f.draft") == 0);
    CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                  "create f: .f.draft exists, and no earlier run left it; remove it");
    CHECK_STR(check_content("precious", &arena), "kept");
}

static void a_draft_of_another_kind_is_refused(struct arena arena)
{
    struct draft draft;
    static const mode_t kinds[] = { S_IFDIR, S_IFIFO, S_IFSOCK };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        check_about("mode %o", kinds[i]);
        CHECK((S_ISDIR(kinds[i])
                   ? mkdirat(check_directory(), ".f.draft", 0755)
                   : mknodat(check_directory(), ".f.draft", kinds[i] | 0644, 0)) == 0);
        CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                      "create f: .f.draft exists, and no earlier run left it; remove it");
        CHECK_STR(check_names(".", &arena), " .f.draft");
        CHECK(unlinkat(check_directory(), ".f.draft", S_ISDIR(kinds[i]) ? AT_REMOVEDIR : 0) == 0);
    }
}

static void a_draft_is_not_a_second_name_of_a_file(struct arena arena)
{
    struct draft draft;
    check_file("victim", STR("precious"));
    CHECK(linkat(check_directory(), "victim", check_directory(), ".f.draft", 0) == 0);
    CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                  "create f: .f.draft exists, and no earlier run left it; remove it");
    CHECK_STR(check_content("victim", &arena), "precious");
}

static void a_draft_of_another_user_is_refused(struct arena arena)
{
    struct draft draft;
    check_file(".f.draft", STR("a stranger's"));
    if (fchownat(check_directory(), ".f.draft", 65534, 65534, 0) < 0) {
        check_skip("only root gives files away");
        return;
    }
    CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                  "create f: .f.draft exists, and no earlier run left it; remove it");
    CHECK_STR(check_content(".f.draft", &arena), "a stranger's");
}

/* They could rename a file of ours to that name. */
static void a_draft_that_others_may_have_named_is_refused(struct arena arena)
{
    static const mode_t wrong[] = { 0777, 0775, 0757 }, right[] = { 0755, 01777, 01775 };
    struct draft draft;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        check_about("mode %o", wrong[i]);
        check_file(".f.draft", STR("precious"));
        CHECK(fchmod(check_directory(), wrong[i]) == 0);
        CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                      "create f: .f.draft exists, and others may have put it there; remove it");
        CHECK_STR(check_content(".f.draft", &arena), "precious");
    }
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        check_about("mode %o", right[i]);
        check_file(".f.draft", STR("left"));
        CHECK(fchmod(check_directory(), right[i]) == 0);
        if (CHECK_DONE(draft_open(check_directory(), "f", &draft, check_error)))
            draft_release(&draft);
    }
}

static void a_draft_in_a_directory_of_another_user_is_refused(struct arena arena)
{
    struct draft draft;
    check_file(".f.draft", STR("precious"));
    if (fchown(check_directory(), 65534, 65534) < 0) {
        check_skip("only root gives directories away");
        return;
    }
    CHECK_REFUSED(draft_open(check_directory(), "f", &draft, check_error),
                  "create f: .f.draft exists, and others may have put it there; remove it");
    CHECK_STR(check_content(".f.draft", &arena), "precious");
}

static void what_took_the_place_of_a_draft_is_not_published(struct arena arena)
{
    int directory = check_directory();
    struct draft draft;
    check_file("f", STR("old"));
    if (!CHECK_DONE(draft_open(directory, "f", &draft, check_error)))
        return;
    CHECK(renameat(directory, ".f.draft", directory, "aside") == 0);
    check_file(".f.draft", STR("a stranger's"));
    CHECK_REFUSED(draft_publish(&draft, 0644, check_error),
                  "publish f: another process renamed it or its draft");
    draft_release(&draft);
    CHECK_STR(check_content("f", &arena), "old");
    CHECK_STR(check_content(".f.draft", &arena), "a stranger's");
}

static void a_pair_is_not_published_if_one_was_renamed(struct arena arena)
{
    int directory = check_directory();
    for (size_t i = 0; i < 2; i++) {
        cleanup(draft_release) struct draft first = { .fd = -1 };
        cleanup(draft_release) struct draft second = { .fd = -1 };
        CHECK_DONE(draft_open(directory, "f", &first, check_error));
        CHECK_DONE(draft_open(directory, "g", &second, check_error));
        CHECK(renameat(directory, i ? ".g.draft" : ".f.draft", directory, "aside") == 0);
        CHECK(!draft_publish_pair(&first, &second, 0644, check_error));
        CHECK(faccessat(directory, "f", F_OK, 0) < 0 && faccessat(directory, "g", F_OK, 0) < 0);
    }
    CHECK_STR(check_content("aside", &arena), "");
}

/* Before the work, and without leaving anything. */
static void a_name_is_tried_as_its_draft_will_be(struct arena arena)
{
    int directory = check_directory();
    struct draft draft;
    CHECK_DONE(draft_try(directory, "f", check_error));
    CHECK(faccessat(directory, ".f.draft", F_OK, 0) < 0);
    check_file(".f.draft", STR("left by a run that was killed"));
    CHECK_DONE(draft_try(directory, "f", check_error));
    CHECK(faccessat(directory, ".f.draft", F_OK, 0) < 0);
    CHECK(symlinkat("elsewhere", directory, ".f.draft") == 0);
    CHECK_REFUSED(draft_try(directory, "f", check_error),
                  "create f: .f.draft exists, and no earlier run left it; remove it");
    CHECK(unlinkat(directory, ".f.draft", 0) == 0);
    if (!CHECK_DONE(draft_open(directory, "f", &draft, check_error)))
        return;
    CHECK_REFUSED(draft_try(directory, "f", check_error),
                  "create f: another process is writing it");
    draft_release(&draft);
    char *name = arena_alloc(&arena, 1, 250);
    memset(name, 'n', 249);
    CHECK_REFUSED(draft_try(directory, name, check_error),
                  arena_format(&arena, "the name '%s' is too long", name));
}

static void only_a_regular_file_is_replaced_by_a_draft(struct arena arena)
{
    struct draft draft;
    check_file("f", STR("kept"));
    CHECK(symlinkat("f", check_directory(), "link") == 0);
    CHECK(mkdirat(check_directory(), "directory", 0755) == 0);
    CHECK_REFUSED(draft_open(check_directory(), "link", &draft, check_error),
                  "create link: it exists and is not a regular file");
    CHECK_REFUSED(draft_open(check_directory(), "directory", &draft, check_error),
                  "create directory: it exists and is not a regular file");
    CHECK_STR(check_content("f", &arena), "kept");
    CHECK_NUMBER(entry_count(), 3);
}

static void whichever_call_fails_no_draft_is_left(struct arena arena)
{
    bool failed = true;
    (void)arena;
    for (size_t number = 1; failed; number++) {
        check_about("call %zu", number);
        check_calls_fail(number);
        bool done = file_publish(check_directory(), "f", STR("new"), 0644, check_error);
        failed = check_calls_end();
        CHECK(done || failed);
        CHECK_NUMBER(entry_count(), faccessat(check_directory(), "f", F_OK, 0) == 0);
        unlinkat(check_directory(), "f", 0);
    }
}

static void a_draft_that_cannot_be_published_is_still_a_draft(struct arena arena)
{
    struct draft draft;
    CHECK_DONE(draft_open(check_directory(), "f", &draft, check_error));
    CHECK(mkdirat(check_directory(), "f", 0755) == 0);
    CHECK_REFUSED(draft_publish(&draft, 0644, check_error), "publish f: Is a directory");
    CHECK(draft.fd >= 0);
    CHECK_STR(check_content(".f.draft", &arena), "");
    draft_release(&draft);
    CHECK_NUMBER(entry_count(), 1);
}

static void a_name_too_long_for_its_draft_is_refused(struct arena arena)
{
    struct draft draft;
    char name[250] = { 0 };
    memset(name, 'n', 249);
    const char *sentence = arena_format(&arena, "the name '%s' is too long", name).data;
    CHECK_REFUSED(draft_open(check_directory(), name, &draft, check_error), sentence);
    CHECK_REFUSED(link_publish(check_directory(), name, "x", check_error), sentence);
    name[248] = '\0';
    CHECK_DONE(file_publish(check_directory(), name, STR("x"), 0644, check_error));
    CHECK_STR(check_content(name, &arena), "x");
}

static void a_file_is_published_with_its_mode_whatever_the_umask(struct arena arena)
{
    struct stat status;
    mode_t before = umask(0077);
    CHECK_DONE(file_publish(check_directory(), "f", STR("a\0b"), 0664, check_error));
    umask(before);
    CHECK(str_equal(check_content("f", &arena), STR("a\0b")));
    CHECK(fstatat(check_directory(), "f", &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFREG | 0664);
    CHECK_REFUSED(file_publish(-1, "f", STR(""), 0644, check_error),
                  "create f: look at f: Bad file descriptor");
}

static void check_link(const char *name, const char *target)
{
    char room[64];
    ssize_t length = readlinkat(check_directory(), name, room, sizeof room);
    if (CHECK(length >= 0))
        CHECK_STR(((struct str){ room, (size_t)length }), target);
}

static void a_link_is_made_and_replaced(void)
{
    CHECK_DONE(link_publish(check_directory(), "l", "first", check_error));
    check_link("l", "first");
    CHECK_DONE(link_publish(check_directory(), "l", "/second", check_error));
    check_link("l", "/second");
    CHECK_NUMBER(entry_count(), 1);
}

static void a_link_to_a_directory_is_replaced_not_entered(void)
{
    CHECK(mkdirat(check_directory(), "d", 0755) == 0);
    CHECK_DONE(link_publish(check_directory(), "l", "d", check_error));
    CHECK_DONE(link_publish(check_directory(), "l", "e", check_error));
    check_link("l", "e");
    CHECK_NUMBER(entry_count(), 2);
}

static void a_link_that_was_left_over_does_not_hinder(void)
{
    CHECK(symlinkat("old", check_directory(), ".l.draft") == 0);
    CHECK_DONE(link_publish(check_directory(), "l", "new", check_error));
    check_link("l", "new");
    CHECK_NUMBER(entry_count(), 1);
}

static void what_is_not_a_link_is_not_replaced_by_one(struct arena arena)
{
    check_file("f", STR("kept"));
    CHECK_REFUSED(link_publish(check_directory(), "f", "x", check_error),
                  "'f' is not a symbolic link");
    CHECK_STR(check_content("f", &arena), "kept");
    CHECK(mkdirat(check_directory(), "d", 0755) == 0);
    CHECK_REFUSED(link_publish(check_directory(), "d", "x", check_error),
                  "'d' is not a symbolic link");
    CHECK_NUMBER(entry_count(), 2);
}

static void a_link_that_cannot_be_made_leaves_the_old_one(void)
{
    CHECK_DONE(link_publish(check_directory(), "l", "old", check_error));
    CHECK_REFUSED(link_publish(check_directory(), "l", "", check_error),
                  "create the link l: No such file or directory");
    CHECK_REFUSED(link_publish(-1, "l", "x", check_error), "look at l: Bad file descriptor");
    check_link("l", "old");
    CHECK_NUMBER(entry_count(), 1);
}

static void the_name_of_a_draft_is_read_back(void)
{
    char name[DRAFT_NAME_BYTES];
    struct str inner = STR("");
    CHECK_DONE(draft_name("a.b", name, check_error));
    CHECK_STR(str_from(name), ".a.b.draft");
    CHECK(draft_name_parse(str_from(name), &inner));
    CHECK_STR(inner, "a.b");
    CHECK(!draft_name_parse(STR(".draft"), &inner) && !draft_name_parse(STR("..draft"), &inner) &&
          !draft_name_parse(STR("a.draft"), &inner) && !draft_name_parse(STR(".a"), &inner));
    CHECK_STR(inner, "a.b");
}

int main(void)
{
    return CHECK_ALL(
        CASE(the_name_of_a_draft_is_read_back), CASE(a_draft_is_invisible_until_it_is_published),
        CASE(a_released_draft_leaves_nothing), CASE(a_second_draft_of_one_name_is_refused),
        CASE(a_draft_that_was_left_over_is_emptied_and_used),
        CASE(a_draft_is_not_written_through_a_link), CASE(a_draft_of_another_kind_is_refused),
        CASE(a_draft_is_not_a_second_name_of_a_file), CASE(a_draft_of_another_user_is_refused),
        CASE(a_draft_that_others_may_have_named_is_refused),
        CASE(a_draft_in_a_directory_of_another_user_is_refused),
        CASE(what_took_the_place_of_a_draft_is_not_published),
        CASE(a_pair_is_not_published_if_one_was_renamed),
        CASE(a_name_is_tried_as_its_draft_will_be),
        CASE(only_a_regular_file_is_replaced_by_a_draft),
        CASE(whichever_call_fails_no_draft_is_left),
        CASE(a_draft_that_cannot_be_published_is_still_a_draft),
        CASE(a_name_too_long_for_its_draft_is_refused),
        CASE(a_file_is_published_with_its_mode_whatever_the_umask),
        CASE(a_link_is_made_and_replaced), CASE(a_link_to_a_directory_is_replaced_not_entered),
        CASE(a_link_that_was_left_over_does_not_hinder),
        CASE(what_is_not_a_link_is_not_replaced_by_one),
        CASE(a_link_that_cannot_be_made_leaves_the_old_one));
}
