#include "tests/check.h"

#include "schema/base/library.h"
#include "schema/database/sqlite.h"

#include <string.h>

/* The symbol that the library of this test lacks; this stands in for schema/base/library.c. */
static const char *lacking;

void *library_find(const char *soname, const char *symbol)
{
    static char function;
    if (lacking && strcmp(symbol, lacking) == 0)
        return NULL;
    return strcmp(soname, "libsqlite3.so.0") == 0 ? &function : NULL;
}

const char *library_reason(void)
{
    return "libsqlite3.so.0: undefined symbol";
}

static void a_library_that_lacks_any_function_is_refused(void)
{
#define SQLITE_SYMBOL(name) "sqlite3_" #name
#define SQLITE_TRY(name)                                                               \
    lacking = SQLITE_SYMBOL(name);                                                     \
    check_about("%s", lacking);                                                        \
    CHECK_REFUSED(sqlite_load(check_error), "load libsqlite3.so.0: undefined symbol"); \
    CHECK(!sqlite.step)
    SQLITE_FUNCTIONS(SQLITE_TRY);
    lacking = NULL;
}

static void it_is_loaded_once(void)
{
    CHECK_DONE(sqlite_load(check_error));
    CHECK(sqlite.step && sqlite.vfs_unregister && sqlite.bind_int);
    lacking = "sqlite3_step";
    CHECK_DONE(sqlite_load(check_error));
    lacking = NULL;
}

int main(void)
{
    return CHECK_ALL(CASE(a_library_that_lacks_any_function_is_refused), CASE(it_is_loaded_once));
}
