#include "tests/check_image.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <sys/mman.h>

int check_image_file(const char *name, struct arena *arena)
{
    struct str bytes = STR("");
    const char *path = check_data(arena, arena_format(arena, "../fuzz/corpus/image/%s", name).data);
    int fd = memfd_create(name, MFD_CLOEXEC);
    CHECK_DONE(file_read(AT_FDCWD, path, 1 << 20, arena, &bytes, check_error));
    CHECK(fd >= 0 && write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len);
    return fd;
}

bool check_image_open(const char *name, struct arena *arena, struct check_image *ret_image)
{
    struct image_place place = { .fd = check_image_file(name, arena), .name = "image" };
    ret_image->fd = place.fd;
    return CHECK_DONE(image_open(&place, STR("/nix/store"), arena, &ret_image->image, check_error));
}

void check_image_release(const struct check_image *image)
{
    own_close(&image->fd);
}
