/* ramdisk.h — the initial ramdisk: other ramdisks byte for byte, then one archive with extra files
 * and the store images, stored as they are: they are compressed already.
 *
 * Each image's data lies on a multiple of 4 KiB, so that the same file can be loop-mounted at an
 * offset. Members are written in place: begin says where the data goes, end completes the header.
 *
 * Pieces   An image can also be a file of its own, to be loaded right behind a file with its
 *          header: loaders put the files of a ramdisk one behind the other, and both have a
 *          multiple of 4 KiB, so that no loader pads between them. The kernel needs no trailer at
 *          the end.
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

/* The name of the file with its header, where the image is a piece of its own. */
const char *ramdisk_header_name(struct arena *arena, size_t index);

struct ramdisk_member {
    const char *name;
    uint32_t mode;      /* type and permission bits */
    size_t align_bytes; /* of the data: NEWC_ALIGN_BYTES, RAMDISK_ALIGN_BYTES */
};

struct ramdisk {
    int fd; /* open for writing; borrowed */
    uint64_t size_bytes;
    uint32_t member_count;
    const struct ramdisk_member *member; /* that was begun, or null */
    uint64_t member_offset, data_offset;
    size_t member_name_bytes;
};

/* Appends a ramdisk that others made. *ret_size_bytes is its size. */
must_check bool ramdisk_prepend(struct ramdisk *ramdisk, int source, const char *source_name,
                                struct arena scratch, uint64_t *ret_size_bytes,
                                struct error *error);

/* Begins a member, which must last until its end; its data goes to *ret_offset. */
must_check bool ramdisk_begin(struct ramdisk *ramdisk, const struct ramdisk_member *member,
                              uint64_t *ret_offset, struct error *error);

/* Completes the member that was begun, whose data has been written. */
must_check bool ramdisk_end(struct ramdisk *ramdisk, uint64_t size_bytes, struct error *error);

/* Copies a whole file into a member. */
must_check bool ramdisk_add(struct ramdisk *ramdisk, const struct ramdisk_member *member,
                            int source, const char *source_name, struct arena scratch,
                            uint64_t *ret_size_bytes, struct error *error);

/* The same for a store image, which is then at ramdisk->data_offset. */
must_check bool ramdisk_add_image(struct ramdisk *ramdisk, const char *name, int source,
                                  const char *source_name, struct arena scratch,
                                  uint64_t *ret_size_bytes, struct error *error);

must_check bool ramdisk_add_directory(struct ramdisk *ramdisk, const char *name,
                                      struct error *error);

/* Writes the header of an image that is a piece of its own to a new file.
 * Refuses an image whose size is no multiple of RAMDISK_ALIGN_BYTES. */
must_check bool ramdisk_write_header(int fd, const char *name, uint64_t size_bytes,
                                     struct error *error);

/* What an image is as a member. */
struct ramdisk_member ramdisk_image(const char *name);

/* Ends the archive, if it was begun. */
must_check bool ramdisk_finish(struct ramdisk *ramdisk, struct error *error);
