#include "builder/reader/image_verity.h"

#include <errno.h>
#include <sys/stat.h>

bool image_verity_find(const struct image_file *image, const char *name, struct file beside,
                       struct image_verity *ret_verity, struct error *error)
{
    bool is_appended = beside.fd < 0;
    struct stat status = { 0 };
    struct image_verity verity = {
        .files = {
            .image = { image->fd, name },
            .image_offset = image->offset,
            .verity = is_appended ? (struct file){ image->fd, name } : beside,
            .verity_offset = is_appended ? image->offset + image->size_bytes : 0,
        },
    };
    if (!is_appended && fstat(beside.fd, &status) < 0)
        return error_errno(error, errno, "look at %s", beside.name);
    uint64_t size = is_appended ? image->verity_bytes : (uint64_t)status.st_size;
    if (!verity_shape_of(image->size_bytes, &verity.shape, error))
        return false;
    if (size != verity.shape.size_bytes)
        return error_set(error, "it has %llu bytes, expected %llu", (unsigned long long)size,
                         (unsigned long long)verity.shape.size_bytes);
    if (!verity_root(&verity.files, &verity.shape, &verity.root, error))
        return false;
    *ret_verity = verity;
    return true;
}
