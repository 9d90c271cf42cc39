#include "schema/database/sqlite.h"

#include "schema/base/library.h"

#define LIBSQLITE "libsqlite3.so.0"

struct sqlite_functions sqlite;

bool sqlite_load(struct error *error)
{
    struct sqlite_functions functions;
    bool found = true;
    if (sqlite.step)
        return true;
#define SQLITE_FIND(name)                                                      \
    functions.name = found ? library_find(LIBSQLITE, "sqlite3_" #name) : NULL; \
    found = functions.name
    SQLITE_FUNCTIONS(SQLITE_FIND);
#undef SQLITE_FIND
    if (!found)
        return error_set(error, "load %s", library_reason());
    sqlite = functions;
    return true;
}
