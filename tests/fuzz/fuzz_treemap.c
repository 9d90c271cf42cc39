/* A treemap's SVG: whatever the names and sizes are, it is well-formed XML of ASCII alone, and the rectangles lie in the
 * picture. A line of the input is an item: its bytes in decimal, then its texts, parted by ':'. */
#include "builder/inspect/treemap.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 1200, DEPTH_MAX = 8 };

static const double width = 1600, height = 1000;

struct written {
    const struct treemap_item *items;
    size_t count;
    struct str title;
    struct arena scratch;
};

static void write_map(FILE *stream, const void *value)
{
    const struct written *written = value;
    treemap_write(stream, written->title, written->items, written->count, written->scratch);
}

static struct str take_name(struct str *text)
{
    size_t length = strspn(text->data, "abcdefghijklmnopqrstuvwxyz");
    struct str name = { text->data, length };
    *text = str_skip(*text, length);
    return name;
}

/* Attributes are between quotes, and are no markup. */
static void skip_attributes(struct str *text)
{
    while (str_starts(*text, STR(" "))) {
        *text = str_skip(*text, 1);
        size_t length = strcspn(text->data, "=\"<> ");
        fuzz_must(length > 0 && str_starts(str_skip(*text, length), STR("=\"")), "an attribute");
        struct cut cut = str_cut(str_skip(*text, length + 2), '"');
        fuzz_must(cut.found && !memchr(cut.head.data, '<', cut.head.len), "its value");
        *text = cut.tail;
    }
}

static void check_reference(struct str text)
{
    fuzz_must(str_starts(text, STR("&amp;")) || str_starts(text, STR("&lt;")) ||
                  str_starts(text, STR("&gt;")),
              "a reference to a character");
}

/* Reads it as XML: elements nest, texts have no markup. */
static void check_well_formed(struct str text)
{
    struct str open[DEPTH_MAX];
    size_t depth = 0, elements = 0;
    while (text.len > 0) {
        unsigned char byte = (unsigned char)text.data[0];
        fuzz_must(byte == '\n' || (byte >= ' ' && byte < 0x7f), "ASCII alone");
        if (byte == '&')
            check_reference(text);
        fuzz_must(byte != '>', "a '>' ends something");
        text = str_skip(text, 1);
        if (byte != '<')
            continue;
        bool is_end = str_starts(text, STR("/"));
        if (is_end)
            text = str_skip(text, 1);
        struct str name = take_name(&text);
        skip_attributes(&text);
        if (is_end) {
            fuzz_must(depth > 0, "what ends was open");
            fuzz_same(name, open[--depth], "what was opened last ends first");
        } else if (str_starts(text, STR("/"))) {
            text = str_skip(text, 1);
        } else {
            fuzz_must(depth < DEPTH_MAX && (depth > 0 || elements == 0), "one root");
            open[depth++] = name;
        }
        elements++;
        fuzz_must(str_starts(text, STR(">")), "a tag ends");
        text = str_skip(text, 1);
    }
    fuzz_must(depth == 0 && elements > 0, "all that was opened has ended");
}

static double attribute(struct str element, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, " %s=\"", name);
    const char *at = memmem(element.data, element.len, key, strlen(key));
    fuzz_must(at != NULL, "the attribute is there");
    return strtod(at + strlen(key), NULL);
}

/* All but the first, which is the background. */
static void check_rectangles(struct str text, size_t items)
{
    size_t count = 0;
    for (struct cut line = { .tail = text, .found = true }; line.found;) {
        line = str_cut(line.tail, '\n');
        const char *start = memmem(line.head.data, line.head.len, "<rect x=", 8);
        if (!start)
            continue;
        struct str element = { start, (size_t)(line.head.data + line.head.len - start) };
        double x = attribute(element, "x"), y = attribute(element, "y");
        fuzz_must(x >= -0.1 && y >= -0.1 && x + attribute(element, "width") <= width + 0.1 &&
                      y + attribute(element, "height") <= height + 0.1,
                  "a rectangle lies in the picture");
        count++;
    }
    fuzz_must(count <= items, "an item has one rectangle");
}

/* "BYTES:LABEL:NOTE:DESCRIPTION:GROUP" */
static struct treemap_item read_item(struct str line)
{
    struct treemap_item item = { .bytes = 0 };
    struct str *const texts[] = { &item.label, &item.note, &item.description, &item.group };
    struct cut cut = str_cut(line, ':');
    if (!str_to_number(cut.head, UINT64_MAX / ITEMS_MAX, &item.bytes))
        item.bytes = cut.head.len;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cut = str_cut(cut.tail, ':');
        *texts[i] = cut.head;
    }
    return item;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct treemap_item *items = arena_new(&arena, struct treemap_item, ITEMS_MAX);
    struct cut cut = str_cut(fuzz_text(data, size), '\n');
    struct written written = { .items = items, .title = cut.head };
    while (cut.found && written.count < ITEMS_MAX) {
        cut = str_cut(cut.tail, '\n');
        items[written.count++] = read_item(cut.head);
    }
    struct arena kept = arena;
    written.scratch = arena_split(&kept, (size_t)16 << 20);
    struct str text = fuzz_written(write_map, &written, &kept);
    struct cut heading = str_cut(text, '\n');
    fuzz_same(heading.head, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"), "it is XML");
    check_well_formed(heading.tail);
    check_rectangles(heading.tail, written.count);
    return 0;
}
