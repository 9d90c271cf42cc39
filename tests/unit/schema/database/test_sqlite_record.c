#include "tests/check.h"

#include "schema/database/sqlite_record.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { ROOM = 64 };

/* Reads a varint as section 1.6 of fileformat2.html has it; returns its length. */
static size_t read_varint(const uint8_t *at, uint64_t *ret_number)
{
    size_t length = 0;
    *ret_number = 0;
    do
        *ret_number = *ret_number << 7 | (at[length] & 0x7f);
    while (at[length++] & 0x80);
    return length;
}

static void check_varint(uint64_t number)
{
    uint8_t bytes[ROOM] = { 0 }, *end = bytes + sizeof bytes;
    uint64_t back;
    check_about("%llu", (unsigned long long)number);
    uint8_t *start = sqlite_varint_put(end, number);
    CHECK_NUMBER(end - start, sqlite_varint_length(number));
    CHECK_NUMBER(read_varint(start, &back), end - start);
    CHECK_NUMBER(back, number);
    for (size_t i = SQLITE_RECORD_SPILL; start - bytes > (ptrdiff_t)i; i++)
        CHECK_NUMBER(start[-1 - (ptrdiff_t)i], 0);
}

static void varints_of_every_length_are_read_back(void)
{
    for (unsigned bits = 0; bits < 56; bits++) {
        uint64_t power = (uint64_t)1 << bits;
        check_varint(power - 1);
        check_varint(power);
        check_varint(power + 1);
    }
    check_varint(((uint64_t)1 << 56) - 1);
}

static void a_varint_has_no_byte_too_many(void)
{
    static const struct {
        uint64_t number;
        size_t length;
    } rows[] = {
        { 0, 1 },          { 0x7f, 1 },        { 0x80, 2 },        { 0x3fff, 2 },
        { 0x4000, 3 },     { 0x1fffff, 3 },    { 0x200000, 4 },    { 0xfffffff, 4 },
        { 0x10000000, 5 }, { 0x7ffffffff, 5 }, { 0x800000000, 6 }, { 0xffffffffffffff, 8 },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_NUMBER(sqlite_varint_length(rows[i].number), rows[i].length);
}

/* The table of section 2.1. */
static void a_number_has_the_smallest_type_that_holds_it(void)
{
    static const struct {
        int64_t number;
        unsigned type, width;
    } rows[] = {
        { 0, 8, 0 },
        { 1, 9, 0 },
        { 2, 1, 1 },
        { -1, 1, 1 },
        { 127, 1, 1 },
        { -128, 1, 1 },
        { 128, 2, 2 },
        { -129, 2, 2 },
        { 32767, 2, 2 },
        { -32768, 2, 2 },
        { 32768, 3, 3 },
        { -32769, 3, 3 },
        { 0x7fffff, 3, 3 },
        { -0x800000, 3, 3 },
        { 0x800000, 4, 4 },
        { INT32_MAX, 4, 4 },
        { INT32_MIN, 4, 4 },
        { (int64_t)INT32_MAX + 1, 5, 6 },
        { (int64_t)INT32_MIN - 1, 5, 6 },
        { 0x7fffffffffff, 5, 6 },
        { -0x800000000000, 5, 6 },
        { 0x800000000000, 6, 8 },
        { -0x800000000001, 6, 8 },
        { INT64_MAX, 6, 8 },
        { INT64_MIN, 6, 8 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%lld", (long long)rows[i].number);
        CHECK_NUMBER(sqlite_number_type(rows[i].number), rows[i].type);
        CHECK_NUMBER(sqlite_number_width(rows[i].type), rows[i].width);
    }
}

/* The record that SQLite 3.40.1 makes of (null, 7, 'abcd', 1, -2): its bytes, as in the file. */
static void a_record_is_the_one_that_sqlite_makes(void)
{
    static const uint8_t want[] = { 6, 0, 1, 21, 9, 1, 7, 'a', 'b', 'c', 'd', 0xfe };
    const struct sqlite_value values[] = { { .kind = SQLITE_VALUE_NULL },
                                           sqlite_number(7),
                                           sqlite_text(STR("ab"), STR("cd")),
                                           sqlite_number(1),
                                           sqlite_number(-2) };
    uint8_t bytes[ROOM] = { 0 }, *end = bytes + sizeof bytes;
    struct sqlite_record record = sqlite_record_measure(values, COUNT(values));
    CHECK_NUMBER(record.length, sizeof want);
    uint8_t *start = sqlite_record_put(end, &record, values, COUNT(values));
    if (CHECK_NUMBER(end - start, sizeof want))
        CHECK(memcmp(start, want, sizeof want) == 0);
}

static void a_text_may_be_empty_in_either_part(void)
{
    const struct sqlite_value values[] = { sqlite_text(STR(""), STR("")),
                                           sqlite_text(STR("a"), STR("")),
                                           sqlite_text((struct str){ 0 }, STR("b")) };
    static const uint8_t want[] = { 4, 13, 15, 15, 'a', 'b' };
    uint8_t bytes[ROOM] = { 0 }, *end = bytes + sizeof bytes;
    struct sqlite_record record = sqlite_record_measure(values, COUNT(values));
    uint8_t *start = sqlite_record_put(end, &record, values, COUNT(values));
    if (CHECK_NUMBER(end - start, sizeof want))
        CHECK(memcmp(start, want, sizeof want) == 0);
}

static void numbers_of_a_fixed_width_are_big_endian(void)
{
    uint8_t bytes[6];
    sqlite_put_16(bytes, 0x1234);
    sqlite_put_32(bytes + 2, 0x89abcdef);
    CHECK(memcmp(bytes, "\x12\x34\x89\xab\xcd\xef", sizeof bytes) == 0);
}

int main(void)
{
    return CHECK_ALL(
        CASE(varints_of_every_length_are_read_back), CASE(a_varint_has_no_byte_too_many),
        CASE(a_number_has_the_smallest_type_that_holds_it),
        CASE(a_record_is_the_one_that_sqlite_makes), CASE(a_text_may_be_empty_in_either_part),
        CASE(numbers_of_a_fixed_width_are_big_endian));
}
