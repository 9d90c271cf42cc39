/* ramdisk_compressor.h — compresses a ramdisk's archive into one stream that the kernel can unpack.
 *
 * Store images are already compressed, and an image in a compressed archive cannot be mounted in
 * place. This is for boot loaders and setups that require a compressed ramdisk.
 *
 * Shape    zstd   one frame with a window of at most 8 MiB
 *          gzip   one member, without a name and a time
 *          xz     one stream, checked by CRC32
 *          The kernel does not accept a second frame, member or stream for the same archive.
 * Bytes    They do not depend on the number of threads: the archive is cut at fixed places.
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

/* Parses NAME[:LEVEL]. NAME is one of none, gzip (1 to 9), xz (0 to 9), zstd (1 to 19). */
must_check bool ramdisk_compression_parse(struct str text,
                                          struct ramdisk_compression *ret_compression,
                                          struct error *error);

/* Compresses a finished archive, which is a file of its own, and appends it to a ramdisk.
 * The file's blocks are freed as they are compressed, so it cannot be used afterwards. */
must_check bool ramdisk_compress(const struct ramdisk_compression *compression,
                                 const struct crew *crew, const struct ramdisk *archive,
                                 struct ramdisk *ramdisk, struct arena scratch,
                                 struct error *error);
