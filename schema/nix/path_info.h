/* path_info.h — the metadata of a store path, and lists of them.
 *
 * All paths are base names (store_path.h). A list has a table of the names that occur in it, and
 * refers to them by number. The other strings are slices whose lifetime the reading function
 * states.
 */
#pragma once

#include "schema/nix/hash.h"
#include "schema/nix/name_table.h"

/* Lists with more paths or references are refused when they are read, so that indexes fit 32
 * bits. */
enum { PATH_COUNT_MAX = 1 << 26, REFERENCE_COUNT_MAX = 1 << 30 };

struct path_info {
    struct str base;      /* a slice of the list's names: the one with number `name` */
    uint32_t *references; /* numbers of names, including its own if it refers to itself */
    size_t reference_count;
    uint32_t name;
    bool is_ultimate; /* built by the store that stated it, and therefore trusted */
    struct hash nar_hash;
    uint64_t nar_size_bytes; /* size of the NAR; 0: unknown (NULL in the database) */
    struct str deriver;      /* base name, or empty */

    /* Not in a manifest: */
    struct str signatures;      /* "KEY:SIGNATURE", separated by spaces; or empty */
    struct str content_address; /* see content_address.h; or empty */
};

/* An empty list is all zero. */
struct path_list {
    struct path_info *items;
    size_t count, capacity;
    struct name_table names; /* of the items and of their references */
};

/* Appends an item that is all zero and returns it. The pointer is valid until the next call. */
struct path_info *path_list_add(struct path_list *list, struct arena *arena);

/* Makes room for `count` items in total. The memory is not touched yet. */
void path_list_reserve(struct path_list *list, size_t count, struct arena *arena);

/* Appends the items of another list, with its names, as if they had been added one by one. The
 * other list must not be used afterwards. The items' strings and references stay where they are. */
void path_list_append(struct path_list *list, struct path_list *other, struct arena scratch,
                      struct arena *arena);

/* Brings the list into Nix's form: items sorted by base name, and of several items of one path only
 * the last; the references of each item sorted by base name, without duplicates.
 *
 * Afterwards the number of an item's name is the item's index. Numbers from list->count on belong
 * to names that are only referred to, also by items that were dropped. */
void path_list_normalise(struct path_list *list, struct arena scratch);

/* Gives the items from `first` on what a manifest does not have: the signatures, the content address
 * and the ultimate mark that the other list, which is normalised, has for the same path, and its deriver
 * if the item has none. Strings are shared. Refuses another NAR hash; then no item is changed. */
must_check bool path_list_complete(struct path_list *list, size_t first,
                                   const struct path_list *described, struct error *error);

/* Returns the index of a path in a normalised list, or NAME_NONE. */
uint32_t path_list_find(const struct path_list *list, struct str base);

/* Sorts base names and removes duplicates. */
void path_names_normalise(struct str *names, size_t *count);
