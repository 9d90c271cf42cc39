/* ramdisk.h — writes an initial ramdisk: copies of other ramdisks, then one cpio archive with extra
 * files and the store images. The archive is not compressed, because the images already are.
 *
 * The data of each image starts on a multiple of 4 KiB, so that it can be loop-mounted from the
 * ramdisk's file at an offset. Members are written in place: ramdisk_begin returns where to write
 * the data, and ramdisk_end writes the header.
 *
 * Pieces   An image can also be a separate file, which is loaded directly after a file with its
 *          header: boot loaders concatenate the files of a ramdisk. The size of both is a multiple
 *          of 4 KiB, so that no loader inserts padding. The kernel needs no trailer at the end.
 */
#pragma once

#include "schema/base/file.h"

enum {
    RAMDISK_ALIGN_BYTES = 4096,
    /* The memory of an unpacked file: whole pages, and about this for its inode and its name. aarch64
     * can have pages of 64 KiB; those of NixOS and Debian have 4 KiB. */
    RAMDISK_PAGE_BYTES = 4096,
    RAMDISK_INODE_BYTES = 1024,
};

/* The file name of the ramdisk in a tree. */
#define RAMDISK_NAME "initrd"

/* Returns the name of the file with a layer's header (0: the topmost one's), if the image is a separate file. */
const char *ramdisk_header_name(struct arena *arena, size_t index);

struct ramdisk_member {
    const char *name;
    uint32_t mode;      /* type and permission bits */
    size_t align_bytes; /* alignment of the data: NEWC_ALIGN_BYTES or RAMDISK_ALIGN_BYTES */
};

struct ramdisk {
    int fd; /* open for writing; borrowed */
    uint64_t size_bytes;
    uint64_t unpacked_bytes; /* memory of the members when they are unpacked */
    uint32_t member_count;
    const struct ramdisk_member *member; /* the member that was begun, or null */
    uint64_t member_offset, data_offset;
    size_t member_name_bytes;
};

/* Returns the memory that a file or directory takes when the ramdisk is unpacked. */
uint64_t ramdisk_member_memory(uint64_t size_bytes);

/* Appends a copy of another ramdisk. *ret_size_bytes is its size. */
must_check bool ramdisk_prepend(struct ramdisk *ramdisk, struct file source, struct arena scratch,
                                uint64_t *ret_size_bytes, struct error *error);

/* Begins a member. Its data must be written at *ret_offset. `member` must stay valid until
 * ramdisk_end. */
must_check bool ramdisk_begin(struct ramdisk *ramdisk, const struct ramdisk_member *member,
                              uint64_t *ret_offset, struct error *error);

/* Ends the member; its data has been written. */
must_check bool ramdisk_end(struct ramdisk *ramdisk, uint64_t size_bytes, struct error *error);

/* Adds a member with the contents of a file. */
must_check bool ramdisk_add(struct ramdisk *ramdisk, const struct ramdisk_member *member,
                            struct file source, struct arena scratch, uint64_t *ret_size_bytes,
                            struct error *error);

/* The same for a store image, which is then at ramdisk->data_offset. */
must_check bool ramdisk_add_image(struct ramdisk *ramdisk, const char *name, struct file source,
                                  struct arena scratch, uint64_t *ret_size_bytes,
                                  struct error *error);

must_check bool ramdisk_add_directory(struct ramdisk *ramdisk, const char *name,
                                      struct error *error);

/* Writes the header of an image that is a separate file to a new file. Refuses an image whose size
 * is not a multiple of RAMDISK_ALIGN_BYTES. */
must_check bool ramdisk_write_header(int fd, const char *name, uint64_t size_bytes,
                                     struct error *error);

/* Returns the member for an image. */
struct ramdisk_member ramdisk_image(const char *name);

/* Writes the trailer, if the archive has members. */
must_check bool ramdisk_finish(struct ramdisk *ramdisk, struct error *error);
