/* An initial ramdisk: a kernel command line, and behind it a line for each file name in the root, or with the list of layers. Whatever they
 * are, no unit has another line than those that were meant, and the generator's memory suffices. */
#include "tests/fuzz/fuzz.h"
#include "units/initrd_units.h"

#include <string.h>

enum { GENERATOR_BYTES = 64 << 20 };

/* How many lines of the text start so. */
static size_t count_lines(struct str text, struct str start)
{
    size_t count = 0;
    for (struct cut cut = { .tail = text, .found = true }; cut.found;) {
        cut = str_cut(cut.tail, '\n');
        count += str_starts(cut.head, start);
    }
    return count;
}

static void check_text(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        fuzz_must(byte >= ' ' || byte == '\n', "no control characters");
        fuzz_must(byte != '\\' || text.data[i + 1] != '\n', "no line is continued");
    }
    fuzz_must(count_lines(text, STR("[")) == 2, "two sections");
    if (count_lines(text, STR("[Mount]")) == 1) {
        fuzz_must(count_lines(text, STR("What=/")) + count_lines(text, STR("What=tmpfs")) +
                          count_lines(text, STR("What=overlay")) ==
                      1,
                  "one thing to mount");
        fuzz_must(count_lines(text, STR("Where=/")) == 1, "one place for it");
        fuzz_must(count_lines(text, STR("Options=")) == 1, "one line of options");
    } else {
        fuzz_must(count_lines(text, STR("[Service]")) == 1, "a mount or a service");
        fuzz_must(count_lines(text, STR("ExecStart=:\"/")) == 1, "one program");
        fuzz_must(
            count_lines(text, STR("Exec")) ==
                1 + count_lines(text, STR("ExecStartPost=+:\"/regd-fetch\" --seal /run/regd/")),
            "and what seals what it made");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct initrd_facts facts = { .program = "/generator" };
    struct arena arena = fuzz_arena();
    const char *start = arena.next;
    struct initrd_ramdisk ramdisk = { 0 };
    struct initrd_request request;
    struct initrd_unit_list units;
    struct error error;
    struct cut cut = str_cut(fuzz_text(data, size), '\n');
    struct str line = cut.head;
    while (cut.found) {
        cut = str_cut(cut.tail, '\n');
        if (str_starts(cut.head, STR("{")))
            ramdisk.layers = cut.head;
        else
            option_list_add(&ramdisk.names, arena_copy(&arena, cut.head).data, &arena);
    }
    if (!fuzz_done(initrd_request_parse(line, &ramdisk, &arena, &request, &error) &&
                       initrd_units_format(&request, &facts, &arena, &units, &error),
                   &error))
        return 0;
    for (size_t i = 0; i < units.count; i++)
        if (units.items[i].text)
            check_text(str_from(units.items[i].text));
    fuzz_must(arena.next - start < GENERATOR_BYTES, "the generator's memory suffices");
    return 0;
}
