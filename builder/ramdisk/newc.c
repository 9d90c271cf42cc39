#include "builder/ramdisk/newc.h"

#include <assert.h>
#include <string.h>

static size_t round_up(size_t number, size_t multiple)
{
    return (number + multiple - 1) / multiple * multiple;
}

size_t newc_name_bytes(const char *name, uint64_t offset, size_t boundary)
{
    assert(boundary > 0);
    assert(offset % NEWC_ALIGN_BYTES == 0 && boundary % NEWC_ALIGN_BYTES == 0);
    size_t least = strlen(name) + 1;
    size_t start = (size_t)(offset % boundary);
    size_t end = round_up(start + NEWC_HEADER_BYTES + least, boundary);
    size_t bytes = end - start - NEWC_HEADER_BYTES;
    /* If the data is aligned anyway, the final padding need not be part of the name. */
    if (bytes - least < NEWC_ALIGN_BYTES)
        bytes = least;
    assert(bytes >= least);
    return bytes <= NEWC_NAME_MAX ? bytes : 0;
}

/* Writes a number as 8 hexadecimal digits. Returns the end. */
static char *add_word(char *at, uint32_t word)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = 28; shift >= 0; shift -= 4)
        *at++ = digits[word >> shift & 15];
    return at;
}

static size_t format(const struct newc_member *member, uint32_t links, uint32_t time_seconds,
                     char *prefix)
{
    size_t bytes = round_up(NEWC_HEADER_BYTES + member->name_bytes, NEWC_ALIGN_BYTES);
    assert(bytes <= NEWC_PREFIX_MAX && member->size_bytes <= NEWC_MEMBER_MAX);
    memset(prefix, 0, bytes);
    memcpy(prefix, "070701", 6);
    char *at = prefix + 6;
    at = add_word(at, member->inode);
    at = add_word(at, member->mode);
    at = add_word(at, 0); /* owner */
    at = add_word(at, 0); /* group */
    at = add_word(at, links);
    at = add_word(at, time_seconds);
    at = add_word(at, (uint32_t)member->size_bytes);
    at = add_word(at, 0); /* device */
    at = add_word(at, 0);
    at = add_word(at, 0); /* device number of a device file */
    at = add_word(at, 0);
    at = add_word(at, (uint32_t)member->name_bytes);
    at = add_word(at, 0); /* checksum; unused in this variant */
    assert(at == prefix + NEWC_HEADER_BYTES);
    memcpy(at, member->name, strlen(member->name));
    return bytes;
}

bool newc_check_size(const char *name, uint64_t size_bytes, struct error *error)
{
    return size_bytes <= NEWC_MEMBER_MAX ||
           error_set(error, "%s has %llu bytes: a ramdisk cannot hold a file of 4 GiB or more",
                     name, (unsigned long long)size_bytes);
}

bool newc_format(const struct newc_member *member, char *ret_prefix, size_t *ret_bytes,
                 struct error *error)
{
    assert(member->name_bytes > strlen(member->name) && member->name_bytes <= NEWC_NAME_MAX);
    if (!newc_check_size(member->name, member->size_bytes, error))
        return false;
    *ret_bytes = format(member, 1, 1, ret_prefix);
    return true;
}

/* Returns field `index` of the header, or UINT64_MAX if it is not a number. */
static uint64_t word_at(const char *header, size_t index)
{
    uint64_t word = 0;
    for (size_t i = 0; i < 8; i++) {
        char digit = header[6 + 8 * index + i];
        unsigned value = digit >= '0' && digit <= '9'   ? (unsigned)(digit - '0')
                         : digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a' + 10)
                         : digit >= 'A' && digit <= 'F' ? (unsigned)(digit - 'A' + 10)
                                                        : 16;
        if (value > 15)
            return UINT64_MAX;
        word = word << 4 | value;
    }
    return word;
}

enum { MODE = 1, FILE_SIZE = 6, NAME_SIZE = 11 };

bool newc_parse(const char *header, struct newc_header *ret_header)
{
    uint64_t mode = word_at(header, MODE), size = word_at(header, FILE_SIZE);
    uint64_t name_bytes = word_at(header, NAME_SIZE);
    if (memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0)
        return false;
    if (mode > UINT32_MAX || size > UINT32_MAX || name_bytes < 1 || name_bytes > NEWC_NAME_MAX)
        return false;
    *ret_header = (struct newc_header){ (uint32_t)mode, size, (size_t)name_bytes };
    return true;
}

size_t newc_padding(uint64_t bytes)
{
    return (size_t)(-bytes % NEWC_ALIGN_BYTES);
}

/* Is this the header of that file? `bytes` is its length with the name and the padding. */
static bool is_header(const char *header, size_t bytes, const char *name, uint64_t size_bytes)
{
    size_t length = strlen(name) + 1;
    if (memcmp(header, "070701", 6) != 0)
        return false;
    uint64_t name_bytes = word_at(header, NAME_SIZE);
    return name_bytes >= length && name_bytes <= NEWC_NAME_MAX &&
           round_up(NEWC_HEADER_BYTES + (size_t)name_bytes, NEWC_ALIGN_BYTES) == bytes &&
           memcmp(header + NEWC_HEADER_BYTES, name, length) == 0 &&
           word_at(header, FILE_SIZE) == size_bytes;
}

bool newc_ends_with_header(const char *bytes, size_t count, const char *name, uint64_t size_bytes)
{
    size_t length = strlen(name) + 1;
    for (size_t bound = round_up(NEWC_HEADER_BYTES + length, NEWC_ALIGN_BYTES);
         bound <= count && bound <= NEWC_PREFIX_MAX; bound += NEWC_ALIGN_BYTES)
        if (is_header(bytes + count - bound, bound, name, size_bytes))
            return true;
    return false;
}

size_t newc_format_trailer(char *ret_prefix)
{
    static const struct newc_member trailer = { .name = NEWC_TRAILER_NAME,
                                                .name_bytes = sizeof NEWC_TRAILER_NAME };
    return format(&trailer, 1, 0, ret_prefix);
}
