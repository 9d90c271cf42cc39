#include "builder/tree/kernel_format.h"

#include "builder/ramdisk/unpacker.h"
#include "schema/base/file.h"
#include "schema/base/little_endian.h"

#include <string.h>

enum { START_BYTES = 0x206, PE_OFFSET = 0x3c };

static bool has(struct str start, size_t offset, struct str magic)
{
    return start.len >= offset && str_starts(str_skip(start, offset), magic);
}

static bool is_efi(int fd, struct str start)
{
    char magic[4];
    if (start.len < PE_OFFSET + 4 || !has(start, 0, STR("MZ")))
        return false;
    uint32_t offset = little_32(start.data + PE_OFFSET);
    return file_pread(fd, magic, sizeof magic, offset) == sizeof magic &&
           memcmp(magic, "PE\0\0", sizeof magic) == 0;
}

enum kernel_format kernel_format_of(int fd)
{
    static const struct {
        size_t offset;
        struct str magic;
    } known[] = {
        { 0x202, STR("HdrS") },
        { 0x38, STR("ARM\x64") },
        { 0x38, STR("RSC\x05") },
        { 0x24, STR("\x18\x28\x6f\x01") },
    };
    char bytes[START_BYTES];
    ssize_t got = file_pread(fd, bytes, sizeof bytes, 0);
    struct str start = { bytes, got > 0 ? (size_t)got : 0 };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (has(start, known[i].offset, known[i].magic))
            return KERNEL_FORMAT_STARTS;
    if (is_efi(fd, start))
        return KERNEL_FORMAT_STARTS;
    return start.len >= PACKING_MAGIC_BYTES && packing_of(bytes) != PACKING_UNKNOWN
               ? KERNEL_FORMAT_PACKED
               : KERNEL_FORMAT_UNKNOWN;
}
