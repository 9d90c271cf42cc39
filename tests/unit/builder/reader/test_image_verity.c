#include "tests/check_calls.h"
#include "tests/check_image.h"

#include "builder/reader/image_verity.h"

#include <sys/stat.h>
#include <unistd.h>

/* Writes the verity data of an image to `fd` at `offset`. */
static bool add(int image, int fd, uint64_t offset, struct arena *arena, struct hash *ret_root)
{
    struct crew crew;
    struct stat status;
    struct verity_shape shape;
    struct verity_files files = { .image = { image, "image" },
                                  .verity = { fd, "tree" },
                                  .verity_offset = offset };
    return CHECK(fstat(image, &status) == 0) && crew_make(1, arena, &crew, check_error) &&
           verity_shape_of((uint64_t)status.st_size, &shape, check_error) &&
           verity_write(&files, &shape, &crew, ret_root, check_error);
}

static bool find(int image, int beside, struct arena *arena, struct image_verity *ret_verity)
{
    struct image_file file;
    struct image_place place = { .fd = image, .name = "image" };
    return image_file_open(&place, arena, &file, check_error) &&
           image_verity_find(&file, "image", (struct file){ beside, "tree" }, ret_verity,
                             check_error);
}

static void verity_data_is_found_behind_the_image(struct arena arena)
{
    struct stat status;
    struct hash root;
    struct image_verity verity;
    cleanup(own_close) int fd = check_image_file("zstd", &arena);
    CHECK(fstat(fd, &status) == 0);
    if (!CHECK_DONE(add(fd, fd, (uint64_t)status.st_size, &arena, &root)) ||
        !CHECK_DONE(find(fd, -1, &arena, &verity)))
        return;
    CHECK(hash_equal(&verity.root, &root));
    CHECK_NUMBER(verity.files.verity_offset, status.st_size);
    CHECK(ftruncate(fd, status.st_size + VERITY_BLOCK_BYTES + 8) == 0);
    CHECK_REFUSED(find(fd, -1, &arena, &verity), "it has 4104 bytes, expected 8192");
}

static void verity_data_is_found_beside_the_image(struct arena arena)
{
    struct hash root;
    struct image_verity verity;
    cleanup(own_close) int fd = check_image_file("zstd", &arena);
    cleanup(own_close) int beside = check_image_memory("", 0);
    if (!CHECK_DONE(add(fd, beside, 0, &arena, &root)) ||
        !CHECK_DONE(find(fd, beside, &arena, &verity)))
        return;
    CHECK(hash_equal(&verity.root, &root));
    CHECK(pwrite(beside, "V", 1, 0) == 1);
    CHECK_REFUSED(find(fd, beside, &arena, &verity),
                  "tree: its superblock is not the one that regd-build writes");
}

static void each_call_that_fails_is_told(struct arena arena)
{
    struct hash root;
    struct image_verity verity;
    cleanup(own_close) int fd = check_image_file("zstd", &arena);
    cleanup(own_close) int beside = check_image_memory("", 0);
    if (!CHECK_DONE(add(fd, beside, 0, &arena, &root)))
        return;
    size_t number = 1;
    for (bool done = false; !done; number++) {
        struct arena scratch = arena;
        check_calls_fail(number);
        done = find(fd, beside, &scratch, &verity);
        if (!check_calls_told(done))
            return;
    }
    CHECK(number > 4);
}

int main(void)
{
    return CHECK_ALL(CASE(verity_data_is_found_behind_the_image),
                     CASE(verity_data_is_found_beside_the_image),
                     CASE(each_call_that_fails_is_told));
}
