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

int check_image_memory(const void *bytes, size_t size)
{
    int fd = memfd_create("image", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    return fd;
}

struct image_file check_image_of(int fd, uint64_t size_bytes)
{
    static struct image_budget budget;
    budget = image_budget_make(0);
    return (struct image_file){
        .budget = &budget,
        .fd = fd,
        .size_bytes = size_bytes,
        .compression_name = "gzip",
        .super = { .compression = 1 /* gzip */, .used_bytes = size_bytes, .block_bytes = 4096 },
    };
}
