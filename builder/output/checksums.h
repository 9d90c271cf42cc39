/* checksums.h — reads and writes SHA256SUMS, the list of a directory's files with their SHA-256.
 *
 * Shape    One line for each file: 64 lower-case hex digits, two spaces (or a space and '*', the
 *          mark for a binary file), the name, '\n'. The last line, too, ends with '\n'. There are
 *          no other lines.
 * Names    Relative paths; components of printable bytes without '\\', because sha256sum would escape
 *          other names, and escapes are not read. No component is empty or starts with a dot.
 * Source   sha256sum of GNU coreutils, whose --check --strict accepts these files.
 * Limits   CHECKSUMS_BYTES_MAX bytes: the files of a tree, with some thousand device trees.
 *          CHECKSUMS_NAME_MAX bytes of a name.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/nix/hash.h"

#define CHECKSUMS_NAME "SHA256SUMS"

enum { CHECKSUMS_BYTES_MAX = 1 << 20, CHECKSUMS_NAME_MAX = 1023 };

struct checksum {
    const char *name;
    struct hash hash;
    size_t line_number; /* from 1 */
};

/* Sorted by name. */
struct checksums {
    struct checksum *items;
    size_t count;
};

/* May a file of that name be listed? */
bool checksums_is_name(struct str name);

/* Parses a list; the names are copied. Refuses any other shape, an empty text, and a name that
 * occurs twice. The sentence has the line. */
must_check bool checksums_parse(struct str text, struct arena *arena,
                                struct checksums *ret_checksums, struct error *error);

/* Returns the entry of that name, or null. */
const struct checksum *checksums_find(const struct checksums *checksums, const char *name);

/* Does it list that file, or a file below that directory? */
bool checksums_covers(const struct checksums *checksums, const char *path, bool is_directory);

/* Formats the items in their order. */
struct str checksums_format(const struct checksum *items, size_t count, struct arena *arena);
