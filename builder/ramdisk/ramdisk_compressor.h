/* ramdisk_compressor.h — a ramdisk's archive as one compressed stream, as the kernel unpacks it.
 *
 * Store images are compressed already, and a compressed archive cannot be mounted in place: this is
 * for loaders and habits that want it.
 *
 * Shape    zstd   one frame with a window of at most 8 MiB
 *          gzip   one member, without a name and a time
 *          xz     one stream, checked by CRC32
 *          The kernel takes no second frame, member or stream for the same archive.
 * Bytes    Do not depend on the number of threads: the archive is cut at fixed places.
 * Source   The kernel's init/initramfs.c, lib/decompress_unzstd.c and lib/xz/xz_dec_stream.c.
 */
#pragma once

#include "builder/codec/compression.h"
#include "builder/ramdisk/ramdisk.h"
#include "schema/base/crew.h"

struct ramdisk_compression {
    bool is_on; /* false: the archive is stored as it is */
    enum compression_kind kind;
    int level;
};

/* Reads NAME[:LEVEL], NAME one of none, gzip (1 to 9), xz (0 to 9), zstd (1 to 19). */
must_check bool ramdisk_compression_parse(struct str text,
                                          struct ramdisk_compression *ret_compression,
                                          struct error *error);

/* Compresses an archive that stands finished in a file of its own, to the end of a ramdisk;
 * *ret_offset is where it starts there. What has been compressed is given back to the disk, so the
 * file cannot be used any more. */
must_check bool ramdisk_compress(const struct ramdisk_compression *compression,
                                 const struct crew *crew, const struct ramdisk *archive,
                                 struct ramdisk *ramdisk, struct arena scratch,
                                 uint64_t *ret_offset, struct error *error);
