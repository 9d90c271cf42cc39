/* check_calls.h — makes system calls fail on purpose.
 *
 * A program that calls these gets the calls below in place of the C library's: open, openat, openat2, fstat, fstatat,
 * realpath, read, pread, write, pwrite, readlink, readlinkat, getdents64, fdopendir, readdir, mkdir, mkdirat, symlink,
 * symlinkat, linkat, unlinkat, renameat, renameat2, ftruncate, fdatasync, fsync, syncfs, fchmod, fchmodat, futimens,
 * utimensat, fstatvfs, fcntl, flock, dup, memfd_create, mmap. They do what they are asked for, in any thread, but for the
 * one that is to fail, with EIO. So a case tries each:
 *
 *     for (size_t number = 1; check_calls_fail(number), !work(); number++)
 *         CHECK(check_calls_end());     otherwise it failed for another reason
 *     CHECK(!check_calls_end());
 */
#pragma once

#include "tests/check_store.h"

/* Makes the call of this number fail; 1 is the next. */
void check_calls_fail(size_t number);

/* The same, and each call after it: what is done about a failure fails, too. */
void check_calls_fail_from(size_t number);

/* The same with another error than EIO. */
void check_calls_fail_with(size_t number, int code);

/* Is it the turn of this call? For one that a test itself has in place of the C library's. Sets errno if so. */
bool check_calls_is_next(void);

/* Makes every second read, pread, write, pwrite and openat2 fail with EINTR, as if signals came. The
 * work is to be done all the same. */
void check_calls_interrupt(void);

/* Makes renameat2 refuse its flags (EINVAL), as file systems do that know none, besides the call that is
 * to fail. */
void check_calls_refuse_flags(void);

/* Makes no call fail any more. Returns whether one has failed. */
bool check_calls_end(void);

/* The same, and checks that the work is done exactly if no call has failed, and that the sentence ends
 * with EIO's text otherwise. Returns false if one has failed and the work is done, or the other way
 * round: then the case must return. */
bool check_calls_told(bool done);

/* Runs a command of regd, as check_run does, again and again, while each call of it fails in turn. It does what it does
 * otherwise, or says why not. Returns how often it did not. */
size_t check_calls_run(bool (*work)(struct command *command, struct error *error),
                       const struct command *command, struct arena arena);
