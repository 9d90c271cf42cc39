/* error.h — errors: one sentence that says why something failed.
 *
 * The function that fails states the fact (error_set, error_errno). Each caller on the way up may
 * add what it was doing, and to which object (error_in). main prints the whole sentence once. Its
 * parts stand from the outermost caller to the fact:
 *
 *     regd: load /nix-path-registration: line 412: reference count 'x' is not a number
 *
 * A function that can fail returns bool and takes `struct error *error` as its last parameter. If
 * it returns false, the sentence is set and no `ret_` output has been changed. An outcome on which
 * the caller branches is not an error but a returned value.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Size of the longest sentence in bytes, with its terminator. Longer ones are cut. */
enum { ERROR_SENTENCE_MAX = 4096 };

struct error {
    char sentence[ERROR_SENTENCE_MAX];
};

#define must_check __attribute__((warn_unused_result))

/* All three return false, so that a function fails with one line: `return error_set(error,
 * ...)`. */

/* States a fact that the program found. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* States which system call failed, followed by ": " and the text of the errno value `code`. */
bool error_errno(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts context and ": " before the sentence that is already set. */
bool error_in(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "PROGRAM: SENTENCE\n", escaped as show.h says, because it can contain foreign text. */
void error_print(FILE *stream, const char *program, const struct error *error);

/* Prints "PROGRAM: SENTENCE\n" on standard error and exits with status 1, by _exit: any thread may
 * call it while others run, and no buffer is flushed. For failures that no caller can handle, such
 * as lack of memory. */
_Noreturn void error_end(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Compilers and analyzers look at one file at a time and cannot know what these functions return: they
 * would warn of outputs that a failure leaves unset. tests/coverage has a macro of this name. */
#ifndef ERROR_DEFINITIONS
static inline bool(error_false)(bool result)
{
    (void)result;
    return false;
}
#define error_set(...)   error_false(error_set(__VA_ARGS__))
#define error_errno(...) error_false(error_errno(__VA_ARGS__))
#define error_in(...)    error_false(error_in(__VA_ARGS__))
#endif
