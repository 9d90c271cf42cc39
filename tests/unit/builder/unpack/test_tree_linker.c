#include "tests/check_calls.h"
#include "tests/check_image.h"

#include "builder/reader/image_nar.h"
#include "builder/unpack/tree_linker.h"
#include "builder/unpack/tree_remover.h"
#include "builder/unpack/tree_writer.h"
#include "schema/nix/nar.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKAGE CHECK_DIGEST "-package"

/* What it has: files and links, of which some are equal to another. */
enum { FILES = 16, EQUAL_FILES = 1 };

/* A path of an image, which is written to the kit's directory, and then linked. */
struct run {
    struct check_image open;
    uint32_t top;
    int links; /* owned */
    size_t linked_count;
};

static void release(const struct run *run)
{
    check_image_release(&run->open);
    own_close(&run->links);
}

static bool start(struct run *run, struct arena arena)
{
    struct nar nar;
    cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
    run->top = image_find(&run->open.image, STR(PACKAGE));
    cleanup(tree_writer_release) struct tree_writer writer =
        tree_writer_start(&run->open.image, check_directory(), PACKAGE);
    const struct image_nar_listener listener = tree_writer_listener(&writer);
    const struct image_nar_request request = { &run->open.image, &worker, run->top, &listener };
    check_make_directory(STORE_LINKS_NAME);
    run->links = openat(check_directory(), STORE_LINKS_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return CHECK_DONE(image_worker_make(&run->open.image, &arena, &worker, check_error)) &&
           CHECK_DONE(image_nar_follow(&request, arena, &nar, check_error));
}

static bool link_all(struct run *run, struct arena arena)
{
    struct budget contents = nar_contents_budget();
    const struct tree_linker linker = { &run->open.image, check_directory(), run->links,
                                        ".draft",         &contents,         geteuid() };
    return tree_link(&linker, run->top, arena, &run->linked_count, check_error);
}

static size_t count_words(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == ' ';
    return count;
}

static void each_file_has_a_name_in_links(struct arena arena)
{
    struct stat status;
    cleanup(release) struct run run = { .open = CHECK_IMAGE_NONE, .links = -1 };
    if (!check_image_open("zstd", &arena, &run.open) || !start(&run, arena))
        return;
    CHECK_DONE(link_all(&run, arena));
    struct str names = check_names(STORE_LINKS_NAME, &arena);
    CHECK_NUMBER(run.linked_count, EQUAL_FILES);
    CHECK_NUMBER(count_words(names), FILES - EQUAL_FILES);
    CHECK_DONE(link_all(&run, arena));
    CHECK_STR(check_names(STORE_LINKS_NAME, &arena), names);
    CHECK_NUMBER(run.linked_count, EQUAL_FILES);
    CHECK(fstatat(check_directory(), PACKAGE, &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFDIR | 0555);
}

/* The path is linked, becomes "first", and is there again, as another one would be. */
static bool start_again(struct run *run, struct arena *arena)
{
    if (!check_image_open("zstd", arena, &run->open) || !start(run, *arena))
        return false;
    CHECK_DONE(link_all(run, *arena));
    CHECK(renameat(check_directory(), PACKAGE, check_directory(), "first") == 0);
    own_close(&run->links);
    return start(run, *arena);
}

static void equal_files_become_one(struct arena arena)
{
    struct stat status;
    cleanup(release) struct run run = { .open = CHECK_IMAGE_NONE, .links = -1 };
    if (!start_again(&run, &arena))
        return;
    struct str names = check_names(STORE_LINKS_NAME, &arena);
    CHECK_DONE(link_all(&run, arena));
    CHECK_NUMBER(run.linked_count, EQUAL_FILES + FILES);
    CHECK_STR(check_names(STORE_LINKS_NAME, &arena), names);
    CHECK(fstatat(check_directory(), PACKAGE, &status, 0) == 0);
    CHECK_NUMBER(status.st_mode, S_IFDIR | 0555);
    CHECK_NUMBER(status.st_mtim.tv_sec, 1);
    CHECK_STR(check_names(PACKAGE, &arena), check_names("first", &arena));
}

/* What is equal may be another user's, who can change it later, or have the set-user-ID bit. */
static void a_link_that_is_not_sealed_is_not_used(struct arena arena)
{
    cleanup(release) struct run run = { .open = CHECK_IMAGE_NONE, .links = -1 };
    if (!start_again(&run, &arena))
        return;
    struct str names = check_names(STORE_LINKS_NAME, &arena);
    for (struct cut cut = str_cut(str_skip(names, 1), ' '); cut.head.len;
         cut = str_cut(cut.tail, ' ')) {
        struct stat status;
        const char *name = arena_format(&arena, "%.*s", STR_ARG(cut.head)).data;
        CHECK(fstatat(run.links, name, &status, AT_SYMLINK_NOFOLLOW) == 0);
        CHECK(S_ISLNK(status.st_mode) || fchmodat(run.links, name, 06555, 0) == 0);
    }
    CHECK_DONE(link_all(&run, arena));
    CHECK_STR(check_names(STORE_LINKS_NAME, &arena), names);
    for (struct cut cut = str_cut(str_skip(names, 1), ' '); cut.head.len;
         cut = str_cut(cut.tail, ' ')) {
        struct stat status;
        const char *name = arena_format(&arena, "%.*s", STR_ARG(cut.head)).data;
        CHECK(fstatat(run.links, name, &status, AT_SYMLINK_NOFOLLOW) == 0);
        CHECK(S_ISLNK(status.st_mode) || !(status.st_mode & (S_ISUID | S_ISGID)));
    }
}

static void links_that_others_can_write_are_refused(struct arena arena)
{
    int fd = -1;
    (void)arena;
    if (!CHECK_DONE(tree_linker_open(check_directory(), geteuid(), &fd, check_error)))
        return;
    own_close(&fd);
    CHECK(fchmodat(check_directory(), STORE_LINKS_NAME, 0777, 0) == 0);
    CHECK_REFUSED(tree_linker_open(check_directory(), geteuid(), &fd, check_error),
                  "others may write to .links of the store; remove it");
    CHECK(unlinkat(check_directory(), STORE_LINKS_NAME, AT_REMOVEDIR) == 0);
    CHECK(symlinkat(".", check_directory(), STORE_LINKS_NAME) == 0);
    CHECK(!tree_linker_open(check_directory(), geteuid(), &fd, check_error));
}

static void a_damaged_link_is_not_used(struct arena arena)
{
    cleanup(release) struct run run = { .open = CHECK_IMAGE_NONE, .links = -1 };
    if (!check_image_open("zstd", &arena, &run.open) || !start(&run, arena))
        return;
    CHECK_DONE(link_all(&run, arena));
    struct str names = check_names(STORE_LINKS_NAME, &arena);
    struct str name = str_cut(str_skip(names, 1), ' ').head;
    const char *path = arena_format(&arena, STORE_LINKS_NAME "/%.*s", STR_ARG(name)).data;
    CHECK(unlinkat(check_directory(), path, 0) == 0);
    check_file(path, STR("damaged"));
    CHECK_DONE(link_all(&run, arena));
    CHECK_NUMBER(run.linked_count, EQUAL_FILES);
    CHECK(!str_equal(check_content(path, &arena), STR("damaged")));
    CHECK_STR(check_names(STORE_LINKS_NAME, &arena), names);
}

static void what_is_gone_is_named(struct arena arena)
{
    cleanup(release) struct run run = { .open = CHECK_IMAGE_NONE, .links = -1 };
    if (!check_image_open("zstd", &arena, &run.open) || !start(&run, arena))
        return;
    CHECK(renameat(check_directory(), PACKAGE, check_directory(), "elsewhere") == 0);
    CHECK_REFUSED(link_all(&run, arena), PACKAGE ": open the directory: No such file or directory");
}

static void what_can_be_written_has_no_name_in_links(struct arena arena)
{
    cleanup(release) struct run run = { .open = CHECK_IMAGE_NONE, .links = -1 };
    if (!check_image_open("zstd", &arena, &run.open) || !start(&run, arena))
        return;
    CHECK(fchmodat(check_directory(), PACKAGE, 0755, 0) == 0);
    CHECK(fchmodat(check_directory(), PACKAGE "/text", 0644, 0) == 0);
    CHECK_DONE(link_all(&run, arena));
    CHECK_NUMBER(count_words(check_names(STORE_LINKS_NAME, &arena)), FILES - EQUAL_FILES - 1);
}

/* ENOENT: it is gone meanwhile. EMLINK: there is no room for one more link. */
static void each_call_that_fails_leaves_whole_files(struct arena arena)
{
    static const int codes[] = { EIO, ENOENT, EMLINK };
    struct stat status;
    cleanup(release) struct run run = { .open = CHECK_IMAGE_NONE, .links = -1 };
    if (!check_image_open("zstd", &arena, &run.open))
        return;
    struct str names = STR("");
    const struct image_budget paid = *run.open.image.file.budget;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        bool has_failed = true;
        size_t failures = 0;
        for (size_t number = 1; has_failed; number++) {
            struct arena scratch = arena;
            check_about("error %d, call %zu", codes[i], number);
            *run.open.image.file.budget = paid;
            own_close(&run.links);
            run.links = -1;
            CHECK_DONE(tree_remove(check_directory(), PACKAGE, check_error));
            CHECK_DONE(tree_remove(check_directory(), STORE_LINKS_NAME, check_error));
            if (!start(&run, scratch))
                return;
            check_error->sentence[0] = '\0';
            check_calls_fail_with(number, codes[i]);
            bool done = link_all(&run, scratch);
            has_failed = check_calls_end();
            failures += !done;
            if (!CHECK(done ||
                       (has_failed && str_starts(str_from(check_error->sentence), STR(PACKAGE)))))
                return;
            CHECK(faccessat(check_directory(), ".draft", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
            CHECK_DONE(link_all(&run, scratch));
            if (names.len == 0)
                names = check_names(STORE_LINKS_NAME, &arena);
            CHECK_STR(check_names(STORE_LINKS_NAME, &scratch), names);
            CHECK(fstatat(check_directory(), PACKAGE "/text", &status, 0) == 0);
            CHECK_NUMBER(status.st_nlink, 2);
        }
        CHECK(failures > 50);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(each_file_has_a_name_in_links), CASE(equal_files_become_one),
                     CASE(a_link_that_is_not_sealed_is_not_used),
                     CASE(links_that_others_can_write_are_refused),
                     CASE(a_damaged_link_is_not_used), CASE(what_is_gone_is_named),
                     CASE(what_can_be_written_has_no_name_in_links),
                     CASE(each_call_that_fails_leaves_whole_files));
}
