/* initrd_unit.h — unit files of an initial ramdisk: how names and values are spelled, and the list.
 *
 * Source   systemd.unit(5), systemd.service(5) (command lines), and unit_name_path_escape() in
 *          systemd's src/basic/unit-name.c for the names.
 */
#pragma once

#include "schema/base/arena.h"

/* How every unit starts. */
#define INITRD_HEADING                             \
    "# Made by regd-initrd-generator.\n\n"         \
    "[Unit]\n"                                     \
    "Documentation=man:regd-initrd-generator(8)\n" \
    "SourcePath=/proc/cmdline\n"

/* A file, or, if it has a target, a link. Names are relative to the directory of units. */
struct initrd_unit {
    const char *name;
    const char *text;
    const char *target;
};

struct initrd_unit_list {
    struct initrd_unit *items;
    size_t count;
    size_t capacity;
};

/* Returns the name of the unit of an absolute path other than '/': with the suffix ".mount" or
 * ".device". The path must have no empty, "." or ".." component and no '/' at its end. */
const char *initrd_unit_name(struct arena *arena, const char *path, const char *suffix);

/* Doubles each '%', which starts a specifier in a unit file. */
const char *initrd_unit_value(struct arena *arena, const char *text);

/* Returns one word of a command line, in double quotes. */
const char *initrd_unit_word(struct arena *arena, const char *text);

void initrd_unit_add(struct initrd_unit_list *units, const char *name, const char *text,
                     struct arena *arena);

/* Adds the mount unit of a path. */
void initrd_unit_add_mount(struct initrd_unit_list *units, const char *where, const char *text,
                           struct arena *arena);

/* Makes a target require the mount unit of a path. */
void initrd_unit_require(struct initrd_unit_list *units, const char *target, const char *where,
                         struct arena *arena);
