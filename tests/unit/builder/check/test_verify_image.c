#include "tests/check_calls.h"
#include "tests/check_image.h"

#include "builder/check/verify_image.h"

#define D CHECK_DIGEST

/* All findings, "KIND SUBJECT", each behind a '\n'. */
static struct str verify(struct image *image, const bool *held, struct verify_result *ret_result,
                         struct arena *arena)
{
    struct crew crew;
    CHECK_DONE(crew_make(2, arena, &crew, check_error));
    struct findings findings = findings_start(arena);
    struct verifier verifier = {
        .store_dir = STR("/nix/store"), .crew = &crew, .arena = arena, .findings = &findings
    };
    struct str all = STR("");
    if (!CHECK_DONE(verify_image(&verifier, image, held, ret_result, check_error)))
        return all;
    findings_sort(&findings);
    for (size_t i = 0; i < findings.count; i++)
        all = arena_format(arena, "%.*s\n%d %.*s", STR_ARG(all), (int)findings.items[i].kind,
                           STR_ARG(findings.items[i].subject));
    return all;
}

/* "\nKIND SUBJECT" */
static struct str finding(enum finding_kind kind, const char *subject, struct arena *arena)
{
    return arena_format(arena, "\n%d %s", (int)kind, subject);
}

static const bool none_held[3];

static void an_image_in_order_has_no_findings(struct arena arena)
{
    static const char *const names[] = { "gzip", "lz4", "xz", "zstd" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct verify_result result = { 0 };
        cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
        check_about("%s", names[i]);
        if (!check_image_open(names[i], &arena, &open))
            return;
        CHECK_STR(verify(&open.image, none_held, &result, &arena), "");
        CHECK_NUMBER(result.path_count, 3);
        CHECK_NUMBER(result.ok_count, 3);
        CHECK_NUMBER(result.held_count, 0);
    }
}

static void another_hash_or_size_is_found(struct arena arena)
{
    struct verify_result result = { 0 };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    struct path_info *file = &open.image.listed.items[0];
    open.image.description = 0; /* which would disagree, and is a stray now */
    struct str stray = finding(FINDING_STRAY, "/nix/store/nix-path-registration.json", &arena);
    file->nar_hash.bytes[0] ^= 1;
    CHECK_STR(
        verify(&open.image, none_held, &result, &arena),
        arena_format(&arena, "\n%d /nix/store/" D "-file%.*s", FINDING_MISMATCHED, STR_ARG(stray)));
    CHECK_NUMBER(result.ok_count, 2);
    file->nar_hash.bytes[0] ^= 1;
    file->nar_size_bytes++;
    CHECK_STR(
        verify(&open.image, none_held, &result, &arena),
        arena_format(&arena, "\n%d /nix/store/" D "-file%.*s", FINDING_WRONG_SIZE, STR_ARG(stray)));
    file->nar_size_bytes = 0; /* not said */
    CHECK_STR(verify(&open.image, none_held, &result, &arena), stray);
    CHECK_NUMBER(result.ok_count, 3);
}

static void what_another_image_holds_is_not_missing(struct arena arena)
{
    static const bool held[3] = { true };
    struct verify_result result = { 0 };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    open.image.description = 0;
    struct image_node *node = &open.image.tree.nodes[image_find(&open.image, STR(D "-file"))];
    node->name = STR(D "-fils"); /* of the same place in the order */
    struct str told = verify(&open.image, none_held, &result, &arena);
    CHECK(str_starts(told, finding(FINDING_MISSING, "/nix/store/" D "-file", &arena)));
    CHECK_NUMBER(result.ok_count, 2);
    told = verify(&open.image, held, &result, &arena);
    CHECK_NUMBER(result.held_count, 1);
    CHECK(str_starts(told, arena_format(&arena, "\n%d ", FINDING_STRAY)));
}

static void each_call_that_fails_is_a_sentence_or_a_finding(struct arena arena)
{
    bool has_failed = true;
    size_t failures = 0;
    cleanup(own_close) int fd = check_image_file("xz", &arena);
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        struct image image = { 0 };
        struct crew crew;
        struct verify_result result = { 0 };
        struct image_budget budget = image_budget_make(0);
        struct image_place place = { .fd = fd, .name = "image", .budget = &budget };
        struct findings findings = findings_start(&scratch);
        CHECK_DONE(crew_make(1, &scratch, &crew, check_error));
        struct verifier verifier = { STR("/nix/store"), &crew, &scratch, &findings, &budget };
        check_about("call %zu", number);
        check_calls_fail(number);
        bool done = image_open(&place, STR("/nix/store"), &scratch, &image, check_error) &&
                    verify_image(&verifier, &image, none_held, &result, check_error);
        has_failed = check_calls_end();
        failures += !done || findings.count > 0;
        CHECK(has_failed ? !done || findings.count > 0 : done && findings.count == 0);
    }
    CHECK(failures > 10);
}

/* The manifest is another one than it was, and the description is as before. */
static void what_the_description_says_otherwise_is_found(struct arena arena)
{
    static uint32_t to_itself[1];
    struct verify_result result = { 0 };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    struct path_info *file = &open.image.listed.items[0];
    const struct path_info before = *file;
    struct path_info others[3] = { before, before, before };
    struct str wanted = finding(FINDING_DISAGREEING, "/nix/store/" D "-file", &arena);
    others[0].nar_size_bytes = 0;
    others[1].deriver = STR(D "-file.drv");
    others[2].references = to_itself;
    others[2].reference_count = before.reference_count ? 0 : 1;
    for (size_t i = 0; i < 3; i++) {
        check_about("row %zu", i);
        *file = others[i];
        CHECK_STR(verify(&open.image, none_held, &result, &arena), wanted);
    }
    *file = before;
    file->nar_hash.bytes[0] ^= 1;
    struct str told = verify(&open.image, none_held, &result, &arena);
    CHECK(memmem(told.data, told.len, wanted.data, wanted.len) != NULL);
    *file = before;
    CHECK_STR(verify(&open.image, none_held, &result, &arena), "");
}

int main(void)
{
    return CHECK_ALL(CASE(an_image_in_order_has_no_findings), CASE(another_hash_or_size_is_found),
                     CASE(what_another_image_holds_is_not_missing),
                     CASE(each_call_that_fails_is_a_sentence_or_a_finding),
                     CASE(what_the_description_says_otherwise_is_found));
}
