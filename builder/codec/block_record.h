/* block_record.h — what decides the bytes of an image's blocks, as one line of text.
 *
 * Two images whose records are equal have the same compressed bytes for the same contents. So blocks
 * are taken over from an image with the same record (image/reuse.h), and from no other.
 *
 * Shape    Words of NAME=VALUE with one space between them, printable ASCII, in this order:
 *            code         COMPRESSOR_CODE, which counts the changes of our own part in it
 *            size         bytes of a whole block
 *            compression  NAME:LEVEL as --compression has it, without the level for lz4's fast mode
 *            zstd, lz4, xz
 *                         versions of the libraries that compress the block or decide whether it is
 *                         compressed, as they report them when the program runs
 *            libdeflate   the version of its header, and the CRC-32 of what the library makes of a
 *                         text of FIXED_TEXT_BYTES: it does not report its version
 * Example  code=1 size=1048576 compression=zstd:19 zstd=1.5.4
 * Limits   Of libraries that report the same version and still differ (a distributor's change) the
 *          record knows nothing.
 */
#pragma once

#include "builder/codec/compression.h"
#include "schema/base/arena.h"

enum { BLOCK_RECORD_MAX = 256 };

/* Makes the record, of at most BLOCK_RECORD_MAX bytes. Refuses where there is no memory. */
must_check bool block_record(const struct compression *compression, size_t block_bytes,
                             struct arena *arena, struct str *ret_record, struct error *error);
