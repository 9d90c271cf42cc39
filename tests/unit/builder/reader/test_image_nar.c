#include "tests/check.h"

#include "builder/reader/image_nar.h"
#include "schema/base/file.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/mman.h>

#define DIGEST "0123456789abcdfghijklmnpqrsvwxyz-"

/* Images of the fuzzer's corpus. Their manifests say what Nix 2.8.0 computes of what unsquashfs unpacks. */
static const char *const names[] = { "gzip", "lz4", "xz", "zstd", "plain" };

static int open_copy(const char *name, struct arena *arena)
{
    struct str bytes = STR("");
    const char *path = check_data(arena, arena_format(arena, "../fuzz/corpus/image/%s", name).data);
    int fd = memfd_create(name, MFD_CLOEXEC);
    CHECK_DONE(file_read(AT_FDCWD, path, 1 << 20, arena, &bytes, check_error));
    CHECK(fd >= 0 && write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len);
    return fd;
}

static bool open_image(int fd, struct arena *arena, struct image *ret_image)
{
    struct image_place place = { .fd = fd, .name = "image" };
    return image_open(&place, STR("/nix/store"), 1, arena, ret_image, check_error);
}

static void hashes_and_sizes_are_those_of_the_manifest(struct arena arena)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cleanup(own_close) int fd = open_copy(names[i], &arena);
        cleanup(image_close) struct image image = { 0 };
        cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
        check_about("%s", names[i]);
        if (!CHECK_DONE(open_image(fd, &arena, &image)) ||
            !CHECK_DONE(image_worker_make(&image, &arena, &worker, check_error)))
            return;
        const uint64_t *sizes = image_nar_sizes(&image, &arena);
        for (size_t j = 0; j < image.listed.count; j++) {
            struct nar nar = { 0 };
            const struct path_info *info = &image.listed.items[j];
            uint32_t node = image_find(&image, info->base);
            if (!CHECK(node > 0))
                continue;
            CHECK_NUMBER(sizes[node], info->nar_size_bytes);
            CHECK_DONE(image_nar_hash(&image, &worker, node, arena, &nar, check_error));
            CHECK(hash_equal(&nar.hash, &info->nar_hash));
            CHECK_NUMBER(nar.size_bytes, info->nar_size_bytes);
        }
    }
}

/* Of "plain" the blocks of files are gone once it is open. */
static void what_cannot_be_read_is_named_from_the_root_on(struct arena arena)
{
    struct nar nar = { .size_bytes = 77 };
    cleanup(own_close) int fd = open_copy("plain", &arena);
    cleanup(image_close) struct image image = { 0 };
    cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
    if (!CHECK_DONE(open_image(fd, &arena, &image)) ||
        !CHECK_DONE(image_worker_make(&image, &arena, &worker, check_error)))
        return;
    CHECK(ftruncate(fd, IMAGE_SUPER_BYTES) == 0);
    uint32_t node = image_find(&image, STR(DIGEST "package"));
    CHECK(!image_nar_hash(&image, &worker, node, arena, &nar, check_error));
    CHECK(str_starts(str_from(check_error->sentence), STR(DIGEST "package/")));
    CHECK(str_ends(str_from(check_error->sentence), STR(": it became shorter while it was read")));
    CHECK_NUMBER(nar.size_bytes, 77);
}

int main(void)
{
    return CHECK_ALL(CASE(hashes_and_sizes_are_those_of_the_manifest),
                     CASE(what_cannot_be_read_is_named_from_the_root_on));
}
