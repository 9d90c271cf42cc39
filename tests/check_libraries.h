/* check_libraries.h — makes what the libraries do fail on purpose, or allocations, or system calls.
 *
 * A program that calls this gets the functions of check_libraries.c in place of those of libsquashfs, libarchive, libzstd,
 * liblzma, zlib and libdeflate, and malloc, calloc and realloc. They do what they are asked for, but for the one
 * that is to fail, with what the library itself returns then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum check_failing {
    CHECK_CALLS,     /* of the system: check_calls.h */
    CHECK_ALL_CALLS, /* from one on */
    CHECK_LIBRARIES, /* their functions */
    CHECK_ALLOCATIONS,
};

/* Does the work again and again, while each call, each library's function or each allocation fails in turn, until none does. It
 * is done, or says why not. Returns how often it was not done. With sanitizers, which have their own allocator, no
 * allocation fails. */
size_t check_each(enum check_failing what, bool (*work)(void *context), void *context);

/* The same; `prepare` comes before each time, and nothing fails in it. */
size_t check_each_prepared(enum check_failing what, void (*prepare)(void *context),
                           bool (*work)(void *context), void *context);
