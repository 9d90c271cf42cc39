#include "tests/check_image.h"

#include "builder/unpack/unpack.h"

#include <sys/file.h>
#include <sys/stat.h>

#define DIGEST CHECK_DIGEST "-"

/* One image, unpacked to the kit's directory by two threads. */
struct run {
    struct check_image open;
    struct unpack_result result;
    bool chosen[3];
};

static bool run(struct run *run, struct arena *arena)
{
    struct arena own = *arena;
    struct crew crew;
    struct store store = check_store(&own);
    const struct unpack_request request = {
        .store = &store,
        .images = &run->open.image,
        .image_count = 1,
        .chosen = run->chosen,
        .crew = &crew,
    };
    bool is_done = CHECK_DONE(crew_make(2, &own, &crew, check_error)) &&
                   unpack(&request, own, &run->result, check_error);
    check_store_close(&store);
    return is_done;
}

static bool open_all(struct run *ret_run, struct arena *arena)
{
    *ret_run = (struct run){ .open = CHECK_IMAGE_NONE, .chosen = { true, true, true } };
    return check_image_open("zstd", arena, &ret_run->open);
}

static void release(const struct run *run)
{
    check_image_release(&run->open);
}

static void a_store_is_made_and_then_left(struct arena arena)
{
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&all, &arena) || !CHECK_DONE(run(&all, &arena)))
        return;
    CHECK_NUMBER(all.result.written_count, 3);
    CHECK_NUMBER(all.result.kept_count, 0);
    struct str names = check_names("nix/store", &arena);
    CHECK_DONE(run(&all, &arena));
    CHECK_NUMBER(all.result.written_count, 0);
    CHECK_NUMBER(all.result.kept_count, 3);
    CHECK_STR(check_names("nix/store", &arena), names);
}

static void only_what_is_chosen_is_unpacked(struct arena arena)
{
    cleanup(release) struct run one = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&one, &arena))
        return;
    one.chosen[0] = one.chosen[2] = false;
    CHECK_DONE(run(&one, &arena));
    CHECK_STR(check_names("nix/store", &arena),
              arena_format(&arena, " %.*s", STR_ARG(one.open.image.listed.items[1].base)));
}

static void a_path_that_is_there_and_wrong_is_refused(struct arena arena)
{
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&all, &arena))
        return;
    struct str base = all.open.image.listed.items[0].base;
    check_file(arena_format(&arena, "nix/store/%.*s", STR_ARG(base)).data, STR("another"));
    CHECK(!run(&all, &arena));
    CHECK(strstr(check_error->sentence, "the store has another path of this name; remove it: "));
    CHECK_STR(check_names("nix/store", &arena), arena_format(&arena, " %.*s", STR_ARG(base)));
}

static void a_path_with_another_hash_gets_no_name(struct arena arena)
{
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&all, &arena))
        return;
    all.open.image.listed.items[1].nar_hash.bytes[5] ^= 1;
    CHECK(!run(&all, &arena));
    CHECK(str_starts(str_from(check_error->sentence), STR("image is damaged, see 'regd-build ")));
    CHECK_STR(check_names("nix/store", &arena), "");
    all.open.image.listed.items[1].nar_size_bytes = 1;
    CHECK(!run(&all, &arena));
    CHECK(strstr(check_error->sentence, "bytes, expected 1; see 'regd-build verify'"));
}

static void what_a_killed_run_has_left_is_removed(struct arena arena)
{
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&all, &arena))
        return;
    struct str base = all.open.image.listed.items[0].base;
    check_file(arena_format(&arena, "nix/store/.%.*s.draft", STR_ARG(base)).data, STR("half"));
    check_file("nix/store/." DIGEST "other.draft/deep/file", STR("half"));
    check_file("nix/store/.links/file", STR("kept"));
    CHECK_DONE(run(&all, &arena));
    CHECK(strstr(check_names("nix/store", &arena).data, ".draft") == NULL);
    CHECK_STR(check_content("nix/store/.links/file", &arena), "kept");
}

static void one_run_at_a_time(struct arena arena)
{
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&all, &arena))
        return;
    check_make_directory("nix/store");
    int fd = openat(check_directory(), "nix/store", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(flock(fd, LOCK_EX) == 0);
    CHECK_REFUSED(run(&all, &arena),
                  "another regd-build unpacks to /nix/store; try again when it has ended");
    close(fd);
}

int main(void)
{
    return CHECK_ALL(CASE(a_store_is_made_and_then_left), CASE(only_what_is_chosen_is_unpacked),
                     CASE(a_path_that_is_there_and_wrong_is_refused),
                     CASE(a_path_with_another_hash_gets_no_name),
                     CASE(what_a_killed_run_has_left_is_removed), CASE(one_run_at_a_time));
}
