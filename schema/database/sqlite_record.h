/* sqlite_record.h — a row's or an entry's values as SQLite spells them, a record.
 *
 * Shape    varint: 7 bits a byte, the highest first, all but the last with the top bit set
 *          record: the header's length, a type for each value (both varints); then the values
 *          number: 0 and 1 by the type alone, others in the fewest bytes that hold them, big-endian
 *          text:   its bytes; the type tells how many
 * Order    Everything is put from its end to its start, as SQLite fills a page from its end: a
 *          number in memory ends where it should, and what is too much of it stands before its
 *          start, where the next piece goes. `end` is behind the last byte, what is returned is the
 *          first; up to SQLITE_RECORD_SPILL bytes before it are overwritten.
 * Limits   Varints of less than 56 bits: from there on the last byte has eight.
 * Source   The SQLite project, "Database File Format" (fileformat2.html), section 2.1.
 */
#pragma once

#include "schema/base/str.h"

#include <endian.h>
#include <string.h>

enum { SQLITE_RECORD_VALUES_MAX = 9, SQLITE_RECORD_SPILL = 8 };

/* A column's value. A text is told in two parts, so that a path's need not be put together. */
struct sqlite_value {
    enum { SQLITE_VALUE_NULL, SQLITE_VALUE_NUMBER, SQLITE_VALUE_TEXT } kind;
    int64_t number;
    struct str head, tail;
};

static inline struct sqlite_value sqlite_number(int64_t number)
{
    return (struct sqlite_value){ .kind = SQLITE_VALUE_NUMBER, .number = number };
}

static inline struct sqlite_value sqlite_text(struct str head, struct str tail)
{
    return (struct sqlite_value){ .kind = SQLITE_VALUE_TEXT, .head = head, .tail = tail };
}

/* What values take. */
struct sqlite_record {
    size_t length;
    uint64_t types[SQLITE_RECORD_VALUES_MAX];
};

struct sqlite_record sqlite_record_measure(const struct sqlite_value *values, size_t count);

uint8_t *sqlite_record_put(uint8_t *end, const struct sqlite_record *record,
                           const struct sqlite_value *values, size_t count);

static inline size_t sqlite_varint_length(uint64_t number)
{
    if (number < 1 << 28)
        return (size_t)1 + (number > 0x7f) + (number > 0x3fff) + (number > 0x1fffff);
    return (size_t)((64 - __builtin_clzll(number)) * 9 + 64) /
           64; /* a seventh of the bits, upwards */
}

/* A number's type, always one byte: ids and rowids first. */
static inline uint8_t sqlite_number_type(int64_t number)
{
    static const uint8_t types[] = { 1, 1, 2, 3, 4, 5, 5, 6, 6 };
    if (number > 1 && number <= INT32_MAX)
        return (uint8_t)(1 + (number > INT8_MAX) + (number > INT16_MAX) + (number > 0x7fffff));
    if (number == 0 || number == 1)
        return (uint8_t)(8 + number);
    uint64_t magnitude = (uint64_t)(number < 0 ? ~number : number);
    return types[(64 - __builtin_clzll(magnitude | 1)) / 8 + 1];
}

/* The bytes of a number, by its type. */
static inline size_t sqlite_number_width(uint64_t type)
{
    static const uint8_t widths[] = { 0, 1, 2, 3, 4, 6, 8, 0, 0, 0 };
    return widths[type];
}

static inline uint8_t *sqlite_number_put(uint8_t *end, int64_t number, size_t width)
{
    uint64_t big_endian = htobe64((uint64_t)number);
    memcpy(end - sizeof big_endian, &big_endian, sizeof big_endian);
    return end - width;
}

static inline uint8_t *sqlite_varint_put(uint8_t *end, uint64_t number)
{
    if (number < 1 << 28) {
        uint64_t bytes = (number & 0x7f) | (number << 1 & 0x7f00) | (number << 2 & 0x7f0000) |
                         (number << 3 & 0x7f000000);
        return sqlite_number_put(end, (int64_t)(bytes | 0x80808000), sqlite_varint_length(number));
    }
    *--end = (uint8_t)(number & 0x7f);
    while (number >>= 7)
        *--end = (uint8_t)(number | 0x80);
    return end;
}

/* Numbers of a fixed width, as pages have them in their headers; at their start. */
static inline void sqlite_put_16(uint8_t *at, size_t number)
{
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
}

static inline void sqlite_put_32(uint8_t *at, uint32_t number)
{
    sqlite_put_16(at, number >> 16);
    sqlite_put_16(at + 2, number & 0xffff);
}
