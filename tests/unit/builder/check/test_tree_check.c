#include "tests/check_store.h"

#include "builder/check/tree_check.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUM CHECK_HASH_HEX "  "

/* A tree whose SHA256SUMS lists "initrd", which has been looked at, and "kernel", which has not. */
static bool start(struct arena *arena, struct tree_check *ret_check)
{
    struct stat status;
    check_file("initrd", STR("text"));
    check_file("kernel", STR(""));
    *ret_check = (struct tree_check){ .directory = check_directory(), .arena = arena };
    if (!CHECK_DONE(checksums_parse(STR(SUM "initrd\n" SUM "kernel\n"), arena, &ret_check->sums,
                                    check_error)) ||
        !CHECK(fstatat(check_directory(), "initrd", &status, 0) == 0))
        return false;
    ret_check->files = arena_new(arena, struct listed_file, 2);
    ret_check->files[0] = (struct listed_file){ .name = "initrd",
                                                .device = status.st_dev,
                                                .inode = status.st_ino,
                                                .modified = status.st_mtim,
                                                .size_bytes = 4,
                                                .is_there = true };
    return true;
}

static void a_file_is_found_by_its_name(struct arena arena)
{
    struct tree_check check;
    if (!start(&arena, &check))
        return;
    CHECK(tree_check_find(&check, "initrd") == &check.files[0]);
    CHECK(tree_check_find(&check, "kernel") == &check.files[1]);
    CHECK(tree_check_find(&check, "init") == NULL);
}

static bool opens(const struct tree_check *check, const char *name)
{
    cleanup(own_close) int fd = tree_check_open(check, name, check_error);
    return fd >= 0;
}

static void what_was_looked_at_is_not_opened_as_another(struct arena arena)
{
    struct tree_check check;
    if (!start(&arena, &check))
        return;
    CHECK(opens(&check, "initrd"));
    CHECK(opens(&check, "kernel"));
    check_file("other", STR("text"));
    CHECK(renameat(check_directory(), "other", check_directory(), "initrd") == 0);
    CHECK_NUMBER(tree_check_open(&check, "initrd", check_error), -ESTALE);
    CHECK_STR(str_from(check_error->sentence),
              "read initrd: the file changed during verification; verify again");
    CHECK(unlinkat(check_directory(), "initrd", 0) == 0);
    CHECK(symlinkat("kernel", check_directory(), "initrd") == 0);
    CHECK(!opens(&check, "initrd"));
}

static void a_finding_is_added_to_those_of_the_verifier(struct arena arena)
{
    struct findings findings = findings_start(&arena);
    struct verifier verifier = { .findings = &findings };
    struct tree_check check = { .verifier = &verifier };
    tree_check_add(&check, FINDING_STRAY, "more", "text");
    if (!CHECK_NUMBER(findings.count, 1))
        return;
    CHECK_NUMBER(findings.items[0].kind, FINDING_STRAY);
    CHECK_STR(findings.items[0].subject, "more");
    CHECK_STR(findings.items[0].text, "text");
}

int main(void)
{
    return CHECK_ALL(CASE(a_file_is_found_by_its_name),
                     CASE(what_was_looked_at_is_not_opened_as_another),
                     CASE(a_finding_is_added_to_those_of_the_verifier));
}
