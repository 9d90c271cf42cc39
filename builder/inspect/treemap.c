#include "builder/inspect/treemap.h"

#include "schema/base/order.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ITEMS_MAX = 1000,
    WIDTH = 1600,
    HEIGHT = 1000,
    TITLE_HEIGHT = 40,
    FONT_LEAST = 9,
    FONT_MOST = 22
};

/* No font that "monospace" stands for has wider letters. */
static const double letter_width = 0.62, line_height = 1.3, margin = 4;

struct rectangle {
    double x, y, width, height;
};

struct map {
    FILE *stream;
    const struct treemap_item *items; /* largest first */
    size_t count;
    uint64_t bytes_left;   /* of the items that are not yet drawn */
    struct rectangle left; /* the area that these items fill */
};

/* --- Text ------------------------------------------------------------------------------------- */

/* Names of stray paths may have any bytes. All except printable ASCII are shown as '?'. */
static void write_text(FILE *stream, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];
        if (byte == '&')
            fputs("&amp;", stream);
        else if (byte == '<')
            fputs("&lt;", stream);
        else if (byte == '>')
            fputs("&gt;", stream);
        else
            fputc(byte >= 0x20 && byte < 0x7f ? byte : '?', stream);
    }
}

/* Returns the largest font size at which the text fits, or 0. */
static int fitting_size(struct str text, const struct rectangle *place)
{
    if (text.len == 0)
        return 0;
    double wide = (place->width - 2 * margin) / (letter_width * (double)text.len);
    double high = (place->height - 2 * margin) / line_height;
    int size = (int)(wide < high ? wide : high);
    if (size < FONT_LEAST)
        return 0;
    return size > FONT_MOST ? FONT_MOST : size;
}

static void write_line(FILE *stream, struct str text, double x, double y, int size)
{
    fprintf(stream, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\">", x, y, size);
    write_text(stream, text);
    fputs("</text>", stream);
}

/* Writes the label horizontally, with the note below if that fits. If the label can be larger when
 * it is vertical, writes it vertically and without the note. */
static void write_label(FILE *stream, struct str text, struct str note,
                        const struct rectangle *place)
{
    struct rectangle turned = { .width = place->height, .height = place->width };
    struct rectangle below = { .width = place->width, .height = place->height / 2 };
    int across = fitting_size(text, place), upwards = fitting_size(text, &turned);
    double x = place->x + place->width / 2, y = place->y + place->height / 2;
    if (across < upwards) {
        fprintf(stream, "<g transform=\"rotate(-90 %.1f %.1f)\">", x, y);
        write_line(stream, text, x, y, upwards);
        fputs("</g>", stream);
        return;
    }
    if (across == 0)
        return;
    /* The note begins below the label, whose line is centred: half of that line is in this half. */
    below.height -= across * line_height / 2;
    int size = fitting_size(note, &below);
    size = size > across * 3 / 4 ? across * 3 / 4 : size;
    write_line(stream, text, x, y, across);
    if (size >= FONT_LEAST)
        write_line(stream, note, x, y + (across + size) * line_height / 2, size);
}

/* --- Colours ---------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint32_t hash_text(struct str text)
{
    uint32_t hash = 2166136261;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 16777619;
    return hash ^ hash >> 15;
}

/* Returns one colour channel, from `least` to 245, of a hue from 0 to 1535. */
static unsigned channel(unsigned hue, unsigned shift, unsigned least)
{
    unsigned at = (hue + shift) % 1536;
    unsigned level = at < 256 ? at : at < 768 ? 255 : at < 1024 ? 1023 - at : 0;
    return least + level * (245 - least) / 255;
}

/* No channel is below 140, so that dark letters can be read. */
static void write_colour(FILE *stream, struct str group)
{
    uint32_t hash = hash_text(group);
    unsigned hue = hash % 1536, least = 140 + (hash >> 12) % 50;
    fprintf(stream, "#%02x%02x%02x", channel(hue, 512, least), channel(hue, 0, least),
            channel(hue, 1024, least));
}

/* --- The layout ------------------------------------------------------------------------------- */

static void write_item(const struct map *map, const struct treemap_item *item,
                       const struct rectangle *place)
{
    FILE *stream = map->stream;
    fputs("<g><title>", stream);
    write_text(stream, item->description);
    fprintf(stream, "</title><rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"",
            place->x, place->y, place->width, place->height);
    write_colour(stream, item->group);
    fputs("\"/>", stream);
    write_label(stream, item->label, item->note, place);
    fputs("</g>\n", stream);
}

/* Returns the worst aspect ratio in a strip of items that have `bytes` together. */
static double worst_ratio(const struct map *map, uint64_t largest, uint64_t smallest,
                          uint64_t bytes)
{
    double width = map->left.width, height = map->left.height;
    double side = width < height ? width : height;
    double area_per_byte = width * height / (double)map->bytes_left;
    double area = (double)bytes * area_per_byte, square = area * area;
    double wide = side * side * (double)largest * area_per_byte / square;
    double high = square / (side * side * (double)smallest * area_per_byte);
    return wide > high ? wide : high;
}

/* Draws the items as a strip along the shorter side of the area that is left, and removes the strip
 * from the area. All lengths are fractions of that area, so rounding cannot exceed it. */
static void write_strip(struct map *map, size_t start, size_t end, uint64_t bytes)
{
    struct rectangle *left = &map->left;
    bool is_column = left->width >= left->height;
    double side = is_column ? left->height : left->width;
    double thickness =
        (is_column ? left->width : left->height) * ((double)bytes / (double)map->bytes_left);
    double at = 0;
    assert(bytes > 0 && bytes <= map->bytes_left);
    for (size_t i = start; i < end; i++) {
        double length = side * ((double)map->items[i].bytes / (double)bytes);
        struct rectangle place = { left->x, left->y + at, thickness, length };
        if (!is_column)
            place = (struct rectangle){ left->x + at, left->y, length, thickness };
        write_item(map, &map->items[i], &place);
        at += length;
    }
    if (is_column) {
        left->x += thickness;
        left->width -= thickness;
    } else {
        left->y += thickness;
        left->height -= thickness;
    }
    map->bytes_left -= bytes;
}

/* Adds items to a strip as long as the worst aspect ratio does not get worse. */
static void write_items(struct map *map)
{
    for (size_t start = 0, end; start < map->count; start = end) {
        uint64_t largest = map->items[start].bytes, bytes = largest;
        double ratio = worst_ratio(map, largest, largest, bytes);
        for (end = start + 1; end < map->count; end++) {
            uint64_t next = map->items[end].bytes;
            double wider = worst_ratio(map, largest, next, bytes + next);
            if (wider > ratio)
                break;
            ratio = wider;
            bytes += next;
        }
        write_strip(map, start, end, bytes);
    }
}

static int compare_items(const void *left, const void *right)
{
    const struct treemap_item *a = left, *b = right;
    int order = order_numbers(b->bytes, a->bytes);
    return order ? order : str_compare(a->description, b->description);
}

/* Returns the items that are drawn, largest first. Combines those beyond ITEMS_MAX into one. */
static struct treemap_item *choose(const struct treemap_item *items, size_t count,
                                   size_t *ret_count, struct arena *arena)
{
    struct treemap_item *chosen = arena_new(arena, struct treemap_item, count + 1);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i].bytes > 0)
            chosen[kept++] = items[i];
    if (kept)
        qsort(chosen, kept, sizeof *chosen, compare_items);
    if (kept > ITEMS_MAX) {
        struct treemap_item rest = { .group = STR("") };
        for (size_t i = ITEMS_MAX; i < kept; i++)
            rest.bytes += chosen[i].bytes;
        rest.label = rest.description =
            arena_format(arena, "%zu smaller ones: %llu bytes", kept - ITEMS_MAX,
                         (unsigned long long)rest.bytes);
        chosen[ITEMS_MAX] = rest;
        kept = ITEMS_MAX + 1;
        qsort(chosen, kept, sizeof *chosen, compare_items);
    }
    *ret_count = kept;
    return chosen;
}

void treemap_write(FILE *stream, struct str title, const struct treemap_item *items, size_t count,
                   struct arena scratch)
{
    struct map map = { .stream = stream,
                       .left = { 0, TITLE_HEIGHT, WIDTH, HEIGHT - TITLE_HEIGHT } };
    map.items = choose(items, count, &map.count, &scratch);
    for (size_t i = 0; i < map.count; i++)
        map.bytes_left += map.items[i].bytes;
    fprintf(stream,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\">\n<title>",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    write_text(stream, title);
    fputs("</title>\n<style>text { font-family: monospace; fill: #111; text-anchor: middle; "
          "dominant-baseline: central } rect { stroke: #fff; stroke-width: 1 }</style>\n"
          "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
          stream);
    write_label(stream, title, STR(""), &(struct rectangle){ 0, 0, WIDTH, TITLE_HEIGHT });
    fputc('\n', stream);
    write_items(&map);
    fputs("</svg>\n", stream);
}
