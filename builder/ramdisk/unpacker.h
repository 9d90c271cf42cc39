/* unpacker.h — unpacks one compressed stream of a ramdisk, as the kernel does.
 *
 * Streams  gzip, bzip2, lzma, xz, lz4 (its legacy format), zstd, and lzo in the format of lzop.
 * End      A stream ends where its format says so. What follows is for the caller: the kernel looks
 *          for the next archive there.
 * Source   The kernel's lib/decompress.c, lib/decompress_unlzo.c and init/initramfs.c.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/file.h"

#include <archive.h>
#include <lzma.h>
#include <zstd.h>

#include <stddef.h>
#include <stdint.h>

enum packing {
    PACKING_UNKNOWN,
    PACKING_BZIP2,
    PACKING_GZIP,
    PACKING_LZ4,
    PACKING_LZMA,
    PACKING_LZO,
    PACKING_XZ,
    PACKING_ZSTD,
};

enum { PACKING_MAGIC_BYTES = 2, UNPACKER_READ_BYTES = 64 << 10 };

/* Returns what starts with these bytes, according to the kernel. */
enum packing packing_of(const char magic[static PACKING_MAGIC_BYTES]);

struct unpacker {
    struct file file; /* borrowed */
    enum packing packing;
    uint64_t start, next;    /* where the stream starts, and the first byte not yet read */
    struct archive *archive; /* owned, as the next three; of each stream one is used */
    ZSTD_DStream *zstd;
    lzma_stream lzma;
    struct arena lzo_memory;
    char *lzo_packed, *lzo_block; /* in it */
    size_t lzo_bytes, lzo_used;   /* of the block */
    bool has_ended;
    struct error *error; /* of the current call, for libarchive's callback */
    bool is_refused;     /* the callback has set it */
    size_t count, used;  /* of `packed` */
    char packed[UNPACKER_READ_BYTES];
};

/* Begins with the stream at `offset` of a ramdisk. Must be closed even after a failure. */
must_check bool unpacker_open(struct unpacker *unpacker, struct file file, uint64_t offset,
                              struct error *error);

/* Unpacks up to `count` bytes. *ret_count is 0 at the end of the stream. Fails if the stream is
 * damaged, or the file ends before the stream. */
must_check bool unpacker_read(struct unpacker *unpacker, char *bytes, size_t count,
                              size_t *ret_count, struct error *error);

/* Returns where the stream ends in the ramdisk. Call it at the end of the stream. */
uint64_t unpacker_end(const struct unpacker *unpacker);

/* For `cleanup`. */
void unpacker_close(struct unpacker *unpacker);
