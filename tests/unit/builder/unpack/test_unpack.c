#include "tests/check_image.h"

#include "builder/unpack/unpack.h"

#include <sys/file.h>
#include <sys/stat.h>

#define DIGEST CHECK_DIGEST "-"

/* Unpacks all paths of an image. */
static bool unpack_all(struct check_image *open, const struct store *store, struct arena arena,
                       struct unpack_result *ret_result)
{
    struct crew crew;
    bool *chosen = arena_new(&arena, bool, open->image.listed.count);
    for (size_t i = 0; i < open->image.listed.count; i++)
        chosen[i] = true;
    struct arena own = arena_split(&arena, arena_left(&arena) / 2);
    crew = (struct crew){ 1, &own };
    struct unpack_request request = { &open->image, store, chosen, &crew };
    return unpack(&request, &arena, ret_result, check_error);
}

static void what_is_there_and_right_is_left(struct arena arena)
{
    struct unpack_result result = { 0 };
    struct stat before = { 0 }, after = { 0 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open) ||
        !CHECK_DONE(unpack_all(&open, &store, arena, &result)))
        return;
    CHECK_NUMBER(result.written_count, 3);
    CHECK_NUMBER(result.held_count, 0);
    CHECK_STR(check_names("nix/store", &arena), " " DIGEST "file " DIGEST "link " DIGEST "package");
    CHECK(fstatat(store.root, "nix/store/" DIGEST "package", &before, 0) == 0);
    CHECK(unlinkat(store.root, "nix/store/" DIGEST "file", 0) == 0);
    CHECK_DONE(unpack_all(&open, &store, arena, &result));
    CHECK_NUMBER(result.written_count, 1);
    CHECK_NUMBER(result.held_count, 2);
    CHECK(fstatat(store.root, "nix/store/" DIGEST "package", &after, 0) == 0);
    CHECK_NUMBER(after.st_ino, before.st_ino);
}

static void what_is_there_and_wrong_is_refused(struct arena arena)
{
    struct unpack_result result = { .held_count = 77 };
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    check_file("nix/store/" DIGEST "file", STR("wrong"));
    if (!check_image_open("gzip", &arena, &open))
        return;
    CHECK(!unpack_all(&open, &store, arena, &result));
    CHECK(str_starts(str_from(check_error->sentence),
                     STR("/nix/store/" DIGEST "file is there, with other contents than ")));
    CHECK_STR(check_names("nix/store", &arena), " " DIGEST "file");
    CHECK_STR(check_content("nix/store/" DIGEST "file", &arena), "wrong");
    CHECK_NUMBER(result.held_count, 77);
}

/* The blocks of "plain" are gone once it is open. */
static void what_is_damaged_leaves_no_name(struct arena arena)
{
    struct unpack_result result;
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("plain", &arena, &open))
        return;
    CHECK(ftruncate(open.fd, IMAGE_SUPER_BYTES) == 0);
    CHECK(!unpack_all(&open, &store, arena, &result));
    CHECK_STR(check_names("nix/store", &arena), "");
}

static void another_hash_leaves_no_name(struct arena arena)
{
    struct unpack_result result;
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("xz", &arena, &open))
        return;
    open.image.listed.items[0].nar_hash.bytes[0] ^= 1;
    CHECK(!unpack_all(&open, &store, arena, &result));
    CHECK(str_ends(str_from(check_error->sentence),
                   STR("do not have the hash that its manifest says")));
    CHECK_STR(check_names("nix/store", &arena), "");
}

static void two_runs_do_not_share_a_store(struct arena arena)
{
    struct unpack_result result;
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    check_make_directory("nix/store");
    cleanup(own_close) int fd = openat(store.root, "nix/store", O_RDONLY | O_CLOEXEC);
    CHECK(flock(fd, LOCK_EX) == 0);
    if (check_image_open("lz4", &arena, &open))
        CHECK_REFUSED(unpack_all(&open, &store, arena, &result),
                      "/nix/store: another process is unpacking to it");
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_there_and_right_is_left),
                     CASE(what_is_there_and_wrong_is_refused), CASE(what_is_damaged_leaves_no_name),
                     CASE(another_hash_leaves_no_name), CASE(two_runs_do_not_share_a_store));
}
