#include "tests/check_calls.h"
#include "tests/check_pinned.h"
#include "tests/check_store.h"

#include "units/fetch/cache.h"

#include <string.h>
#include <unistd.h>

static struct check_pinned make(size_t size_bytes, struct arena *arena)
{
    struct check_pinned pinned = check_pinned_make(size_bytes, arena);
    check_file(fetch_image_name(&pinned.layer, arena), pinned.image);
    check_file(fetch_verity_name(&pinned.layer, arena), pinned.verity);
    return pinned;
}

static enum cache_answer find(const struct check_pinned *pinned, struct arena scratch)
{
    struct arena own = arena_split(&scratch, VERITY_SPAN_BYTES * 2);
    struct crew crew = { .jobs = 1, .arenas = &own };
    return cache_find(check_directory(), &pinned->layer, &crew, scratch, check_error);
}

static void what_is_whole_is_found(struct arena arena)
{
    struct check_pinned pinned = make(VERITY_SPAN_BYTES + 4096, &arena);
    CHECK_NUMBER(find(&pinned, arena), CACHE_WHOLE);
}

static void what_is_not_there_is_missing(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    CHECK_NUMBER(find(&pinned, arena), CACHE_MISSING);
}

/* A damaged byte of either file, a cut file, one that is alone, and a link in its place. */
static void what_is_not_right_is_wrong(struct arena arena)
{
    struct check_pinned pinned = make(VERITY_SPAN_BYTES + 4096, &arena);
    const char *image = fetch_image_name(&pinned.layer, &arena);
    const char *verity = fetch_verity_name(&pinned.layer, &arena);
    char *bytes = (char *)pinned.image.data;
    bytes[77] ^= 1;
    check_file(image, pinned.image);
    CHECK_NUMBER(find(&pinned, arena), CACHE_WRONG);
    bytes[77] ^= 1;
    check_file(image, (struct str){ bytes, 4096 });
    CHECK_NUMBER(find(&pinned, arena), CACHE_WRONG);
    CHECK(str_ends(str_from(check_error->sentence), STR(" has 4096 bytes, expected 528384")));
    check_file(image, pinned.image);
    ((char *)pinned.verity.data)[5000] ^= 1;
    check_file(verity, pinned.verity);
    CHECK_NUMBER(find(&pinned, arena), CACHE_WRONG);
    CHECK(unlinkat(check_directory(), verity, 0) == 0);
    CHECK_NUMBER(find(&pinned, arena), CACHE_WRONG);
    CHECK(str_ends(str_from(check_error->sentence), STR(".verity is missing")));
    CHECK(symlinkat(image, check_directory(), verity) == 0);
    CHECK_NUMBER(find(&pinned, arena), CACHE_WRONG);
}

static void a_layer_can_be_removed(struct arena arena)
{
    struct check_pinned pinned = make(8192, &arena);
    CHECK_DONE(cache_remove(check_directory(), &pinned.layer, arena, check_error));
    CHECK_STR(check_names(".", &arena), "");
    CHECK_DONE(cache_remove(check_directory(), &pinned.layer, arena, check_error));
}

static void only_files_of_other_layers_are_pruned(struct arena arena)
{
    struct check_pinned pinned = make(8192, &arena), other = make(4096, &arena);
    struct fetch_layer layer = { .pin = pinned.layer };
    unsigned count;
    check_file(arena_format(&arena, ".%s.draft", fetch_image_name(&other.layer, &arena)).data,
               STR("x"));
    check_file("somebody.squashfs", STR("x"));
    check_file(".draft", STR("x"));
    CHECK_DONE(cache_prune(check_directory(), &layer, 1, &count, check_error));
    CHECK_NUMBER(count, 3);
    CHECK_NUMBER(find(&pinned, arena), CACHE_WHOLE);
    CHECK_NUMBER(find(&other, arena), CACHE_MISSING);
    CHECK_STR(check_content("somebody.squashfs", &arena), "x");
    CHECK_STR(check_content(".draft", &arena), "x");
}

/* What cannot be read is not missing: it is told, and removed before the layer is fetched again. */
static void each_call_that_fails_is_told(struct arena arena)
{
    struct check_pinned pinned = make(8192, &arena);
    struct fetch_layer none = { .pin = pinned.layer };
    none.pin.root.bytes[0] ^= 1;
    bool has_failed = true;
    for (size_t number = 1; has_failed; number++) {
        check_about("call %zu of finding", number);
        check_calls_fail(number);
        enum cache_answer answer = find(&pinned, arena);
        has_failed = check_calls_end();
        /* The kind of a file is looked at twice, and once is enough. */
        if (answer != CACHE_WHOLE && CHECK(has_failed))
            CHECK(answer == CACHE_WRONG &&
                  str_ends(str_from(check_error->sentence), STR(": Input/output error")));
    }
    has_failed = true;
    for (size_t number = 1; has_failed; number++) {
        unsigned count;
        check_about("call %zu of pruning and removing", number);
        make(8192, &arena);
        check_calls_fail(number);
        bool done = cache_prune(check_directory(), &none, 1, &count, check_error) &&
                    cache_remove(check_directory(), &none.pin, arena, check_error);
        has_failed = !done;
        if (!check_calls_told(done))
            return;
    }
    CHECK_STR(check_names(".", &arena), "");
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_whole_is_found), CASE(what_is_not_there_is_missing),
                     CASE(what_is_not_right_is_wrong), CASE(a_layer_can_be_removed),
                     CASE(only_files_of_other_layers_are_pruned),
                     CASE(each_call_that_fails_is_told));
}
