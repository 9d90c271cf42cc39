/* merge.h — a list of paths on its way into a database, for registry.c and merge.c alone.
 */
#pragma once

#include "regd/registry.h"
#include "schema/database/store_db.h"
#include "schema/database/store_rows.h"

struct merge {
    const struct store *store;
    const struct path_list *list;
    uint32_t *order; /* each path behind those it refers to */
    bool *left_out;
    struct arena *arena;
    struct registry_result result;

    /* Once the database has been asked: */
    bool *is_new; /* it has no row yet */
    struct store_rows rows;
    size_t output_capacity;
};

static inline struct str merge_base(const struct merge *merge, uint32_t path)
{
    return merge->list->items[path].base;
}

/* Asks the database about each path and each name that is referred to; a row that says other than
 * the list is changed. */
must_check bool merge_find_paths(struct merge *merge, const struct store_db *db,
                                 struct error *error);

/* AUTOINCREMENT: above every id that was ever used. */
must_check bool merge_find_last_id(const struct store_db *db, int64_t *ret_id, struct error *error);

/* How many references the paths have that are not left out. */
size_t merge_count_references(const struct merge *merge);

/* Lists the references that are to be added: those that no row says. */
must_check bool merge_add_references(struct merge *merge, const struct store_db *db,
                                     struct error *error);
