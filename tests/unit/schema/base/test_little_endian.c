#include "tests/check.h"

#include "schema/base/little_endian.h"

static void the_lowest_byte_comes_first(struct arena arena)
{
    (void)arena;
    static const unsigned char bytes[] = { 0, 0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8 };
    CHECK_NUMBER(little_16(bytes + 1), 0x9281);
    CHECK_NUMBER(little_32(bytes + 1), 0xb4a39281);
    CHECK_NUMBER(little_64(bytes + 1), 0xf8e7d6c5b4a39281);
}

static void what_is_put_is_taken(struct arena arena)
{
    (void)arena;
    unsigned char bytes[9] = { 0 };
    little_put_16(bytes + 1, 0x9281);
    little_put_32(bytes + 3, 0xd6c5b4a3);
    CHECK_NUMBER(little_64(bytes + 1), 0xd6c5b4a39281);
    CHECK(bytes[0] == 0 && bytes[1] == 0x81 && bytes[7] == 0);
}

int main(void)
{
    return CHECK_ALL(CASE(the_lowest_byte_comes_first), CASE(what_is_put_is_taken));
}
