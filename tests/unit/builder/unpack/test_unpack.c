#include "tests/check_calls.h"
#include "tests/check_image.h"

#include "builder/unpack/tree_remover.h"
#include "builder/unpack/unpack.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGEST CHECK_DIGEST "-"

/* One image, unpacked to the kit's directory. */
struct run {
    struct check_image open;
    struct unpack_result result;
    bool chosen[3], optimises;
    unsigned jobs;
    size_t failing_call; /* of the work itself, with this error; 0: none */
    int code;
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
        .optimises = run->optimises,
        .crew = &crew,
    };
    bool is_done = CHECK_DONE(crew_make(run->jobs, &own, &crew, check_error));
    if (run->failing_call > 0)
        check_calls_fail_with(run->failing_call, run->code);
    is_done = is_done && unpack(&request, own, &run->result, check_error);
    check_store_close(&store);
    return is_done;
}

static bool open_all(struct run *ret_run, struct arena *arena)
{
    *ret_run = (struct run){ .open = CHECK_IMAGE_NONE, .chosen = { true, true, true }, .jobs = 2 };
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
    const char *path = arena_format(&arena, "nix/store/%.*s", STR_ARG(base)).data;
    check_file(path, STR("another"));
    CHECK(fchmodat(check_directory(), path, 0444, 0) == 0);
    CHECK(!run(&all, &arena));
    CHECK(strstr(check_error->sentence, "the store has another path of this name; remove it: "));
    CHECK_STR(check_names("nix/store", &arena), arena_format(&arena, " %.*s", STR_ARG(base)));
}

/* The same contents, but with modes by which others could change them, or get rights. */
static void a_path_that_is_not_sealed_is_refused(struct arena arena)
{
    static const mode_t modes[] = { 06555, 04755, 01777, 0775 };
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&all, &arena) || !CHECK_DONE(run(&all, &arena)))
        return;
    struct str base = STR(DIGEST "package");
    const char *path = "nix/store/" DIGEST "package";
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        check_about("%04o", modes[i]);
        CHECK(fchmodat(check_directory(), path, modes[i], 0) == 0);
        CHECK_REFUSED(
            run(&all, &arena),
            arena_format(&arena,
                         "%.*s: it has mode %04o and owner %u: others can change it, or get rights "
                         "by it; remove it",
                         STR_ARG(base), modes[i], (unsigned)geteuid()));
    }
    CHECK(fchmodat(check_directory(), path, 0555, 0) == 0);
    CHECK_DONE(run(&all, &arena));
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

/* What is in the store then, but for the files that a draft may have left: two files and what is shared. */
static struct str whole_store(struct run *all, struct arena *arena)
{
    struct str text = STR("");
    for (size_t i = 0; i < 3; i++)
        text = arena_format(arena, "%.*s %.*s", STR_ARG(text),
                            STR_ARG(all->open.image.listed.items[i].base));
    return text;
}

/* EINVAL: a file system that knows no flags. EINTR: a signal. ENOENT: it is gone. Whichever call fails, the paths
 * that have their names are whole, for the next run looks at each, and it does the rest. */
static void whichever_call_fails_the_next_run_completes(struct arena arena)
{
    static const int codes[] = { EIO, EINVAL, EINTR, ENOENT, EWOULDBLOCK };
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&all, &arena))
        return;
    all.jobs = 1;
    all.optimises = true;
    const struct image_budget paid = *all.open.image.file.budget;
    struct str names = arena_format(&arena, " .links%.*s", STR_ARG(whole_store(&all, &arena)));
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        bool has_failed = true;
        size_t failures = 0;
        for (size_t number = 1; has_failed; number++) {
            struct arena scratch = arena;
            check_about("error %d, call %zu", codes[i], number);
            *all.open.image.file.budget = paid;
            CHECK_DONE(tree_remove(check_directory(), "nix", check_error));
            check_error->sentence[0] = '\0';
            all.failing_call = number;
            all.code = codes[i];
            bool done = run(&all, &scratch);
            has_failed = check_calls_end();
            all.failing_call = 0;
            failures += !done;
            if (!CHECK(done || (has_failed && check_error->sentence[0])))
                return;
            *all.open.image.file.budget = paid;
            if (!CHECK_DONE(run(&all, &scratch)))
                return;
            CHECK_NUMBER(all.result.written_count + all.result.kept_count, 3);
            CHECK_STR(check_names("nix/store", &scratch), names);
        }
        CHECK(failures > 50);
    }
}

static void what_no_image_has_is_named(struct arena arena)
{
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&all, &arena))
        return;
    struct path_info *info = &all.open.image.listed.items[1];
    info->base = STR(DIGEST "other");
    CHECK_REFUSED(run(&all, &arena),
                  DIGEST "other is neither in an image nor in the store; name the image "
                         "that has it with --base");
    CHECK_STR(check_names("nix/store", &arena), "");
}

static void space_is_looked_for_before_writing(struct arena arena)
{
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (!open_all(&all, &arena))
        return;
    uint32_t node = image_find(&all.open.image, all.open.image.listed.items[0].base);
    struct image_inode *inode =
        (struct image_inode *)(uintptr_t)image_inode_of(&all.open.image, node);
    inode->size_bytes = (uint64_t)1 << 60;
    all.open.image.listed.items[0].nar_size_bytes = 0;
    CHECK(!run(&all, &arena));
    CHECK(str_starts(str_from(check_error->sentence),
                     STR("too little space: the paths have 1099511627777 MiB, and ")));
    CHECK_STR(check_names("nix/store", &arena), "");
}

static void a_draft_of_another_user_is_left_alone(struct arena arena)
{
    static const char draft[] = "nix/store/." DIGEST "other.draft";
    cleanup(release) struct run all = { .open = CHECK_IMAGE_NONE };
    if (geteuid() != 0)
        return check_skip("only root gives files to another user");
    if (!open_all(&all, &arena))
        return;
    check_file(draft, STR("theirs"));
    CHECK(fchownat(check_directory(), draft, 1, 1, 0) == 0);
    CHECK(!run(&all, &arena));
    CHECK(strstr(check_error->sentence, DIGEST "other.draft"));
    CHECK_STR(check_content(draft, &arena), "theirs");
    CHECK_STR(check_names("nix/store", &arena), " ." DIGEST "other.draft");
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_store_is_made_and_then_left), CASE(only_what_is_chosen_is_unpacked),
        CASE(a_path_that_is_there_and_wrong_is_refused), CASE(a_path_that_is_not_sealed_is_refused),
        CASE(a_path_with_another_hash_gets_no_name), CASE(what_a_killed_run_has_left_is_removed),
        CASE(one_run_at_a_time), CASE(whichever_call_fails_the_next_run_completes),
        CASE(what_no_image_has_is_named), CASE(space_is_looked_for_before_writing),
        CASE(a_draft_of_another_user_is_left_alone));
}
