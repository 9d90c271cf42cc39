/* lzo.h — LZO, which the kernel reads and libsquashfs does not know.
 *
 * Blocks are compressed by lzo1x_999 with levels 1 to 9, as mksquashfs does. liblzo2 is loaded when it
 * is first asked for: few need it, and its licence is the GPL's, unlike that of all other libraries.
 */
#pragma once

#include "schema/base/error.h"

#include <sqfs/compressor.h>

/* Loads the library; before anything else here, and by one thread. Refuses where it is not
 * installed. */
must_check bool lzo_load(struct error *error);

/* What libsquashfs would have: knows what stands in an image about the compressor, and decompresses.
 * The level is of no matter to that. Null: out of memory. */
sqfs_compressor_t *lzo_make(int level);

/* A kept context for blocks of up to that size; null: out of memory. */
void *lzo_start(int level, size_t block_bytes);
void lzo_end(void *context);

/* Returns the length; 0: it does not fit. */
sqfs_s32 lzo_compress(void *context, int level, const void *in, size_t size, void *out,
                      size_t out_size);
