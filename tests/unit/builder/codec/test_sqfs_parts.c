#include "builder/codec/sqfs_parts.h"
#include "schema/base/own.h"
#include "tests/check.h"

#include <sqfs/error.h>

#include <string.h>
#include <sys/mman.h>

static int memory_file(void)
{
    int fd = memfd_create("image", MFD_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static void bytes_go_to_their_place_in_the_file(void)
{
    cleanup(own_close) int fd = memory_file();
    struct sqfs_range range;
    unsigned char super[sizeof(sqfs_super_t)] = "super block", back[8] = "";
    sqfs_range_start(&range, fd, 4096, 0);
    sqfs_file_t *file = &range.base;
    CHECK_NUMBER(file->write_at(file, 0, super, sizeof super), 0);
    CHECK_NUMBER(file->write_at(file, sizeof super, "123456789", 9), 0);
    CHECK_NUMBER(file->get_size(file), sizeof super + 9);
    CHECK(pread(fd, back, 5, 4096) == 5 && memcmp(back, "super", 5) == 0);
    CHECK_NUMBER(file->read_at(file, sizeof super + 3, back, 3), 0);
    CHECK(memcmp(back, "456", 3) == 0);
    CHECK_DONE(sqfs_range_check(&range, 0, "write", check_error));
    /* CRC-32 of "123456789", as every table of it says */
    CHECK_NUMBER(range.checksum, 0xcbf43926);
}

static void the_super_block_counts_last_and_as_written_last(void)
{
    cleanup(own_close) int fd = memory_file();
    struct sqfs_range range;
    unsigned char super[sizeof(sqfs_super_t)] = "first";
    sqfs_range_start(&range, fd, 0, 0);
    sqfs_file_t *file = &range.base;
    CHECK_NUMBER(file->write_at(file, 0, super, sizeof super), 0);
    CHECK_NUMBER(file->write_at(file, sizeof super, "x", 1), 0);
    uint32_t before = sqfs_range_checksum(&range);
    super[0] = 'F';
    CHECK_NUMBER(file->write_at(file, 0, super, sizeof super), 0);
    CHECK(sqfs_range_checksum(&range) != before);
    CHECK_NUMBER(file->get_size(file), sizeof super + 1);
}

static void it_is_written_from_front_to_end(void)
{
    cleanup(own_close) int fd = memory_file();
    struct sqfs_range range;
    sqfs_range_start(&range, fd, 0, 0);
    sqfs_file_t *file = &range.base;
    CHECK_NUMBER(file->write_at(file, 200, "x", 1), SQFS_ERROR_SEQUENCE);
    CHECK_NUMBER(file->write_at(file, 0, "x", 1), SQFS_ERROR_SEQUENCE);
    CHECK_NUMBER(file->truncate(file, 0), SQFS_ERROR_UNSUPPORTED);
}

static void what_is_not_there_cannot_be_read_back(void)
{
    cleanup(own_close) int fd = memory_file();
    struct sqfs_range range;
    char byte;
    sqfs_range_start(&range, fd, 0, 0);
    CHECK_NUMBER(range.base.read_at(&range.base, 10, &byte, 1), SQFS_ERROR_IO);
    CHECK_REFUSED(sqfs_range_check(&range, SQFS_ERROR_IO, "look", check_error),
                  "read back the image: Input/output error");
}

static void a_limit_is_not_passed(void)
{
    cleanup(own_close) int fd = memory_file();
    struct sqfs_range range;
    unsigned char super[sizeof(sqfs_super_t)] = "";
    sqfs_range_start(&range, fd, 0, 100);
    sqfs_file_t *file = &range.base;
    CHECK_NUMBER(file->write_at(file, 0, super, sizeof super), 0);
    CHECK_NUMBER(file->write_at(file, sizeof super, "12345", 5), SQFS_ERROR_IO);
    CHECK_REFUSED(
        sqfs_range_check(&range, SQFS_ERROR_IO, "write", check_error),
        "the image is larger than 100 bytes, the most that a ramdisk can hold; split it with "
        "--max-size");
}

static void what_the_disk_refuses_is_told(void)
{
    struct sqfs_range range;
    unsigned char super[sizeof(sqfs_super_t)] = "";
    cleanup(own_close) int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    sqfs_range_start(&range, fd, 0, 0);
    CHECK_NUMBER(range.base.write_at(&range.base, 0, super, sizeof super), SQFS_ERROR_IO);
    CHECK_REFUSED(sqfs_range_check(&range, SQFS_ERROR_IO, "write", check_error),
                  "write the image: No space left on device");
}

static void each_code_has_its_words(void)
{
    static const struct {
        int code;
        const char *sentence;
    } codes[] = {
        { SQFS_ERROR_ALLOC, "pack: out of memory" },
        { SQFS_ERROR_IO, "pack: read or write error" },
        { SQFS_ERROR_COMPRESSOR, "pack: the compressor failed" },
        { SQFS_ERROR_UNSUPPORTED, "pack: not supported by this libsquashfs" },
        { SQFS_ERROR_OVERFLOW, "pack: too large for the format" },
        { SQFS_ERROR_ARG_INVALID, "pack: a value is out of range" },
        { SQFS_ERROR_INTERNAL, "pack: internal error of libsquashfs" },
    };
    struct sqfs_range range;
    sqfs_range_start(&range, -1, 0, 0);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        CHECK_REFUSED(sqfs_range_check(&range, codes[i].code, "pack", check_error),
                      codes[i].sentence);
}

static void a_part_that_is_not_there_is_out_of_memory(void)
{
    CHECK_DONE(sqfs_part_check("", "make it", check_error));
    CHECK_REFUSED(sqfs_part_check(NULL, "make it", check_error), "make it: out of memory");
    sqfs_part_destroy(NULL);
}

int main(void)
{
    return CHECK_ALL(CASE(bytes_go_to_their_place_in_the_file),
                     CASE(the_super_block_counts_last_and_as_written_last),
                     CASE(it_is_written_from_front_to_end),
                     CASE(what_is_not_there_cannot_be_read_back), CASE(a_limit_is_not_passed),
                     CASE(what_the_disk_refuses_is_told), CASE(each_code_has_its_words),
                     CASE(a_part_that_is_not_there_is_out_of_memory));
}
