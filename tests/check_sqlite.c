#include "tests/check_sqlite.h"
#include "tests/check.h"

#include "schema/database/sqlite.h"

#include <stdarg.h>

static struct sqlite_functions real;
static size_t left;
static bool has_failed;

/* Is it the turn of this call? */
static bool fails(void)
{
    if (left == 0 || --left > 0)
        return false;
    has_failed = true;
    return true;
}

static int fail_errcode(sqlite3 *open)
{
    return has_failed ? SQLITE_FULL : real.errcode(open);
}

static const char *fail_errmsg(sqlite3 *open)
{
    return has_failed ? real.errstr(SQLITE_FULL) : real.errmsg(open);
}

static int fail_exec(sqlite3 *open, const char *sql, int (*row)(void *, int, char **, char **),
                     void *context, char **ret_sentence)
{
    return fails() ? SQLITE_FULL : real.exec(open, sql, row, context, ret_sentence);
}

static int fail_prepare_v2(sqlite3 *open, const char *sql, int size, sqlite3_stmt **ret_statement,
                           const char **ret_tail)
{
    *ret_statement = NULL;
    return fails() ? SQLITE_FULL : real.prepare_v2(open, sql, size, ret_statement, ret_tail);
}

static int fail_prepare_v3(sqlite3 *open, const char *sql, int size, unsigned flags,
                           sqlite3_stmt **ret_statement, const char **ret_tail)
{
    *ret_statement = NULL;
    return fails() ? SQLITE_FULL : real.prepare_v3(open, sql, size, flags, ret_statement, ret_tail);
}

static int fail_step(sqlite3_stmt *statement)
{
    return fails() ? SQLITE_FULL : real.step(statement);
}

static int fail_bind_text(sqlite3_stmt *statement, int column, const char *text, int size,
                          void (*release)(void *))
{
    return fails() ? SQLITE_FULL : real.bind_text(statement, column, text, size, release);
}

static int fail_create_module(sqlite3 *open, const char *name, const sqlite3_module *module,
                              void *context)
{
    return fails() ? SQLITE_FULL : real.create_module(open, name, module, context);
}

/* What is asked of it here takes a number and the place of an answer. */
static int fail_db_config(sqlite3 *open, int what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    int value = va_arg(arguments, int);
    int *answer = va_arg(arguments, int *);
    va_end(arguments);
    return fails() ? SQLITE_ERROR : real.db_config(open, what, value, answer);
}

static void *fail_malloc(int size)
{
    return fails() ? NULL : real.malloc(size);
}

void check_sqlite_fail(size_t number)
{
    if (!CHECK_DONE(sqlite_load(check_error)))
        return;
    if (!real.step)
        real = sqlite;
    sqlite.errcode = fail_errcode;
    sqlite.errmsg = fail_errmsg;
    sqlite.exec = fail_exec;
    sqlite.prepare_v2 = fail_prepare_v2;
    sqlite.prepare_v3 = fail_prepare_v3;
    sqlite.step = fail_step;
    sqlite.bind_text = fail_bind_text;
    sqlite.create_module = fail_create_module;
    sqlite.db_config = fail_db_config;
    sqlite.malloc = fail_malloc;
    left = number;
    has_failed = false;
}

bool check_sqlite_end(void)
{
    if (real.step)
        sqlite = real;
    return has_failed;
}
