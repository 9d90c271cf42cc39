/* newc.h — the cpio format of an initial ramdisk.
 *
 * Shape    Per member: "070701", 13 numbers of 8 hex digits, the name with its NUL, padding to 4,
 *          the data, padding to 4. The member TRAILER!!! ends the archive.
 * Kernel   Unpacks archives that stand one behind the other, each starting on a multiple of 4, NULs
 *          between them skipped. A name may be followed by further NULs, which bring a member's
 *          data to a boundary here.
 * Limit    Sizes have 32 bits: a member of 4 GiB or more cannot be written (GNU cpio drops it and
 *          exits with 0).
 * Source   The kernel's Documentation/driver-api/early-userspace/buffer-format.rst and
 *          init/initramfs.c.
 */
#pragma once

#include "schema/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* The largest member, in bytes. */
#define NEWC_MEMBER_MAX UINT32_MAX

/* What is called so ends the archive. */
#define NEWC_TRAILER_NAME "TRAILER!!!"

enum {
    NEWC_ALIGN_BYTES = 4,
    NEWC_HEADER_BYTES = 110,
    NEWC_NAME_MAX = 4096, /* the kernel's PATH_MAX, NULs included */
    NEWC_PREFIX_MAX = NEWC_HEADER_BYTES + NEWC_NAME_MAX + NEWC_ALIGN_BYTES,
};

struct newc_member {
    const char *name;
    uint32_t mode;  /* type and permission bits */
    uint32_t inode; /* different for each member */
    uint64_t size_bytes;
    size_t name_bytes; /* with NULs; see newc_name_bytes */
};

/* How long the name field has to be so that the data of a member whose header starts at `offset`
 * (a multiple of 4) lies on a multiple of `boundary` (a multiple of 4 up to 4096, or 4 for none).
 * 0 if no name of at most NEWC_NAME_MAX bytes does it. */
size_t newc_name_bytes(const char *name, uint64_t offset, size_t boundary);

/* Refuses a member of 4 GiB or more, before anything is written. */
must_check bool newc_check_size(const char *name, uint64_t size_bytes, struct error *error);

/* Writes header, name and padding into a buffer of NEWC_PREFIX_MAX; returns how many bytes.
 * Owner 0:0, modification time 1, one link. Refuses a member of 4 GiB or more. */
must_check bool newc_format(const struct newc_member *member, char *ret_prefix, size_t *ret_bytes,
                            struct error *error);

/* Does a header with that name and size end these bytes, so that its data follows? */
bool newc_ends_with_header(const char *bytes, size_t count, const char *name, uint64_t size_bytes);

/* What a header says of the member that follows. */
struct newc_header {
    uint32_t mode; /* type and permission bits */
    uint64_t size_bytes;
    size_t name_bytes; /* with NULs, 1 to NEWC_NAME_MAX */
};

/* Reads the NEWC_HEADER_BYTES of a header, of the variant with checksums, too. False: they are none, or the
 * name has no byte or too many. */
bool newc_parse(const char *header, struct newc_header *ret_header);

/* The bytes that bring what has so many to NEWC_ALIGN_BYTES. */
size_t newc_padding(uint64_t bytes);

/* Writes the trailer likewise. */
size_t newc_format_trailer(char *ret_prefix);
