/* store_db_check.h — is an open database one that Nix has finished, that we know, and of this store?
 */
#pragma once

#include "schema/database/store_db.h"

/* Refuses a database that lacks a table or column, has a migration that is not known, or holds what is
 * no full path in the store, with a sentence that says what to do. Looks at few pages, whatever its
 * size. */
must_check bool store_db_check(const struct store_db *db, const struct store *store,
                               struct error *error);

/* Refuses only the second: a newer Nix has given the database a shape that is not known. One that has no
 * tables yet is fine. */
must_check bool store_db_check_migrations(const struct store_db *db, struct error *error);
