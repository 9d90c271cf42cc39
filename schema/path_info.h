/* path_info.h — what is known of a store path, and lists of such.
 *
 * All paths are base names (store_path.h). The strings are slices of what was read and live as
 * long as that.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/hash.h"

/* More paths or references than this are refused when a list is read: indexes fit 32 bits. */
enum { PATH_COUNT_MAX = 1 << 26, REFERENCE_COUNT_MAX = 1 << 30 };

struct path_info {
    struct str base;
    struct hash nar_hash;
    uint64_t nar_size_bytes; /* of the NAR; 0: unknown, null in the database */
    struct str deriver;      /* base name, or empty */
    struct str *references;  /* base names, the path itself included if it refers to itself */
    size_t reference_count;

    /* What a manifest does not say: */
    struct str signatures;      /* "KEY:SIGNATURE", separated by blanks; or empty */
    struct str content_address; /* see content_address.h; or empty */
    bool is_ultimate;           /* built by the store that says it, which is why it is trusted */
};

struct path_list {
    struct path_info *items;
    size_t count;
    size_t capacity;
};

/* Adds an item, all zero, to the end and returns it; valid until the next call. */
struct path_info *path_list_add(struct path_list *list, struct arena *arena);

/* Gives the list the form in which Nix holds it: ascending by base name, of several items of one
 * path only the last; the references of each ascending, each once. */
void path_list_normalise(struct path_list *list, struct arena scratch);

/* Sorts base names and drops repetitions. */
void path_names_normalise(struct str *names, size_t *count);
