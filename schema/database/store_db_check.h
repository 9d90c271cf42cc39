/* store_db_check.h — is an open database one that Nix has finished, that we know, and of this store?
 */
#pragma once

#include "schema/database/store_db.h"

/* Refuses a database whose tables are not as they have to be (store_db_shape.h); one of which no path
 * is in this store; and, when it is to be written, one whose triggers would have to run. Warns of what
 * is not known, and of rows of another store. Looks at few pages, whatever its size. */
must_check bool store_db_check(const struct store_db *db, const struct store *store,
                               struct error *error);
