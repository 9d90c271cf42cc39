/* image_options.h — reads the options of a squashfs image's compressor, as the kernel does.
 *
 * Shape    A word of 16 bits, the length and a bit that says that they are stored, then as many bytes. xz: the size of the
 *          dictionary, filters; lz4: version, flags; each 32 bits. Nothing here needs those of gzip and zstd.
 * Source   The kernel's fs/squashfs/super.c, xz_wrapper.c, lz4_wrapper.c.
 */
#pragma once

#include "builder/reader/image_table.h"

/* Finds where the options are; the range is empty if there are none. Sets the file's dictionary. Refuses
 * what the kernel refuses to mount. */
must_check bool image_options_read(struct image_file *file, struct image_range *ret_range,
                                   struct error *error);
