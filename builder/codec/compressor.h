/* compressor.h — the compressors of the image, as libsquashfs wants one.
 *
 * The library's own is asked for what stands in the image about the compressor. Blocks are compressed
 * by the field's libraries with contexts that are kept: libzstd, libdeflate (zlib's format, smaller
 * and faster than zlib makes it), liblz4 and liblzma.
 *
 * A result is never as long as what it is of: such a block is stored as it is.
 */
#pragma once

#include "builder/codec/compression.h"

#include <sqfs/compressor.h>

/* Counts the changes of this code after which the same libraries make other bytes of the same block:
 * whoever changes parameters, dictionary sizes or what is tried first adds 1 (block_record.h). */
enum { COMPRESSOR_CODE = 1 };

/* The library's number for the compression. */
SQFS_COMPRESSOR compressor_id(const struct compression *compression);

/* Makes a compressor for blocks of up to that size; sqfs_copy makes more of it, one for each thread.
 * Refuses where a library is missing. */
must_check bool compressor_make(const struct compression *compression, size_t block_bytes,
                                sqfs_compressor_t **ret_compressor, struct error *error);
