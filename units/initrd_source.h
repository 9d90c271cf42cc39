/* initrd_source.h — one layer of the store, or the cache, and where it comes from.
 *
 * Shape    regd.store=FILE[,offset=BYTES]                             a file of the ramdisk
 *          regd.store=DEVICE[,file=PATH][,offset=BYTES]               not checked
 *          regd.store=DEVICE[,file=PATH][,offset=BYTES],root=HEX,size=BYTES
 *                                                                     read through dm-verity
 *          regd.store=URL,root=HEX,size=BYTES[,verity-size=BYTES]     fetched and checked
 *          regd.to=DEVICE[,file=DIRECTORY]                            the cache
 *          DEVICE is a block device (/dev/...), or one by its LABEL=, UUID=, PARTLABEL= or PARTUUID=.
 *          With file=, the device has a file system, and the image is a file in it.
 * Pins     root= is the root hash of the image's dm-verity tree, 64 hex digits; size= the size of the
 *          image without its verity data. On a device the verity data follows the image; of a URL it
 *          is another file, see verity_name() in schema/boot/verity.h.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/boot/layers.h"

struct initrd_source {
    const char *what; /* absolute path of a file or of a device node, or a URL; null: the layer is
                       * fetched from one of the mirrors */
    const char *file; /* absolute path in the device's file system; or null */
    uint64_t offset;  /* where the image starts in the device or file, bytes */
    struct layer pin; /* size_bytes 0: not pinned */
    bool is_device;
    bool is_url; /* the layer is fetched */
};

/* Parses the value of regd.store=. The strings of the source are copies in the arena. */
must_check bool initrd_source_parse(struct str text, struct arena *arena,
                                    struct initrd_source *ret_source, struct error *error);

/* Parses the value of regd.to=. */
must_check bool initrd_source_parse_cache(struct str text, struct arena *arena,
                                          struct initrd_source *ret_source, struct error *error);
