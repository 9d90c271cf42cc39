#include "tests/check_pinned.h"

#include "tests/check.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int check_pinned_file(void)
{
    return memfd_create("pinned", MFD_CLOEXEC);
}

static struct str read_back(int fd, size_t size_bytes, struct arena *arena)
{
    char *bytes = arena_room(arena, size_bytes);
    CHECK_NUMBER(file_pread(fd, bytes, size_bytes, 0), size_bytes);
    return (struct str){ bytes, size_bytes };
}

struct check_pinned check_pinned_make(size_t size_bytes, struct arena *arena)
{
    struct check_pinned pinned = { .layer = { .name = STR("nix-store.squashfs"),
                                              .size_bytes = size_bytes } };
    struct arena own = *arena;
    struct crew crew = { .jobs = 1, .arenas = &own };
    char *bytes = arena_room(arena, size_bytes);
    int image = check_pinned_file(), verity = check_pinned_file();
    struct verity_files files = { .image = { image, "image" }, .verity = { verity, "verity" } };
    check_noise(bytes, size_bytes, size_bytes);
    pinned.image = (struct str){ bytes, size_bytes };
    own = *arena;
    if (CHECK_DONE(file_write(files.image, bytes, size_bytes, check_error)) &&
        CHECK_DONE(verity_shape_of(size_bytes, &pinned.layer.shape, check_error)) &&
        CHECK_DONE(
            verity_write(&files, &pinned.layer.shape, &crew, &pinned.layer.root, check_error)))
        pinned.verity = read_back(verity, pinned.layer.shape.size_bytes, arena);
    close(image);
    close(verity);
    return pinned;
}

bool check_pinned_is(int fd, struct str bytes, struct arena scratch)
{
    char *found = arena_room(&scratch, bytes.len + 1);
    ssize_t got = file_pread(fd, found, bytes.len + 1, 0);
    return got == (ssize_t)bytes.len && memcmp(found, bytes.data, bytes.len) == 0;
}
