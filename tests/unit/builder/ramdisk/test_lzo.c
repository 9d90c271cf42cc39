#include "tests/check.h"

#include "builder/ramdisk/lzo.h"

#include <string.h>

enum { ROOM = 1 << 16 };

#define END "\x11\0\0"
#define CASE_OF(packed, text)                  \
    {                                          \
        { packed END, sizeof packed - 1 + 3 }, \
        {                                      \
            text, sizeof text - 1              \
        }                                      \
    }

/* Each kind of instruction: what lzop makes of whole files is the oracle's. */
static const struct {
    struct str packed, text;
} blocks[] = {
    CASE_OF("", ""),
    /* The first byte counts what follows: from 4 on, it is a run. */
    CASE_OF("\x12x", "x"),
    CASE_OF("\x15wxyz", "wxyz"),
    /* A run of its own: 3 and more, or 18 and a number. */
    CASE_OF("\x01wxyz", "wxyz"),
    CASE_OF("\0\x02"
            "abcdefghijklmnopqrst",
            "abcdefghijklmnopqrst"),
    /* Two bytes from close by, with one behind them; three from beyond 2048 are tried below. */
    CASE_OF("\x14xyz\x05\0q", "xyzyzq"),
    /* A copy into itself; 3, 4, 5 and 8 bytes from up to 2048. */
    CASE_OF("\x15wxyz\x40\0", "wxyzzzz"),
    CASE_OF("\x15wxyz\x6c\0", "wxyzwxyz"),
    CASE_OF("\x15wxyz\x80\0", "wxyzzzzzz"),
    CASE_OF("\x15wxyz\xe1\0q", "wxyzzzzzzzzzq"),
    /* 3 bytes, and 33 and a number, from up to 16384, then two as they are. */
    CASE_OF("\x15wxyz\x21\x06\0qr", "wxyzyzyqr"),
    CASE_OF("\x15wxyz\x20\x01\0\0", "wxyzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"),
};

static void each_instruction_is_understood(struct arena arena)
{
    (void)arena;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        char bytes[64];
        check_about("block %zu", i);
        CHECK(lzo_unpack(blocks[i].packed, bytes, blocks[i].text.len));
        CHECK_STR(((struct str){ bytes, blocks[i].text.len }), blocks[i].text);
    }
}

/* The lengths of runs and copies go on in bytes, and distances start beyond what is shorter. */
static void long_ones_are_understood(struct arena arena)
{
    static char packed[ROOM], text[ROOM], bytes[ROOM];
    enum { RUN = 40000, ZEROS = (RUN - 18) / 255 };
    (void)arena;
    size_t used = 1 + ZEROS;
    packed[used++] = (char)(RUN - 18 - 255 * ZEROS);
    for (size_t i = 0; i < RUN; i++)
        packed[used + i] = text[i] = (char)(i * i / 977);
    used += RUN;
    /* Three bytes at 2049 + 4 * 255 + 2, behind a run. */
    memcpy(packed + used, "\x08\xff", 2);
    memcpy(text + RUN, text + RUN - 3071, 3);
    /* 9 and 300 at 16384 + 16384 + 5. */
    memcpy(packed + used + 2, "\x18\0\x2d\x14\0", 5);
    for (size_t i = 0; i < 309; i++)
        text[RUN + 3 + i] = text[RUN + 3 + i - 32773];
    memcpy(packed + used + 7, END, 3);
    used += 10;
    CHECK(lzo_unpack((struct str){ packed, used }, bytes, RUN + 312));
    CHECK(memcmp(bytes, text, RUN + 312) == 0);
    for (size_t cut = 0; cut < used; cut += 97)
        CHECK(!lzo_unpack((struct str){ packed, cut }, bytes, RUN + 312));
    CHECK(!lzo_unpack((struct str){ packed, used }, bytes, RUN + 311));
    CHECK(!lzo_unpack((struct str){ packed, used }, bytes, RUN + 313));
}

static void a_damaged_block_is_refused(struct arena arena)
{
    static const struct str damaged[] = {
        STR(""),
        STR("\x15wxyz"),                      /* no end */
        { "\x15wxyz" END "?", 9 },            /* something behind it */
        { "\x15wxyz\x41\x01q" END, 11 },      /* a copy from in front of the block */
        { "\x15wxyz\x20\0\0\0\0\0\0\0", 13 }, /* a length that goes on for ever */
        { "\0\0\0\0\0\0\0", 7 },
    };
    (void)arena;
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        char bytes[64];
        check_about("block %zu", i);
        CHECK(!lzo_unpack(damaged[i], bytes, 4));
    }
}

int main(void)
{
    return CHECK_ALL(CASE(each_instruction_is_understood), CASE(long_ones_are_understood),
                     CASE(a_damaged_block_is_refused));
}
