/* check_calls.h — makes system calls fail on purpose.
 *
 * A program that uses these functions gets its own versions of these calls of the C library:
 * openat, fstat, fstatat, read, pread, write, pwrite, readlink, readlinkat, getdents64, mkdirat,
 * symlinkat, unlinkat, renameat, ftruncate, fdatasync, fsync, fchmod, fcntl, mmap. They work as
 * usual, except for one selected call, which fails with EIO. A case can try each call:
 *
 *     for (size_t number = 1; check_calls_fail(number), !work(); number++)
 *         CHECK(check_calls_end());     otherwise it failed for another reason
 *     CHECK(!check_calls_end());
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Makes the call of this number fail; 1 is the next. */
void check_calls_fail(size_t number);

/* Makes no call fail any more. Returns whether one has failed. */
bool check_calls_end(void);
