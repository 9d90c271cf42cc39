/* sqlite_record.h — encodes the values of a row or an index entry as a record of SQLite.
 *
 * Shape    varint: 7 bits per byte, the highest first; all bytes but the last have the top bit set
 *          record: the length of the header and the type of each value (all varints); then the
 *          values number: 0 and 1 have only a type; others take the fewest bytes that hold them,
 *          big-endian
 *          text:   its bytes; the type has its length
 * Order    Everything is written from its end to its start, as SQLite fills a page from its end. A
 *          number is written as 8 bytes that end at the right place; the superfluous bytes are
 *          before its start, where the next piece will be written. `end` is after the last byte.
 *          The functions return the first byte; up to SQLITE_RECORD_SPILL bytes before that are
 *          overwritten.
 * Limits   Varints have less than 56 bits: in longer ones the last byte has 8 bits.
 * Source   The SQLite project, "Database File Format" (fileformat2.html), section 2.1.
 */
#pragma once

#include "schema/base/str.h"

#include <endian.h>
#include <string.h>

enum { SQLITE_RECORD_VALUES_MAX = 9, SQLITE_RECORD_SPILL = 8 };

/* A column's value. A text has two parts, so that a path need not be copied after its prefix. */
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

/* The size of a record and the types of its values. */
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

/* Returns the type of a number, which is always one byte. The common case, ids, is first. */
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

/* Returns how many bytes a number of that type takes. */
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

/* Write a number of fixed width, as in the headers of pages. `at` is its first byte. */
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
