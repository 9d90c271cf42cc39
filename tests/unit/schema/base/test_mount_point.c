#include "tests/check.h"

#include "schema/base/mount_point.h"

#include <fcntl.h>

/* Asks of a path; without what only newer kernels say, if `is_old`. */
static bool is_one(const char *path, const char *parent_path, bool is_old)
{
    struct statx status;
    struct stat parent;
    CHECK(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &status) == 0);
    CHECK(stat(parent_path, &parent) == 0);
    if (is_old) {
        status.stx_attributes_mask &= ~(uint64_t)STATX_ATTR_MOUNT_ROOT;
        status.stx_attributes ^= STATX_ATTR_MOUNT_ROOT;
    }
    return mount_point_is(&status, &parent);
}

static void proc_is_one_and_what_is_in_it_is_not(struct arena arena)
{
    (void)arena;
    for (int is_old = 0; is_old < 2; is_old++) {
        check_about("%s", is_old ? "an old kernel" : "this kernel");
        CHECK(is_one("/proc", "/", is_old));
        CHECK(!is_one("/proc/self/status", "/proc/self", is_old));
    }
}

int main(void)
{
    return CHECK_ALL(CASE(proc_is_one_and_what_is_in_it_is_not));
}
