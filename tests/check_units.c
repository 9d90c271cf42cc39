#include "tests/check_units.h"

#include "tests/check.h"

#include <string.h>

bool check_units_format(const char *line, size_t layers, const struct initrd_facts *facts,
                        struct arena *arena, struct initrd_unit_list *ret_units)
{
    struct initrd_ramdisk ramdisk = { 0 };
    struct initrd_request request;
    for (size_t i = 0; i < layers; i++)
        option_list_add(&ramdisk.names,
                        i ? arena_format(arena, "nix-store.%zu.squashfs", i).data
                          : "nix-store.squashfs",
                        arena);
    return initrd_request_parse(str_from(line), &ramdisk, arena, &request, check_error) &&
           initrd_units_format(&request, facts, arena, ret_units, check_error);
}

const struct initrd_unit *check_units_find(const struct initrd_unit_list *units, const char *name)
{
    for (size_t i = 0; i < units->count; i++)
        if (strcmp(units->items[i].name, name) == 0)
            return &units->items[i];
    return NULL;
}

bool check_units_has(const struct initrd_unit_list *units, const char *name, const char *line)
{
    const struct initrd_unit *unit = check_units_find(units, name);
    struct cut cut = { .tail = str_from(unit && unit->text ? unit->text : ""), .found = true };
    while (cut.found) {
        cut = str_cut(cut.tail, '\n');
        if (str_equal(cut.head, str_from(line)))
            return true;
    }
    printf("# %s:\n# no line %s\n", name, line);
    return false;
}
