/* tarball.h — a tree as one file, to be copied to a machine and unpacked anywhere.
 *
 * Shape    tar, the names without a directory in front, so that ./kexec-boot is where it is
 *          unpacked. Owner 0:0, times 1, modes 0644 and 0755, a second name of a file is a hard
 *          link. Ascending by name. The file's suffix says how it is compressed: .tar, .tar.gz,
 *          .tar.xz, .tar.zst; at a low level, as nearly all of it is compressed already.
 * Bytes    The same tree gives the same bytes.
 */
#pragma once

#include "schema/base/error.h"

#include <stddef.h>

/* Does the name say how to compress? */
must_check bool tarball_check_name(const char *name, struct error *error);

/* Writes files of a directory to fd; `name` says how. The names are put in order. */
must_check bool tarball_write(int directory, const char **files, size_t count, const char *name,
                              int fd, struct error *error);
