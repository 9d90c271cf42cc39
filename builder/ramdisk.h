/* ramdisk.h — the initial ramdisk: other ramdisks byte for byte, then one archive with the store
 * images, stored as they are: they are compressed already.
 *
 * Each image's data lies on a multiple of 4 KiB, so that the same file can be loop-mounted at an
 * offset. Members are written in place: begin says where the data goes, end completes the header.
 */
#pragma once

#include "schema/base/file.h"

enum { RAMDISK_ALIGN_BYTES = 4096 };

/* What the ramdisk is called beside a script that loads it. */
#define RAMDISK_NAME "initrd"

/* The name of the store image in the ramdisk, as NixOS mounts it: ../nix-store.squashfs. */
#define RAMDISK_STORE_NAME "nix-store.squashfs"

/* The name of layer number `index`: the first is the upper one. */
const char *ramdisk_store_name(struct arena *arena, size_t index);

struct ramdisk {
    int fd; /* open for writing; borrowed */
    uint64_t size_bytes;
    uint32_t member_count;
    const char *member_name; /* the member that was begun, or null */
    uint64_t member_offset, data_offset;
    size_t member_name_bytes;
};

/* Appends a ramdisk that others made. *ret_size_bytes is its size. */
must_check bool ramdisk_prepend(struct ramdisk *ramdisk, int source, const char *source_name,
                                struct arena scratch, uint64_t *ret_size_bytes,
                                struct error *error);

/* Begins a member; its data goes to *ret_offset. */
must_check bool ramdisk_begin(struct ramdisk *ramdisk, const char *name, uint64_t *ret_offset,
                              struct error *error);

/* Completes the member that was begun, whose data has been written. */
must_check bool ramdisk_end(struct ramdisk *ramdisk, uint64_t size_bytes, struct error *error);

/* Copies a whole file into a member. */
must_check bool ramdisk_add(struct ramdisk *ramdisk, const char *name, int source,
                            const char *source_name, struct arena scratch, uint64_t *ret_size_bytes,
                            struct error *error);

/* Ends the archive. */
must_check bool ramdisk_finish(struct ramdisk *ramdisk, struct error *error);
