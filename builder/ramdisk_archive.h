/* ramdisk_archive.h — getting a file back out of a ramdisk's compressed archive.
 */
#pragma once

#include "schema/base/error.h"

#include <stdint.h>

/* A new file without a name in the directory, which vanishes when it is closed. */
must_check bool ramdisk_archive_temporary(int directory, int *ret_fd, struct error *error);

/* Unpacks the member `name` of the archive that starts at a file's byte `offset` into a file without
 * a name in the directory of temporary files (TMPDIR, /tmp). `fd` is left open. */
must_check bool ramdisk_archive_unpack(int fd, uint64_t offset, const char *name, int *ret_fd,
                                       struct error *error);
