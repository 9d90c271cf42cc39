/* image_check.h — is an image made as squashfs.h says, and does each of its bytes belong to something?
 *
 * What reading refuses (image_reader.h) and hashing finds (verify.c) is not repeated here. This is
 * about what readers ignore: modes, owners, times, numbers, counts of links, flags, fields without
 * use, the table for NFS, where things stand, what lies between them and behind the end.
 *
 * Rules    Everything stands in the order of the format, without a gap: super block, compressor
 *          options, data, inodes, directories, fragments, exports, owners, trailer (image_trailer.h).
 *          Of the data each block belongs to a file, or is a fragment block; of a fragment block
 *          each byte belongs to a file. Listings stand in the order of their inodes. Inodes are
 *          numbered from 1, each number is there once, and the export table leads to them.
 *          Owner 0:0, times 1, no extended attributes, modes 0444, 0555 and 0777.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/nix/findings.h"

/* An image that is checked. */
struct checking {
    const struct image *image;
    uint32_t checksum;    /* as it should be */
    struct str store_dir; /* findings of files are of paths in it */
    struct arena *arena;
    struct findings *findings;
};

/* The checksum of what is in use, see image_trailer.h. The scratch gives 1 MiB. */
must_check bool image_checksum(const struct image *image, struct arena scratch,
                               uint32_t *ret_checksum, struct error *error);

/* Adds what is not as it should be. To be called once all files were read. */
must_check bool image_check(const struct checking *checking, struct error *error);
