#include "builder/inspect/treemap.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static struct str draw(const struct treemap_item *items, size_t count, struct arena *arena)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    struct arena scratch = arena_split(arena, 1 << 20);
    treemap_write(stream, STR("a <title> & \x1b"), items, count, scratch);
    fclose(stream);
    struct str text = arena_copy(arena, (struct str){ bytes, size });
    free(bytes);
    return text;
}

static size_t count_of(struct str text, const char *what)
{
    size_t count = 0;
    for (const char *at = text.data; (at = strstr(at, what)); at++)
        count++;
    return count;
}

static void nothing_is_a_picture_of_nothing(struct arena arena)
{
    struct treemap_item empty = { .description = STR("x") };
    struct str text = draw(&empty, 1, &arena);
    CHECK(str_starts(text, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg ")));
    CHECK(str_ends(text, STR("</svg>\n")));
    CHECK_NUMBER(count_of(text, "<rect "), 1);
    CHECK_NUMBER(count_of(text, "a &lt;title&gt; &amp; ?"), 2);
}

static void one_item_fills_the_picture(struct arena arena)
{
    struct treemap_item item = { STR("label"), STR("note"), STR("description"), STR("g"), 5 };
    struct str text = draw(&item, 1, &arena);
    CHECK_NUMBER(
        count_of(text, "<title>description</title><rect x=\"0.00\" y=\"40.00\" width=\"1600.00\" "
                       "height=\"960.00\" fill=\"#"),
        1);
    CHECK_NUMBER(count_of(text, ">label</text>"), 1);
    CHECK_NUMBER(count_of(text, ">note</text>"), 1);
}

static void the_larger_comes_first_and_areas_are_the_bytes(struct arena arena)
{
    struct treemap_item items[] = {
        { .description = STR("small"), .group = STR("a"), .bytes = 1 },
        { .description = STR("large"), .group = STR("b"), .bytes = 3 }
    };
    struct str text = draw(items, 2, &arena);
    const char *large = strstr(text.data, ">large<"), *small = strstr(text.data, ">small<");
    if (!CHECK(large && small && large < small))
        return;
    CHECK(strstr(large, "width=\"1200.00\" height=\"960.00\"") != NULL);
    CHECK(strstr(small, "width=\"400.00\" height=\"960.00\"") != NULL);
}

static void a_label_stands_upright_where_it_is_narrow(struct arena arena)
{
    struct treemap_item items[] = {
        { .description = STR("wide"), .label = STR("w"), .bytes = 990 },
        { .description = STR("narrow"), .label = STR("a long label"), .bytes = 20 },
        { .description = STR("tiny"), .label = STR("no room at all"), .bytes = 1 },
    };
    struct str text = draw(items, 3, &arena);
    CHECK_NUMBER(count_of(text, "rotate(-90"), 1);
    CHECK_NUMBER(count_of(text, "no room at all"), 0);
}

static void the_smallest_of_many_are_put_together(struct arena arena)
{
    enum { COUNT = 1010 };
    struct treemap_item *items = arena_new(&arena, struct treemap_item, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        items[i] =
            (struct treemap_item){ .description = arena_format(&arena, "%zu", i), .bytes = 2 };
    struct str text = draw(items, COUNT, &arena);
    CHECK_NUMBER(count_of(text, "<rect "), 1 + 1001);
    CHECK_NUMBER(count_of(text, "<title>10 smaller ones: 20 bytes</title>"), 1);
}

/* They are far below what a double can tell apart from the whole picture. */
static void what_is_tiny_beside_the_largest_lies_in_the_picture(struct arena arena)
{
    struct treemap_item items[] = { { .description = STR("a"), .bytes = 54043195528445952 },
                                    { .description = STR("b"), .bytes = 744 },
                                    { .description = STR("c"), .bytes = 668 } };
    struct str text = draw(items, 3, &arena);
    size_t inside = 0;
    for (const char *at = text.data; (at = strstr(at, "<rect x=\"")); at++) {
        double x, y, width, height;
        inside += sscanf(at, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &x, &y,
                         &width, &height) == 4 &&
                  x >= 0 && y >= 40 && width >= 0 && height >= 0 && x + width < 1600.02 &&
                  y + height < 1000.02;
    }
    CHECK_NUMBER(inside, 3);
}

static void a_group_has_one_colour(struct arena arena)
{
    struct treemap_item items[] = { { .description = STR("a"), .group = STR("g"), .bytes = 1 },
                                    { .description = STR("b"), .group = STR("g"), .bytes = 1 },
                                    { .description = STR("c"), .group = STR("h"), .bytes = 1 } };
    struct str text = draw(items, 3, &arena);
    const char *colours[3], *at = text.data;
    for (size_t i = 0; i < 3; i++) {
        at = strstr(at, "fill=\"#");
        if (i == 0 && at)
            at = strstr(at + 1, "fill=\"#"); /* the background comes first */
        if (!CHECK(at != NULL))
            return;
        colours[i] = at += 7;
    }
    CHECK(memcmp(colours[0], colours[1], 6) == 0);
    CHECK(memcmp(colours[0], colours[2], 6) != 0);
}

int main(void)
{
    return CHECK_ALL(CASE(nothing_is_a_picture_of_nothing), CASE(one_item_fills_the_picture),
                     CASE(the_larger_comes_first_and_areas_are_the_bytes),
                     CASE(a_label_stands_upright_where_it_is_narrow),
                     CASE(the_smallest_of_many_are_put_together),
                     CASE(what_is_tiny_beside_the_largest_lies_in_the_picture),
                     CASE(a_group_has_one_colour));
}
