/* image_kernel.h — could the kernel decompress this block of a squashfs image?
 *
 * The libraries read more than the kernel does: several streams one after the other, windows that are larger than a block,
 * checks and filters that the kernel does not have. A machine cannot boot from such blocks, and --reuse must not copy
 * them. Of gzip and lz4 both read the same.
 *
 * Shape    A zstd frame: magic number, descriptor, window if the content is not one segment. An xz stream: header of 12
 *          bytes with the kind of check, then a block header that lists the filters.
 * Source   RFC 8878, 3.1.1; The .xz File Format, 2.1.1 and 3.1; the kernel's fs/squashfs/zstd_wrapper.c, lib/xz.
 */
#pragma once

#include "builder/reader/image_file.h"

bool image_kernel_reads(const struct image_file *file, struct str stream);
