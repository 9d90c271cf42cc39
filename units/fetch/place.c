#include "units/fetch/place.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>

/* Returns the value of "MemAvailable:   1234 kB". */
static uint64_t read_available(struct str meminfo)
{
    while (meminfo.len > 0) {
        struct cut line = str_cut(meminfo, '\n');
        struct cut field = str_cut(line.head, ':');
        uint64_t kibibytes;
        meminfo = line.tail;
        if (!str_equal(field.head, STR("MemAvailable")) || !str_ends(field.tail, STR(" kB")))
            continue;
        struct str number = { field.tail.data, field.tail.len - 3 };
        while (number.len > 0 && number.data[0] == ' ')
            number = str_skip(number, 1);
        if (str_to_number(number, UINT64_MAX >> 10, &kibibytes))
            return kibibytes << 10;
    }
    return UINT64_MAX;
}

bool place_look(int directory, struct str meminfo, struct place *ret_place, struct error *error)
{
    struct statfs status;
    if (fstatfs(directory, &status) < 0)
        return error_errno(error, errno, "look for free space");
    *ret_place = (struct place){
        .is_memory = status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC,
        .free_bytes = status.f_type == RAMFS_MAGIC || status.f_blocks == 0
                          ? UINT64_MAX
                          : (uint64_t)status.f_bavail * (uint64_t)status.f_bsize,
        .available_bytes = read_available(meminfo),
    };
    return true;
}

/* Rounded up, so that what is needed never looks smaller than it is. */
static unsigned long long mebibytes(uint64_t bytes)
{
    return (bytes >> 20) + ((bytes & ((1 << 20) - 1)) != 0);
}

bool place_check(const struct place *place, const struct place_need *need, struct error *error)
{
    uint64_t all_bytes = need->image_bytes + need->verity_bytes;
    uint64_t memory = all_bytes + PLACE_RESERVE_BYTES;
    uint64_t space = place->is_memory ? need->image_bytes : all_bytes;
    if (place->is_memory && place->available_bytes < memory)
        return error_set(error,
                         "too little memory: %llu MiB are needed, %llu for the images and %d for "
                         "the rest of the boot, and %llu MiB are available; give the machine %llu "
                         "MiB more, or keep the images on a disk with regd.to=",
                         mebibytes(memory), mebibytes(all_bytes), PLACE_RESERVE_BYTES >> 20,
                         (unsigned long long)(place->available_bytes >> 20),
                         mebibytes(memory - place->available_bytes));
    if (place->free_bytes < space)
        return error_set(error,
                         "too little space: %llu MiB are needed, and %llu MiB are free; make the "
                         "file system %llu MiB larger, or remove files from it",
                         mebibytes(space), (unsigned long long)(place->free_bytes >> 20),
                         mebibytes(space - place->free_bytes));
    return true;
}
