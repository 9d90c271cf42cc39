/* A ramdisk whose archive may be compressed: the image in it is found and unpacked as far as it was announced, or refused.
 * The first byte says how many MiB/256 the tree announces, the second where the archive starts. */
#include "builder/ramdisk/ramdisk_archive.h"
#include "schema/base/own.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct error error = { 0 };
    struct stat status;
    cleanup(own_close) int image = -1;
    if (fd < 0)
        fd = memfd_create("ramdisk", MFD_CLOEXEC);
    if (size < 2)
        return 0;
    fuzz_must(fd >= 0 && ftruncate(fd, 0) == 0 &&
                  pwrite(fd, data + 2, size - 2, 0) == (ssize_t)size - 2,
              "the ramdisk is written");
    struct budget space = { .what = "space", .floor_bytes = (uint64_t)64 << 20 }, contents = space;
    struct packed_image wanted = {
        .name = "nix-store.squashfs",
        .archive_offset = (uint64_t)(data[1] & 3) * 4,
        .size_bytes = (uint64_t)data[0] << 12,
        .space = &space,
        .contents = &contents,
    };
    if (!fuzz_done(ramdisk_archive_unpack(fd, &wanted, &image, &error), &error))
        return 0;
    fuzz_must(fstat(image, &status) == 0 && (uint64_t)status.st_size <= wanted.size_bytes,
              "no more is unpacked than was announced");
    return 0;
}
