/* mount_point.h — is a file system mounted on a name?
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

/* `status` is what statx said of the name, with STATX_BASIC_STATS, `parent` the status of its directory.
 * Kernels before 5.8 do not report mount points; for them, another device number shows one. */
bool mount_point_is(const struct statx *status, const struct stat *parent);
