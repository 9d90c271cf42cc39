#include "tests/check_image.h"

#include "builder/inspect/inspect_picture.h"

#include <string.h>

#define D CHECK_DIGEST

/* Draws an image of the corpus to a path; false and the sentence where that is refused. */
static bool draw(const char *path, struct arena *arena)
{
    cleanup(own_close) int fd = check_image_file("zstd", arena);
    struct image_place place = { .fd = fd, .name = "image" };
    struct inspection inspection = { .store_dir = STR("/nix/store"), .arena = arena };
    return CHECK_DONE(inspection_open(&place, &inspection, check_error)) &&
           inspect_draw(&inspection, path, check_error);
}

static bool has(struct str text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part));
}

static void each_path_and_the_tables_have_a_rectangle(struct arena arena)
{
    const char *path = arena_format(&arena, "%s/map.svg", check_directory_path()).data;
    check_file("map.svg", STR("a former one"));
    CHECK_DONE(draw(path, &arena));
    struct str text = check_content("map.svg", &arena);
    CHECK(str_starts(text, STR("<?xml")) || str_starts(text, STR("<svg")));
    CHECK(has(text, "image: 0.0 MiB, 3 paths of"));
    CHECK(has(text, "names, modes, places: "));
    CHECK(has(text, D "-"));
    CHECK_STR(check_names(".", &arena), " map.svg");
}

static void where_it_cannot_be_written_nothing_is_left(struct arena arena)
{
    const char *path = arena_format(&arena, "%s/none/map.svg", check_directory_path()).data;
    CHECK(!draw(path, &arena));
    CHECK(str_ends(str_from(check_error->sentence), STR("No such file or directory")));
    check_make_directory("map.svg");
    path = arena_format(&arena, "%s/map.svg", check_directory_path()).data;
    CHECK(!draw(path, &arena));
    CHECK_STR(check_names(".", &arena), " map.svg");
}

int main(void)
{
    return CHECK_ALL(CASE(each_path_and_the_tables_have_a_rectangle),
                     CASE(where_it_cannot_be_written_nothing_is_left));
}
