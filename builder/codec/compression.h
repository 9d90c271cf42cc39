/* compression.h — the compression of a store image: its name and level.
 */
#pragma once

#include "schema/base/arena.h"

enum compression_kind { COMPRESSION_GZIP, COMPRESSION_LZ4, COMPRESSION_XZ, COMPRESSION_ZSTD };

struct compression {
    enum compression_kind kind;
    int level; /* the compressor's own level; for lz4, 0 is its fast mode */
};

#define COMPRESSION_DEFAULT "zstd:19"

/* Parses NAME[:LEVEL]. NAME is one of gzip (1 to 12), lz4 (1 to 12), xz (0 to 9), zstd (1 to
 * 22). */
must_check bool compression_parse(struct str text, struct compression *ret_compression,
                                  struct error *error);

/* Formats a compression as compression_parse reads it. */
struct str compression_format(const struct compression *compression, struct arena *arena);
