/* check_calls.h — system calls that fail on purpose.
 *
 * A program that calls these gets the calls below in place of the C library's: openat, fstat, fstatat,
 * read, pread, write, pwrite, readlink, readlinkat, getdents64, mkdirat, symlinkat, unlinkat, renameat, ftruncate,
 * fdatasync, fsync, fchmod, fcntl, mmap. They do what they are asked for, but for the one that is to fail, with EIO. So a case tries each:
 *
 *     for (size_t number = 1; check_calls_fail(number), !work(); number++)
 *         CHECK(check_calls_end());     a failure that was not ours
 *     CHECK(!check_calls_end());
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From now on the call of this number fails, 1 being the next; in this thread's program alone. */
void check_calls_fail(size_t number);

/* None fails any more. Has one failed? */
bool check_calls_end(void);
