/* fuzz.h — helpers of the fuzz targets. Whatever the bytes, a parser must return a value or a
 * sentence.
 *
 * A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput. It is linked twice: with replay.c,
 * which runs it on files, and, by clang, with libFuzzer, which makes new inputs. See fuzz.sh.
 *
 * fuzz_must and fuzz_done turn a wrong result into a crash, so that libFuzzer notices it.
 */
#pragma once

#include "schema/base/arena.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The whole arena again, as large as the programs' own need to be for inputs of this kind. An input
 * that exhausts it ends the process, which is a finding. */
struct arena fuzz_arena(void);

/* A copy of the input that ends where its memory ends, so that a look behind it is found. */
struct str fuzz_text(const uint8_t *data, size_t size);

/* Ends the process if it does not hold. */
void fuzz_must(bool holds, const char *what);

/* Returns what a parser returned; a refusal must have a sentence. Both are counted, because a target that
 * accepts nothing tests nothing behind the parser. */
bool fuzz_done(bool done, const struct error *error);

struct fuzz_count {
    size_t accepted, refused;
};

extern struct fuzz_count fuzz_count;

/* The same of two texts being equal. */
void fuzz_same(struct str got, struct str want, const char *what);

/* What a writer writes. */
struct str fuzz_written(void (*write)(FILE *stream, const void *value), const void *value,
                        struct arena *arena);
