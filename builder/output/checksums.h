/* checksums.h — SHA256SUMS, which lists the files of a directory with their SHA-256.
 *
 * Shape    One line for each file: 64 lower-case hex digits, two blanks (or a blank and '*', for
 *          programs that know binary files), the name, '\n'. Every line is ended; there is no other.
 * Names    One component of printable bytes and no '\\': sha256sum writes those names with escapes,
 *          which are not read. None starts with a dot.
 * Source   sha256sum of GNU coreutils, which reads what is written here with --strict.
 * Limits   CHECKSUMS_BYTES_MAX bytes; a tree lists as many files as it has images, and ten more.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/nix/hash.h"

#define CHECKSUMS_NAME "SHA256SUMS"

enum { CHECKSUMS_BYTES_MAX = 1 << 20 };

struct checksum {
    const char *name;
    struct hash hash;
    size_t line_number; /* from 1 on */
};

/* Ascending by name. */
struct checksums {
    struct checksum *items;
    size_t count;
};

/* May a file of that name be listed? */
bool checksums_is_name(struct str name);

/* Reads a whole list; the names are copied.
 * Refuses, naming the line: any other shape, an empty text, a name that is there twice. */
must_check bool checksums_parse(struct str text, struct arena *arena,
                                struct checksums *ret_checksums, struct error *error);

/* The line of that name, or null. */
const struct checksum *checksums_find(const struct checksums *checksums, const char *name);

/* The text of the items, in their order. */
struct str checksums_format(const struct checksum *items, size_t count, struct arena *arena);
