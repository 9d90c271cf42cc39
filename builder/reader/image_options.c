#include "builder/reader/image_options.h"

#include "schema/base/little_endian.h"

#include <sqfs/compressor.h>

enum { LENGTH_BYTES = 2, STORED_BIT = 0x8000, LENGTH_READ = 8 };

static bool is_dictionary(uint32_t size)
{
    uint32_t lowest = size & -size;
    return size != 0 && (size == lowest || size == lowest * 3);
}

static bool take_options(struct image_file *file, struct str options, struct error *error)
{
    enum { LZ4_VERSION = 1 };
    bool is_lz4 = file->super.compression == SQFS_COMP_LZ4;
    bool is_xz = file->super.compression == SQFS_COMP_XZ;
    if (options.len < (is_lz4 || is_xz ? LENGTH_READ : 1))
        return error_set(error, "damaged compressor options: they are too short");
    uint32_t number = is_lz4 || is_xz ? little_32(options.data) : 0;
    if (is_lz4 && number != LZ4_VERSION)
        return error_set(error, "damaged compressor options: version %u of lz4", number);
    if (is_xz && !is_dictionary(number))
        return error_set(error, "damaged compressor options: a dictionary of %u bytes", number);
    file->dictionary_bytes = is_xz ? number : 0;
    return true;
}

bool image_options_read(struct image_file *file, struct image_range *ret_range, struct error *error)
{
    unsigned char bytes[LENGTH_BYTES + LENGTH_READ];
    struct image_range range = { IMAGE_SUPER_BYTES, IMAGE_SUPER_BYTES, "compressor options" };
    *ret_range = range;
    if (!(file->super.flags & IMAGE_COMPRESSOR_OPTIONS))
        return file->super.compression != SQFS_COMP_LZ4 ||
               error_set(error, "damaged super block: no compressor options, which lz4 needs");
    if (!image_file_read(file, range.start, bytes, LENGTH_BYTES, error))
        return false;
    uint16_t word = little_16(bytes);
    size_t length = word & (STORED_BIT - 1);
    range.end += LENGTH_BYTES + length;
    if (range.end > file->super.inode_table)
        return error_set(error, "damaged compressor options: they go beyond the data");
    if (!(word & STORED_BIT))
        return error_set(error, "damaged compressor options: they are compressed");
    struct str options = { (char *)bytes + LENGTH_BYTES,
                           length < LENGTH_READ ? length : LENGTH_READ };
    *ret_range = range;
    return image_file_read(file, range.start, bytes, LENGTH_BYTES + options.len, error) &&
           take_options(file, options, error);
}
