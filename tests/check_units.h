/* check_units.h — looks at the units of an initial ramdisk. */
#pragma once

#include "units/initrd_units.h"

/* Formats the units of a command line, in a ramdisk with that many images of layers. */
bool check_units_format(const char *line, size_t layers, const struct initrd_facts *facts,
                        struct arena *arena, struct initrd_unit_list *ret_units);

/* Finds a unit by its name, or null. */
const struct initrd_unit *check_units_find(const struct initrd_unit_list *units, const char *name);

/* Does the unit have that line? */
bool check_units_has(const struct initrd_unit_list *units, const char *name, const char *line);
