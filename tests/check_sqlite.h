/* check_sqlite.h — makes SQLite's functions fail on purpose, as check_calls.h does the system's.
 *
 * Those that prepare, run, configure and allocate fail, one at a time, as if the disk were full. A case
 * tries each:
 *
 *     for (size_t number = 1; check_sqlite_fail(number), !work(); number++)
 *         CHECK(check_sqlite_end());     otherwise it failed for another reason
 *     CHECK(!check_sqlite_end());
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Makes the call of this number fail; 1 is the next. */
void check_sqlite_fail(size_t number);

/* Makes no call fail any more. Returns whether one has failed. */
bool check_sqlite_end(void);
