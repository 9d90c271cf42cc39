/* merge.h — the state of merging a list of paths into a database; private to registry.c and
 * merge.c.
 */
#pragma once

#include "schema/database/store_db.h"
#include "schema/database/store_rows.h"
#include "schema/registry/registry.h"

struct merge {
    const struct store *store;
    const struct path_list *list;
    uint32_t *order;          /* each path after those it refers to */
    struct presence presence; /* is_there is null if nobody asked for it */
    bool *left_out;
    bool forgets; /* what has vanished */
    struct arena *arena;
    struct registry_result result;

    /* Set by merge_find_paths: */
    bool *is_new; /* the path has no row yet */
    struct store_rows rows;
    size_t output_capacity;
};

static inline struct str merge_base(const struct merge *merge, uint32_t path)
{
    return merge->list->items[path].base;
}

/* Looks up each path and each name that is referred to in the database. Updates a row that differs
 * from the list. */
must_check bool merge_find_paths(struct merge *merge, const struct store_db *db,
                                 struct error *error);

/* Returns the highest id that was ever used. New ids must be higher (AUTOINCREMENT). */
must_check bool merge_find_last_id(const struct store_db *db, int64_t *ret_id, struct error *error);

/* Counts the references of the paths that are not left out. */
size_t merge_count_references(const struct merge *merge);

/* Lists the references that have no row yet. */
must_check bool merge_add_references(struct merge *merge, const struct store_db *db,
                                     struct error *error);
