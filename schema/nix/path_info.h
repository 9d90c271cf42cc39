/* path_info.h — what is known of a store path, and lists of such.
 *
 * All paths are base names (store_path.h). A list has a table of the names that occur in it, and
 * holds them by their numbers. Other strings are slices of what was read and live as long as that.
 */
#pragma once

#include "schema/nix/hash.h"
#include "schema/nix/name_table.h"

/* More paths or references than this are refused when a list is read: indexes fit 32 bits. */
enum { PATH_COUNT_MAX = 1 << 26, REFERENCE_COUNT_MAX = 1 << 30 };

struct path_info {
    struct str base;      /* as the list's names have it, under the number `name` */
    uint32_t *references; /* numbers of names, its own included if it refers to itself */
    size_t reference_count;
    uint32_t name;
    bool is_ultimate; /* built by the store that says it, which is why it is trusted */
    struct hash nar_hash;
    uint64_t nar_size_bytes; /* of the NAR; 0: unknown, null in the database */
    struct str deriver;      /* base name, or empty */

    /* What a manifest does not say: */
    struct str signatures;      /* "KEY:SIGNATURE", separated by blanks; or empty */
    struct str content_address; /* see content_address.h; or empty */
};

/* Starts all zero. */
struct path_list {
    struct path_info *items;
    size_t count, capacity;
    struct name_table names; /* of the items and of what they refer to */
};

/* Adds an item, all zero, to the end and returns it; valid until the next call. */
struct path_info *path_list_add(struct path_list *list, struct arena *arena);

/* Makes room for so many items in all; the room is not touched yet. */
void path_list_reserve(struct path_list *list, size_t count, struct arena *arena);

/* Adds the items of another list, which is then of no use, and its names: the same as if they had
 * been added one by one. The items' strings and references stay where they are. */
void path_list_append(struct path_list *list, struct path_list *other, struct arena scratch,
                      struct arena *arena);

/* Gives the list the form in which Nix holds it: ascending by base name, of several items of one
 * path only the last; the references of each ascending by base name, each once.
 *
 * From then on an item's name has its index as number. Numbers from list->count on are names that
 * items refer to, or that dropped ones did. */
void path_list_normalise(struct path_list *list, struct arena scratch);

/* The index of a path in a normalised list, or NAME_NONE. */
uint32_t path_list_find(const struct path_list *list, struct str base);

/* Sorts base names and drops repetitions. */
void path_names_normalise(struct str *names, size_t *count);
