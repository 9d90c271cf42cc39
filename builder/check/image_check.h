/* image_check.h — checks that an image has the form that squashfs.h describes, byte by byte.
 *
 * Faults that make reading fail (image_reader.h), and those that change a NAR hash
 * (verify_image.c), are found elsewhere. This check is for what readers ignore: modes, owners,
 * times, inode numbers, link counts, flags, unused fields, the export table, the positions of
 * blocks and tables, gaps between them, and bytes after the end.
 *
 * Rules    All parts are in the order of the format, without gaps: super block, compressor options,
 *          data, inodes, directories, fragments, exports, owners, trailer (image_trailer.h). Each
 *          block of data belongs to a file or is a fragment block; each byte of a fragment block
 *          belongs to a file. Listings are in the order of their inodes. Inodes are numbered from
 *          1, each number occurs once, and the export table points to the inodes. Owner 0:0, times
 *          1, no extended attributes, modes 0444, 0555 and 0777.
 */
#pragma once

#include "builder/check/image_findings.h"

/* Checks the image and adds findings. All files must have been read before. */
must_check bool image_check(const struct checking *checking, struct error *error);
