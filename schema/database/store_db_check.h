/* store_db_check.h — checks that an open database is of a known shape and belongs to this store.
 */
#pragma once

#include "schema/database/store_db.h"

/* Refuses a database whose tables have another shape (store_db_shape.h); one that has paths, but
 * none of this store; and, if it is open for writing, one with triggers that would have to run.
 * Warns of unknown additions and of rows without a legal path in the store, for which it reads the
 * index of the paths once. */
must_check bool store_db_check(const struct store_db *db, const struct store *store,
                               struct error *error);
