/* error.h — why something failed: one sentence.
 *
 * The first to fail states the fact (error_set, error_errno); every caller on the way up may add
 * what was being done and to what (error_in); main prints the result once. It reads from the
 * outside in:
 *
 *     regd: load /nix-path-registration: line 412: reference count 'x' is not a number
 *
 * A fallible function returns bool and takes `struct error *error` last. On false the sentence is
 * set and no `ret_` output was touched. Only what the caller cannot act on is an error; what a
 * caller branches on is a value.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Longest sentence in bytes, terminator included; longer ones are cut. */
enum { ERROR_SENTENCE_MAX = 4096 };

struct error {
    char sentence[ERROR_SENTENCE_MAX];
};

#define must_check __attribute__((warn_unused_result))

/* All three return false, so that a failure is one expression: `return error_set(error, ...)`. */

/* States a fact of ours. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* States what the system refused; ": " and the text of the errno value `code` are added. */
bool error_errno(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts context and ": " in front of the sentence that is already there. */
bool error_in(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "PROGRAM: SENTENCE\n", shown (show.h): names and texts in it can be of any origin. */
void error_print(FILE *stream, const char *program, const struct error *error);

/* Prints "PROGRAM: SENTENCE\n" on standard error and ends the process with status 1: for what no caller
 * can do anything about, as where memory ends. Whatever thread calls it, nothing of the others' is taken
 * down, and no buffer is written. */
_Noreturn void error_end(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The analyzer looks at one file at a time and cannot know what these return. */
#if defined(__clang_analyzer__) && !defined(ERROR_DEFINITIONS)
#define error_set(...)   (error_set(__VA_ARGS__), false)
#define error_errno(...) (error_errno(__VA_ARGS__), false)
#define error_in(...)    (error_in(__VA_ARGS__), false)
#endif
