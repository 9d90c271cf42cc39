/* ramdisk_reader.h — reads the cpio archives of one stream of a ramdisk, compressed or not.
 *
 * Nothing is kept of a member but its name, and each byte is paid for when it comes: libarchive's own
 * reader of cpio keeps names and links of up to 4 GiB in memory.
 */
#pragma once

#include "builder/ramdisk/newc.h"
#include "builder/ramdisk/unpacker.h"
#include "schema/base/budget.h"
#include "schema/base/str.h"

struct ramdisk_reader {
    struct file file; /* borrowed */
    bool is_packed;
    uint64_t next;           /* if not packed: the first byte not yet read */
    struct budget *contents; /* limits what is read, or unpacked */
    struct str wanted;       /* a text to look for in all that is read; may be empty */
    bool has_wanted;         /* it was seen */
    uint64_t offset;         /* in the stream: how much of it is used */
    size_t count, used;      /* of `bytes` */
    struct unpacker unpacker;
    char bytes[UNPACKER_READ_BYTES];
};

/* Begins with the stream at `offset` of a ramdisk: compressed, unless it starts with the digit of a
 * cpio header. Must be closed even after a failure. */
must_check bool ramdisk_reader_open(struct ramdisk_reader *reader, struct file file,
                                    uint64_t offset, struct budget *contents, struct error *error);

/* Reads the next member up to its data, which ramdisk_reader_copy must take. An empty name: the
 * archive, or the stream, has ended. */
must_check bool ramdisk_reader_next(struct ramdisk_reader *reader, struct newc_header *ret_header,
                                    char name[static NEWC_NAME_MAX], struct error *error);

/* Takes a member's data, and the padding behind it. Writes the data to `fd`, or nowhere if it is -1. */
must_check bool ramdisk_reader_copy(struct ramdisk_reader *reader, uint64_t size_bytes, int fd,
                                    struct error *error);

/* Skips NULs. *ret_more is whether anything follows them in the stream. */
must_check bool ramdisk_reader_skip_zeros(struct ramdisk_reader *reader, bool *ret_more,
                                          struct error *error);

/* Returns where in the ramdisk the stream ends, or if it is not compressed, how far it was read. */
uint64_t ramdisk_reader_end(const struct ramdisk_reader *reader);

/* For `cleanup`. */
void ramdisk_reader_close(struct ramdisk_reader *reader);
