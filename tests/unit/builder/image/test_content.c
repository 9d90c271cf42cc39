#include "tests/check_calls.h"
#include "tests/check_source.h"

#include "schema/base/own.h"

#include <string.h>
#include <sys/stat.h>

#define D CHECK_DIGEST
#define A "nix/store/" D "-a"

static struct content_options options_of(const struct check_source *source, bool check)
{
    return (struct content_options){ .check = check, .crew = &source->crew };
}

/* The node with that path; 0 if there is none. */
static uint32_t find(const struct inventory *inventory, const char *path, struct arena arena)
{
    for (uint32_t i = 1; i < inventory->count; i++)
        if (str_equal(inventory_path(inventory, i, &arena), str_from(path)))
            return i;
    return 0;
}

/* Reads all again, after the source was changed. */
static bool read_again(struct check_source *source, bool check, struct arena arena)
{
    struct content_options options = options_of(source, check);
    return content_read(&source->source.inventory, &source->source.closure.paths, &options, arena,
                        check_error);
}

static void equal_files_are_found_with_and_without_hashing(struct arena arena)
{
    check_source_store(arena);
    check_file("nix/store/" D "-other", STR("texT"));
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    struct inventory *inventory = &source.source.inventory;
    for (int i = 0; i < 2; i++) {
        check_about("round %d", i);
        uint32_t first = find(inventory, D "-a/noise", arena);
        uint32_t other = find(inventory, D "-a/lib/again", arena);
        CHECK(first && other);
        CHECK_NUMBER(inventory->nodes[first > other ? first : other].same_as,
                     first < other ? first : other);
        /* Of one size, and different. */
        uint32_t text = find(inventory, D "-b", arena);
        CHECK_NUMBER(inventory->nodes[text].same_as, text);
        for (uint32_t j = 0; j < inventory->count; j++)
            inventory->nodes[j].same_as = j;
        CHECK_DONE(read_again(&source, false, arena));
    }
}

static void what_is_not_what_was_registered_is_refused(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    struct path_info *info = &source.source.closure.paths.items[1];
    struct hash right = info->nar_hash;
    CHECK_DONE(read_again(&source, true, arena));
    memset(info->nar_hash.bytes, 0, sizeof info->nar_hash.bytes);
    CHECK_REFUSED(read_again(&source, true, arena),
                  arena_format(&arena,
                               D
                               "-b is not what was registered: its NAR hash is sha256:%s, expected "
                               "sha256:%064d; repair it with 'nix-store --repair-path'",
                               hash_to_hex(&right).text, 0));
    /* Nobody asked for its hash. */
    CHECK_DONE(read_again(&source, false, arena));
    info->nar_hash = right;
    info->nar_size_bytes = 77;
    CHECK_REFUSED(read_again(&source, true, arena),
                  D "-b is not what was registered: its NAR has 120 bytes, expected 77; repair it "
                    "with 'nix-store --repair-path'");
    info->nar_size_bytes = 0; /* not known */
    CHECK_DONE(read_again(&source, true, arena));
}

static void a_file_that_changes_or_goes_is_refused(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    struct stat status;
    CHECK(fstatat(check_directory(), A "/noise", &status, 0) == 0);
    struct timespec times[] = { status.st_mtim, status.st_mtim };
    times[1].tv_nsec ^= 1;
    CHECK(utimensat(check_directory(), A "/noise", times, 0) == 0);
    CHECK_REFUSED(read_again(&source, true, arena), D "-a/noise: it changed while it was read");
    times[1].tv_sec = 7;
    CHECK(utimensat(check_directory(), A "/noise", times, 0) == 0);
    CHECK_REFUSED(read_again(&source, true, arena), D "-a/noise: it changed while it was read");
    CHECK_REFUSED(read_again(&source, false, arena), D "-a/noise: it changed while it was read");
    check_file(A "/noise", STR("short"));
    CHECK_REFUSED(read_again(&source, true, arena), D "-a/noise: it changed while it was read");
    CHECK(unlinkat(check_directory(), A "/noise", 0) == 0);
    CHECK_REFUSED(read_again(&source, true, arena), D "-a/noise: No such file or directory");
    CHECK(symlinkat("program", check_directory(), A "/noise") == 0);
    CHECK_REFUSED(read_again(&source, true, arena),
                  D "-a/noise: Too many levels of symbolic links");
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    source.crew.jobs = 1;
    for (int check = 0; check < 2; check++) {
        bool done = false;
        for (size_t number = 1; !done; number++) {
            check_about("call %zu", number);
            check_calls_fail(number);
            done = read_again(&source, check, arena);
            if (!check_calls_told(done))
                return;
        }
    }
}

static void signals_change_nothing(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    source.crew.jobs = 1;
    check_calls_interrupt();
    bool done = read_again(&source, true, arena);
    CHECK(check_calls_end());
    CHECK_DONE(done);
}

int main(void)
{
    return CHECK_ALL(CASE(equal_files_are_found_with_and_without_hashing),
                     CASE(what_is_not_what_was_registered_is_refused),
                     CASE(a_file_that_changes_or_goes_is_refused),
                     CASE(each_call_that_fails_is_a_sentence), CASE(signals_change_nothing));
}
