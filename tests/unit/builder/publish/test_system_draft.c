#include "tests/check_calls.h"
#include "tests/check_published.h"

#include "builder/publish/system_draft.h"
#include "schema/base/own.h"
#include "schema/nix/digest.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void a_copy_has_the_hash_that_is_listed(struct arena arena)
{
    struct hash right = digest_sha256(STR("text")), wrong = digest_sha256(STR("texts"));
    uint64_t size_bytes;
    cleanup(own_close) int source = memfd_create("source", MFD_CLOEXEC);
    cleanup(own_close) int target = memfd_create("target", MFD_CLOEXEC);
    CHECK(write(source, "text", 4) == 4);
    CHECK_DONE(system_draft_copy((struct file){ source, "a" }, (struct file){ target, "a" }, &right,
                                 arena, &size_bytes, check_error));
    CHECK_NUMBER(size_bytes, 4);
    CHECK_REFUSED(system_draft_copy((struct file){ source, "a" }, (struct file){ target, "a" },
                                    &wrong, arena, &size_bytes, check_error),
                  "a is not the file that SHA256SUMS lists; build the tree again");
}

static void the_draft_is_the_tree(struct arena arena)
{
    struct stat one, other;
    cleanup(check_published_release) struct check_published check;
    if (!check_published_start(&arena, &check))
        return;
    check_make_directory("draft");
    cleanup(own_close) int draft =
        openat(check_directory(), "draft", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct publish_request request = { .directory = check.tree.tree.fd,
                                             .path = "tree",
                                             .tree = &check.read };
    CHECK_DONE(system_draft_write(&request, draft, arena, check_error));
    for (size_t i = 0; i < check.read.sums.count; i++) {
        const char *name = check.read.sums.items[i].name;
        check_about("%s", name);
        CHECK(fstatat(draft, name, &one, 0) == 0);
        CHECK_NUMBER(one.st_mode & 0777, strncmp(name, "kexec", 5) == 0 ? 0755 : 0644);
    }
    CHECK(fstatat(draft, "initrd", &one, 0) == 0 && fstatat(draft, "initrd.gz", &other, 0) == 0 &&
          one.st_ino == other.st_ino);
    CHECK(fstatat(draft, "stores", &one, AT_SYMLINK_NOFOLLOW) < 0);
}

static void each_call_that_fails_is_told(struct arena arena)
{
    bool has_failed = true;
    size_t number = 0, told = 0;
    cleanup(check_published_release) struct check_published check;
    if (!check_published_start(&arena, &check))
        return;
    const struct publish_request request = { .directory = check.tree.tree.fd,
                                             .path = "tree",
                                             .tree = &check.read };
    while (has_failed) {
        struct arena scratch = arena;
        const char *name = arena_format(&scratch, "draft.%zu", ++number).data;
        check_about("call %zu", number);
        check_make_directory(name);
        cleanup(own_close) int draft =
            openat(check_directory(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        check_calls_fail(number);
        bool done = system_draft_write(&request, draft, scratch, check_error);
        has_failed = check_calls_end();
        /* A kind of file that is looked at twice may be seen once. */
        if (!done && CHECK(has_failed))
            told += CHECK(str_ends(str_from(check_error->sentence), STR(": Input/output error")));
    }
    CHECK(told > 50);
}

int main(void)
{
    return CHECK_ALL(CASE(a_copy_has_the_hash_that_is_listed), CASE(the_draft_is_the_tree),
                     CASE(each_call_that_fails_is_told));
}
