#include "builder/reader/image_file.h"

#include "schema/base/file.h"
#include "schema/base/little_endian.h"

#include <sqfs/compressor.h>
#include <sqfs/super.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)SQFS_MAX_BLOCK_SIZE == (int)IMAGE_BLOCK_MAX, "the library's largest block");

enum { BLOCK_LOG_LEAST = 12, BLOCK_LOG_MOST = 20 };

/* --- Bytes ------------------------------------------------------------------------------------ */

bool image_file_read(const struct image_file *file, uint64_t start, void *bytes, size_t size_bytes,
                     struct error *error)
{
    if (start > file->size_bytes || size_bytes > file->size_bytes - start)
        return error_set(error, "it is cut off: byte %llu is not there",
                         (unsigned long long)(start + size_bytes));
    ssize_t got = file_pread(file->fd, bytes, size_bytes, file->offset + start);
    if (got < 0)
        return error_errno(error, errno, "read byte %llu", (unsigned long long)start);
    return (size_t)got == size_bytes || error_set(error, "it changed while it was read");
}

/* --- The super block -------------------------------------------------------------------------- */

static struct image_super take_super(const unsigned char *bytes)
{
    return (struct image_super){
        .inode_count = little_32(bytes + 4),
        .modified_seconds = little_32(bytes + 8),
        .block_bytes = little_32(bytes + 12),
        .fragment_count = little_32(bytes + 16),
        .compression = little_16(bytes + 20),
        .flags = little_16(bytes + 24),
        .id_count = little_16(bytes + 26),
        .root_inode = little_64(bytes + 32),
        .used_bytes = little_64(bytes + 40),
        .id_table = little_64(bytes + 48),
        .attribute_table = little_64(bytes + 56),
        .inode_table = little_64(bytes + 64),
        .directory_table = little_64(bytes + 72),
        .fragment_table = little_64(bytes + 80),
        .export_table = little_64(bytes + 88),
    };
}

static bool check_format(const unsigned char *bytes, struct error *error)
{
    uint32_t block_bytes = little_32(bytes + 12);
    uint16_t block_log = little_16(bytes + 22);
    uint16_t major = little_16(bytes + 28), minor = little_16(bytes + 30);
    if (little_32(bytes) != SQFS_MAGIC)
        return error_set(error, "it is not a squashfs image");
    if (major != SQFS_VERSION_MAJOR || minor != SQFS_VERSION_MINOR)
        return error_set(error, "it has squashfs version %u.%u; only 4.0 is supported", major,
                         minor);
    if (block_log < BLOCK_LOG_LEAST || block_log > BLOCK_LOG_MOST ||
        block_bytes != (uint32_t)1 << block_log)
        return error_set(error, "damaged super block: blocks of %u bytes, which is not 2^%u",
                         block_bytes, block_log);
    return true;
}

/* The tables must be in this order and within the bytes in use. */
static bool check_tables(const struct image_file *file, struct error *error)
{
    const struct image_super *super = &file->super;
    const uint64_t starts[] = {
        super->inode_table,  super->directory_table, super->fragment_table,
        super->export_table, super->id_table,        super->attribute_table
    };
    uint64_t before = IMAGE_SUPER_BYTES;
    if (super->used_bytes < IMAGE_SUPER_BYTES || super->used_bytes > file->size_bytes)
        return error_set(error, "it is cut off: it has %llu bytes, expected %llu",
                         (unsigned long long)file->size_bytes,
                         (unsigned long long)super->used_bytes);
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (starts[i] == IMAGE_NO_TABLE && i > 1 && i != 4)
            continue;
        if (starts[i] < before || starts[i] > super->used_bytes)
            return error_set(error, "damaged super block: a table at byte %llu",
                             (unsigned long long)starts[i]);
        before = starts[i];
    }
    return true;
}

/* The format also has lzo and lzma, but hardly any images use them. */
static bool check_compression(const struct image_file *file, struct error *error)
{
    uint16_t number = file->super.compression;
    if (!file->compression_name)
        return error_set(error, "damaged super block: unknown compression %u", number);
    if (number == SQFS_COMP_LZO || number == SQFS_COMP_LZMA)
        return error_set(error, "its compression %s is not supported; gzip, lz4, xz and zstd are",
                         file->compression_name);
    return true;
}

/* Verity data may follow the image (schema/boot/verity.h): behind the bytes in use, at the next
 * multiple of 4 KiB, or if there is no room for the trailer, at the one after it. */
static bool find_verity(struct image_file *file, struct error *error)
{
    static const char magic[8] = "verity";
    uint64_t used = file->super.used_bytes;
    uint64_t at = used + (IMAGE_ALIGN_BYTES - used % IMAGE_ALIGN_BYTES) % IMAGE_ALIGN_BYTES;
    for (int i = 0; i < 2; i++, at += IMAGE_ALIGN_BYTES) {
        char there[sizeof magic];
        if (at > file->size_bytes || file->size_bytes - at < sizeof there)
            return true;
        if (!image_file_read(file, at, there, sizeof there, error))
            return false;
        if (memcmp(there, magic, sizeof magic) != 0)
            continue;
        file->verity_bytes = file->size_bytes - at;
        file->size_bytes = at;
        return true;
    }
    return true;
}

/* Finds the size of the image and the budget that its reading is charged to. */
static bool look_at_place(const struct image_place *place, struct arena *arena,
                          struct image_file *file, struct error *error)
{
    struct stat status;
    if (fstat(place->fd, &status) < 0)
        return error_errno(error, errno, "look at it");
    if (!S_ISREG(status.st_mode))
        return error_set(error, "it is not a file");
    if ((uint64_t)status.st_size > place->offset)
        file->size_bytes = (uint64_t)status.st_size - place->offset;
    if (place->size_bytes && place->size_bytes < file->size_bytes)
        file->size_bytes = place->size_bytes;
    file->budget = place->budget;
    if (file->budget)
        return true;
    file->budget = arena_new(arena, struct image_budget, 1);
    *file->budget = image_budget_make(0);
    image_budget_pay(file->budget, budget_real_bytes(&status));
    return true;
}

bool image_file_open(const struct image_place *place, struct arena *arena,
                     struct image_file *ret_file, struct error *error)
{
    unsigned char bytes[IMAGE_SUPER_BYTES];
    struct image_file file = { .fd = place->fd, .offset = place->offset };
    if (!look_at_place(place, arena, &file, error))
        return false;
    if (file.size_bytes < sizeof bytes)
        return error_set(error, "it is not a squashfs image: it has only %llu bytes",
                         (unsigned long long)file.size_bytes);
    if (!image_file_read(&file, 0, bytes, sizeof bytes, error) || !check_format(bytes, error))
        return false;
    file.super = take_super(bytes);
    if (!check_tables(&file, error) || !find_verity(&file, error))
        return false;
    file.compression_name = sqfs_compressor_name_from_id(file.super.compression);
    if (!check_compression(&file, error))
        return false;
    *ret_file = file;
    return true;
}
