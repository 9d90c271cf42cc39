/* block_record.h — one line of text with all that determines the bytes of an image's blocks.
 *
 * Two images with equal records have the same compressed bytes for the same contents. So blocks are
 * reused only from an image with the same record (image/reuse.h).
 *
 * Shape    Words of NAME=VALUE with one space between them, printable ASCII, in this order:
 *            code         COMPRESSOR_CODE, which counts the changes of our own code
 *            size         bytes of a whole block
 *            compression  NAME:LEVEL as in --compression; for lz4's fast mode only the name
 *            zstd, lz4, xz
 *                         versions of the libraries that compress the block or decide whether it is
 *                         compressed, as they report them when the program runs
 *            libdeflate   the version of its header, and the CRC-32 of a text of FIXED_TEXT_BYTES
 *                         that it has compressed: the library does not report its version
 * Example  code=1 size=1048576 compression=zstd:19 zstd=1.5.4
 * Limits   Libraries that differ but report the same version, as after a distributor's change, are
 *          not told apart.
 */
#pragma once

#include "builder/codec/compression.h"
#include "schema/base/arena.h"

enum { BLOCK_RECORD_MAX = 256 };

/* Makes the record, of at most BLOCK_RECORD_MAX bytes. Fails if memory is exhausted. */
must_check bool block_record(const struct compression *compression, size_t block_bytes,
                             struct arena *arena, struct str *ret_record, struct error *error);
