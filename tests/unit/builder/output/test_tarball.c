#include "builder/output/tarball.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "tests/check.h"
#include "tests/check_calls.h"
#include "tests/check_libraries.h"

#include <archive.h>
#include <archive_entry.h>

#include <fcntl.h>
#include <string.h>

static void the_suffix_says_how_it_is_compressed(void)
{
    static const char *const right[] = { "a.tar", "a.tar.gz", "a.tar.xz", "a.tar.zst", "b.c.tar" };
    static const char *const wrong[] = { "a", "a.tgz", "tar", "a.tar.bz2", "a.tar.zst.part", "" };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        CHECK_DONE(tarball_check_name(right[i], check_error));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        check_about("%s", wrong[i]);
        CHECK(!tarball_check_name(wrong[i], check_error));
    }
    CHECK_REFUSED(
        tarball_check_name("a.tgz", check_error),
        "--tarball expects a name that ends in .tar, .tar.gz, .tar.xz or .tar.zst, not 'a.tgz'");
}

static void free_reader(struct archive **archive)
{
    archive_read_free(*archive);
}

/* "NAME MODE SIZE[=LINK];" of each member. */
static struct str list(const char *path, struct arena *arena)
{
    struct str text = STR("");
    struct archive_entry *entry;
    cleanup(free_reader) struct archive *archive = archive_read_new();
    archive_read_support_filter_all(archive);
    archive_read_support_format_tar(archive);
    CHECK_NUMBER(archive_read_open_filename(archive, path, 65536), ARCHIVE_OK);
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        const char *link = archive_entry_hardlink(entry);
        CHECK_NUMBER(archive_entry_mtime(entry), 1);
        CHECK_NUMBER(archive_entry_uid(entry), 0);
        text =
            arena_format(arena, "%.*s%s %o %lld%s%s;", STR_ARG(text), archive_entry_pathname(entry),
                         (unsigned)archive_entry_perm(entry), (long long)archive_entry_size(entry),
                         link ? "=" : "", link ? link : "");
    }
    return text;
}

static void members_ascend_and_a_second_name_is_a_link(struct arena arena)
{
    static const char *const suffixes[] = { "tar", "tar.gz", "tar.xz", "tar.zst" };
    int directory = check_directory();
    struct output tree = { .directory = directory, .name = "tree" };
    CHECK_DONE(file_publish(directory, "initrd", STR("contents"), 0644, check_error));
    CHECK_DONE(file_publish(directory, "kexec-boot", STR("#!"), 0755, check_error));
    CHECK(linkat(directory, "initrd", directory, "initrd.gz", 0) == 0);
    CHECK(symlinkat("initrd", directory, "initrd.zst") == 0);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        struct option_list names = { 0 };
        cleanup(tarball_release) struct tarball tarball = TARBALL_NONE;
        option_list_add(&names, "initrd.zst", &arena);
        option_list_add(&names, "kexec-boot", &arena);
        option_list_add(&names, "initrd.gz", &arena);
        option_list_add(&names, "initrd", &arena);
        CHECK(mkdirat(directory, suffixes[i], 0755) == 0);
        const char *path =
            arena_format(&arena, "%s/%s/x.%s", check_directory_path(), suffixes[i], suffixes[i])
                .data;
        CHECK_DONE(tarball_open(path, &tree, &arena, &tarball, check_error));
        CHECK_DONE(tarball_write(&tarball, directory, &names, check_error));
        CHECK(access(path, F_OK) < 0);
        CHECK_DONE(tarball_publish(&tarball, check_error));
        CHECK_STR(list(path, &arena),
                  "initrd 644 8;initrd.gz 644 0=initrd;initrd.zst 644 0=initrd;kexec-boot 755 2;");
    }
}

static void a_place_in_the_tree_is_refused(struct arena arena)
{
    int directory = check_directory();
    struct output tree = { .directory = directory, .name = "tree.tar" };
    cleanup(tarball_release) struct tarball same = TARBALL_NONE;
    cleanup(tarball_release) struct tarball inside = TARBALL_NONE;
    const char *path = arena_format(&arena, "%s/tree.tar", check_directory_path()).data;
    CHECK_REFUSED(tarball_open(path, &tree, &arena, &same, check_error),
                  "create the tarball tree.tar: it would be inside the tree; write it elsewhere");
    CHECK(mkdirat(directory, "tree.tar", 0755) == 0);
    path = arena_format(&arena, "%s/tree.tar/x.tar", check_directory_path()).data;
    CHECK_REFUSED(tarball_open(path, &tree, &arena, &inside, check_error),
                  "create the tarball x.tar: it would be inside the tree; write it elsewhere");
}

static void a_missing_member_is_refused_and_nothing_published(struct arena arena)
{
    int directory = check_directory();
    struct output tree = { .directory = directory, .name = "tree" };
    struct option_list names = { 0 };
    cleanup(tarball_release) struct tarball tarball = TARBALL_NONE;
    option_list_add(&names, "missing", &arena);
    const char *path = arena_format(&arena, "%s/x.tar", check_directory_path()).data;
    CHECK_DONE(tarball_open(path, &tree, &arena, &tarball, check_error));
    CHECK_REFUSED(tarball_write(&tarball, directory, &names, check_error),
                  "open missing: No such file or directory");
    CHECK(access(path, F_OK) < 0);
}

/* Before the tree has its name: so no tarball ever lies beside a tree of another system. */
static void the_former_tarball_is_withdrawn(struct arena arena)
{
    int directory = check_directory();
    struct output tree = { .directory = directory, .name = "tree" };
    cleanup(tarball_release) struct tarball tarball = TARBALL_NONE;
    const char *path = arena_format(&arena, "%s/x.tar", check_directory_path()).data;
    CHECK_DONE(file_publish(directory, "x.tar", STR("former"), 0644, check_error));
    CHECK_DONE(tarball_open(path, &tree, &arena, &tarball, check_error));
    for (size_t number = 1; number <= 2; number++) {
        check_calls_fail(number);
        bool done = tarball_withdraw(&tarball, check_error);
        CHECK(check_calls_end());
        CHECK_REFUSED(
            done, number == 1
                      ? "remove the former tarball x.tar: Input/output error"
                      : "remove the former tarball x.tar: sync the directory: Input/output error");
    }
    CHECK_DONE(tarball_withdraw(&tarball, check_error));
    CHECK(access(path, F_OK) < 0);
}

static void where_there_is_none_nothing_is_done(void)
{
    struct option_list names = { 0 };
    struct tarball tarball = TARBALL_NONE;
    CHECK_DONE(tarball_write(&tarball, -1, &names, check_error));
    CHECK_DONE(tarball_withdraw(&tarball, check_error));
    CHECK_DONE(tarball_publish(&tarball, check_error));
    tarball_release(&tarball);
}

static void each_call_that_fails_is_a_sentence_and_nothing_is_half_there(struct arena arena)
{
    static const char *const suffixes[] = { "tar", "tar.zst" };
    int directory = check_directory();
    struct output tree = { .directory = directory, .name = "tree" };
    CHECK_DONE(file_publish(directory, "initrd", STR("contents"), 0644, check_error));
    CHECK(linkat(directory, "initrd", directory, "initrd.gz", 0) == 0);
    for (size_t i = 0; i < 2; i++) {
        struct option_list names = { 0 };
        const char *path =
            arena_format(&arena, "%s/x.%s", check_directory_path(), suffixes[i]).data;
        option_list_add(&names, "initrd", &arena);
        option_list_add(&names, "initrd.gz", &arena);
        bool has_failed = true;
        size_t failures = 0;
        for (size_t number = 1; has_failed; number++) {
            cleanup(tarball_release) struct tarball tarball = TARBALL_NONE;
            check_about("%s, call %zu", suffixes[i], number);
            unlink(path);
            check_calls_fail(number);
            bool done = tarball_open(path, &tree, &arena, &tarball, check_error) &&
                        tarball_write(&tarball, directory, &names, check_error) &&
                        tarball_publish(&tarball, check_error);
            has_failed = check_calls_end();
            failures += !done;
            CHECK(done || (has_failed && check_error->sentence[0]));
            bool is_there = access(path, F_OK) == 0;
            if (CHECK(is_there || !done) && is_there)
                CHECK_STR(list(path, &arena), "initrd 644 8;initrd.gz 644 0=initrd;");
        }
        CHECK(failures > 8);
    }
}

struct failing {
    const char *path;
    int directory;
    struct arena arena;
};

static bool write_failing(void *context)
{
    struct failing *failing = context;
    struct arena arena = failing->arena;
    struct output tree = { .directory = failing->directory, .name = "tree" };
    struct option_list names = { 0 };
    cleanup(tarball_release) struct tarball tarball = TARBALL_NONE;
    option_list_add(&names, "initrd", &arena);
    option_list_add(&names, "initrd.gz", &arena);
    unlink(failing->path);
    bool done = tarball_open(failing->path, &tree, &arena, &tarball, check_error) &&
                tarball_write(&tarball, failing->directory, &names, check_error) &&
                tarball_publish(&tarball, check_error);
    return done;
}

/* Allocations are not tried: libarchive ends the process where it finds no memory for a name. */
static void whatever_fails_in_a_library_is_a_sentence(struct arena arena)
{
    static const char *const suffixes[] = { "tar", "tar.gz", "tar.xz", "tar.zst" };
    int directory = check_directory();
    CHECK_DONE(file_publish(directory, "initrd", STR("contents"), 0644, check_error));
    CHECK(linkat(directory, "initrd", directory, "initrd.gz", 0) == 0);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        struct failing failing = {
            .path = arena_format(&arena, "%s/x.%s", check_directory_path(), suffixes[i]).data,
            .directory = directory,
            .arena = arena,
        };
        CHECK(check_each(CHECK_LIBRARIES, write_failing, &failing) >= 9);
        CHECK_STR(list(failing.path, &arena), "initrd 644 8;initrd.gz 644 0=initrd;");
    }
}

static void no_files_are_an_empty_tarball(struct arena arena)
{
    int directory = check_directory();
    struct output tree = { .directory = directory, .name = "tree" };
    struct option_list names = { 0 };
    cleanup(tarball_release) struct tarball tarball = TARBALL_NONE;
    const char *path = arena_format(&arena, "%s/x.tar", check_directory_path()).data;
    CHECK_DONE(tarball_open(path, &tree, &arena, &tarball, check_error));
    CHECK_DONE(tarball_write(&tarball, directory, &names, check_error));
    CHECK_DONE(tarball_publish(&tarball, check_error));
    CHECK_STR(list(path, &arena), "");
}

/* What the kernel tells in a file is longer or shorter than it says that the file is. */
static void a_file_of_another_size_is_refused(struct arena arena)
{
    static const struct {
        const char *directory, *name;
    } rows[] = { { "/proc/self", "status" }, { "/sys/kernel", "uevent_seqnum" } };
    struct output tree = { .directory = check_directory(), .name = "tree" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct option_list names = { 0 };
        cleanup(tarball_release) struct tarball tarball = TARBALL_NONE;
        cleanup(own_close) int directory = open(rows[i].directory, O_RDONLY | O_DIRECTORY);
        if (directory < 0 || faccessat(directory, rows[i].name, R_OK, 0) < 0)
            continue;
        const char *path = arena_format(&arena, "%s/x.tar", check_directory_path()).data;
        option_list_add(&names, rows[i].name, &arena);
        CHECK_DONE(tarball_open(path, &tree, &arena, &tarball, check_error));
        CHECK_REFUSED(tarball_write(&tarball, directory, &names, check_error),
                      arena_format(&arena, "%s changed while it was read", rows[i].name));
    }
}

int main(void)
{
    return CHECK_ALL(
        CASE(the_suffix_says_how_it_is_compressed),
        CASE(members_ascend_and_a_second_name_is_a_link), CASE(a_place_in_the_tree_is_refused),
        CASE(a_missing_member_is_refused_and_nothing_published),
        CASE(the_former_tarball_is_withdrawn), CASE(where_there_is_none_nothing_is_done),
        CASE(each_call_that_fails_is_a_sentence_and_nothing_is_half_there),
        CASE(whatever_fails_in_a_library_is_a_sentence), CASE(no_files_are_an_empty_tarball),
        CASE(a_file_of_another_size_is_refused));
}
