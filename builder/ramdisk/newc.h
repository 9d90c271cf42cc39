/* newc.h — reads and writes headers of the cpio format of initial ramdisks.
 *
 * Shape    Per member: "070701", 13 numbers of 8 hex digits, the name with its NUL, padding to 4,
 *          the data, padding to 4. The member TRAILER!!! ends the archive.
 * Kernel   It unpacks concatenated archives. Each starts on a multiple of 4; NULs between them are
 *          skipped. A name may be followed by further NULs. We use them to align a member's data.
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

/* The name of the member that ends the archive. */
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
    size_t name_bytes; /* including NULs; see newc_name_bytes */
};

/* Returns the length of the name field with which the data of a member starts on a multiple of
 * `boundary` (a multiple of 4 up to 4096; 4 for no alignment). Its header starts at `offset`, a
 * multiple of 4. Returns 0 if the field would be longer than NEWC_NAME_MAX. */
size_t newc_name_bytes(const char *name, uint64_t offset, size_t boundary);

/* Refuses a member of 4 GiB or more, before anything is written. */
must_check bool newc_check_size(const char *name, uint64_t size_bytes, struct error *error);

/* Writes header, name and padding into a buffer of NEWC_PREFIX_MAX. *ret_bytes is their size. Owner
 * 0:0, modification time 1, one link. Refuses a member of 4 GiB or more. */
must_check bool newc_format(const struct newc_member *member, char *ret_prefix, size_t *ret_bytes,
                            struct error *error);

/* Do these bytes end with a header of that name and size, so that the member's data follows? */
bool newc_ends_with_header(const char *bytes, size_t count, const char *name, uint64_t size_bytes);

/* The contents of a header. */
struct newc_header {
    uint32_t mode; /* type and permission bits */
    uint64_t size_bytes;
    size_t name_bytes; /* including NULs, 1 to NEWC_NAME_MAX */
};

/* Parses a header of NEWC_HEADER_BYTES, also of the variant with checksums. Returns false if it is
 * not a header, or its name is empty or too long. */
bool newc_parse(const char *header, struct newc_header *ret_header);

/* Returns the padding after `bytes` bytes, up to a multiple of NEWC_ALIGN_BYTES. */
size_t newc_padding(uint64_t bytes);

/* Writes the trailer into a buffer of NEWC_PREFIX_MAX. Returns its size. */
size_t newc_format_trailer(char *ret_prefix);
