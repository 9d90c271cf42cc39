/* compressor.h — compressors for the blocks of an image, as objects of libsquashfs.
 *
 * The compressor options in the image come from libsquashfs' own compressor. Blocks are compressed
 * with libzstd, libdeflate (zlib's format, smaller and faster than with zlib), liblz4 and liblzma,
 * whose contexts are kept from block to block.
 *
 * A result is always shorter than the input; a block that does not get shorter is stored
 * uncompressed.
 */
#pragma once

#include "builder/codec/compression.h"

#include <sqfs/compressor.h>

/* The version of this code: add 1 if a change makes the same libraries produce other bytes from the
 * same block, for example other parameters, dictionary sizes, or another order of attempts
 * (block_record.h). */
enum { COMPRESSOR_CODE = 1 };

/* Returns libsquashfs' number of the compression. */
SQFS_COMPRESSOR compressor_id(const struct compression *compression);

/* Makes a compressor for blocks of at most block_bytes. Other threads get copies, made with
 * sqfs_copy. Fails if a library is missing. */
must_check bool compressor_make(const struct compression *compression, size_t block_bytes,
                                sqfs_compressor_t **ret_compressor, struct error *error);
