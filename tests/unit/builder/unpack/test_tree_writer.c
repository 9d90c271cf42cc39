#include "tests/check_calls.h"
#include "tests/check_image.h"

#include "builder/unpack/tree_remover.h"
#include "builder/unpack/tree_writer.h"
#include "schema/nix/nar.h"

#include <sys/stat.h>

#define DIGEST CHECK_DIGEST "-"

/* Writes a path of the image, under the name "draft". */
static bool write_path(struct check_image *open, struct str base, struct nar *ret_nar,
                       struct arena arena)
{
    cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
    cleanup(tree_writer_release) struct tree_writer writer =
        tree_writer_start(&open->image, check_directory(), "draft");
    const struct image_nar_listener listener = tree_writer_listener(&writer);
    if (!CHECK_DONE(image_worker_make(&open->image, &arena, &worker, check_error)))
        return false;
    const struct image_nar_request request = { &open->image, &worker,
                                               image_find(&open->image, base), &listener };
    return image_nar_follow(&request, arena, ret_nar, check_error);
}

/* What is on disk is hashed by other code than what wrote it. */
static void what_is_written_has_the_hash_of_the_manifest(struct arena arena)
{
    int top = check_directory();
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    for (size_t i = 0; i < open.image.listed.count; i++) {
        const struct path_info *info = &open.image.listed.items[i];
        struct nar written, found;
        struct budget contents = nar_contents_budget();
        struct nar_place place = { top, STR("draft"), &contents, NULL };
        check_about("%.*s", STR_ARG(info->base));
        if (!CHECK_DONE(write_path(&open, info->base, &written, arena)))
            return;
        CHECK(nar_hash(&place, arena, &found, check_error) == NAR_DONE);
        CHECK(hash_equal(&written.hash, &info->nar_hash));
        CHECK(hash_equal(&found.hash, &info->nar_hash));
        CHECK(renameat(top, "draft", top, arena_copy(&arena, info->base).data) == 0);
    }
    CHECK_NUMBER(open.image.listed.count, 3);
}

static void check_metadata(const char *name, mode_t mode)
{
    struct stat status;
    check_about("%s", name);
    CHECK(fstatat(check_directory(), name, &status, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK_NUMBER(status.st_mode, mode);
    CHECK_NUMBER(status.st_mtim.tv_sec, 1);
    CHECK_NUMBER(status.st_mtim.tv_nsec, 0);
}

static void modes_and_times_are_canonical(struct arena arena)
{
    struct nar nar;
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("gzip", &arena, &open) ||
        !CHECK_DONE(write_path(&open, STR(DIGEST "package"), &nar, arena)))
        return;
    check_metadata("draft", S_IFDIR | 0555);
    struct str names = check_names("draft", &arena);
    CHECK(names.len > 0);
    while (names.len > 0) {
        struct cut cut = str_cut(str_skip(names, 1), ' ');
        const char *name = arena_format(&arena, "draft/%.*s", STR_ARG(cut.head)).data;
        struct stat status;
        CHECK(fstatat(check_directory(), name, &status, AT_SYMLINK_NOFOLLOW) == 0);
        check_metadata(name, S_ISLNK(status.st_mode)   ? S_IFLNK | 0777
                             : S_ISDIR(status.st_mode) ? S_IFDIR | 0555
                             : status.st_mode & 0100   ? S_IFREG | 0555
                                                       : S_IFREG | 0444);
        names = cut.found ? (struct str){ cut.tail.data - 1, cut.tail.len + 1 } : STR("");
    }
}

static void nothing_that_exists_is_opened(struct arena arena)
{
    struct nar nar;
    int top = check_directory();
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    check_file("secret", STR("secret"));
    CHECK(symlinkat("secret", top, "draft") == 0);
    if (!check_image_open("gzip", &arena, &open))
        return;
    for (size_t i = 0; i < open.image.listed.count; i++) {
        struct str base = open.image.listed.items[i].base;
        CHECK(!write_path(&open, base, &nar, arena));
        CHECK(str_ends(str_from(check_error->sentence), STR(": File exists")));
    }
    CHECK_STR(check_content("secret", &arena), "secret");
}

static void each_call_that_fails_is_told(struct arena arena)
{
    size_t failures = 0;
    bool done = false;
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    const struct image_budget paid = *open.image.file.budget;
    for (size_t number = 1; !done; number++) {
        struct nar nar;
        check_about("call %zu", number);
        *open.image.file.budget = paid;
        CHECK_DONE(tree_remove(check_directory(), "draft", check_error));
        check_calls_fail(number);
        done = write_path(&open, STR(DIGEST "package"), &nar, arena);
        if (!check_calls_told(done))
            return;
        failures += !done;
    }
    CHECK(failures > 50);
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_written_has_the_hash_of_the_manifest),
                     CASE(modes_and_times_are_canonical), CASE(nothing_that_exists_is_opened),
                     CASE(each_call_that_fails_is_told));
}
