#include "builder/check/tree_check.h"

#include "builder/tree/tree_place.h"
#include "schema/base/own.h"

#include <errno.h>
#include <sys/stat.h>

void tree_check_add(struct tree_check *check, enum finding_kind kind, const char *subject,
                    const char *text)
{
    findings_add(check->verifier->findings, kind, str_from(subject), str_from(text));
}

const struct listed_file *tree_check_find(const struct tree_check *check, const char *name)
{
    const struct checksum *sum = checksums_find(&check->sums, name);
    return sum ? &check->files[sum - check->sums.items] : NULL;
}

int tree_check_open(const struct tree_check *check, const char *name, struct error *error)
{
    struct stat status;
    const struct listed_file *listed = tree_check_find(check, name);
    cleanup(own_close) int fd = tree_place_open_file(check->directory, name, error);
    if (fd < 0 || !listed || !listed->is_there)
        return own_take(&fd);
    if (fstat(fd, &status) < 0) {
        int code = errno;
        error_errno(error, code, "look at %s", name);
        return -code;
    }
    if (status.st_dev == listed->device && status.st_ino == listed->inode &&
        (uint64_t)status.st_size == listed->size_bytes &&
        status.st_mtim.tv_sec == listed->modified.tv_sec &&
        status.st_mtim.tv_nsec == listed->modified.tv_nsec)
        return own_take(&fd);
    error_set(error, "read %s: the file changed during verification; verify again", name);
    return -ESTALE;
}
