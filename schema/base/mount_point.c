#include "schema/base/mount_point.h"

#include <sys/sysmacros.h>

bool mount_point_is(const struct statx *status, const struct stat *parent)
{
    if (status->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
        return status->stx_attributes & STATX_ATTR_MOUNT_ROOT;
    return makedev(status->stx_dev_major, status->stx_dev_minor) != parent->st_dev;
}
