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

int main(void)
{
    return CHECK_ALL(CASE(what_is_whole_is_found), CASE(what_is_not_there_is_missing),
                     CASE(what_is_not_right_is_wrong), CASE(a_layer_can_be_removed),
                     CASE(only_files_of_other_layers_are_pruned));
}
