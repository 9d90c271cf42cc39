/* ramdisk_archive.h — getting a file back out of a ramdisk's compressed archive.
 */
#pragma once

#include "builder/tree_description.h"

/* A new file without a name in the directory, which vanishes when it is closed. */
must_check bool ramdisk_archive_temporary(int directory, int *ret_fd, struct error *error);

/* Unpacks an image of a tree whose file is `fd` into a file without a name in the directory of
 * temporary files (TMPDIR, /tmp). `fd` is left open.
 * Refuses, before it is unpacked, a member of another size than the tree says. */
must_check bool ramdisk_archive_unpack(int fd, const struct tree_image *image, int *ret_fd,
                                       struct error *error);
