#include "tests/check.h"

#include "schema/nix/nix32.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { BYTES_MAX = 64 };

/* The hashes of nothing, as Nix spells them (nix-hash --to-base32). */
static const struct {
    const char *hex, *nix32;
} known[] = {
    { "d41d8cd98f00b204e9800998ecf8427e", "3y8bwfr609h3lh9ch0izcqq7fl" },
    { "da39a3ee5e6b4b0d3255bfef95601890afd80709", "143xibwh31h9bvxzalr0sjvbbvpa6ffs" },
    { "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73" },
    { "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
      "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
      "0zdl9zrg8r3i9c1g90lgg9ip5ijzv3yhz91i0zzn3r8ap9ws784gkp9dk9j3aglhgf1amqb0pj21mh7h1nxcl18a"
      "kqvvf7ggqsy30yg" },
    { "ff", "7z" },
    { "00", "00" },
    { "01ff", "1zq1" },
    { "", "" },
};

static size_t read_hex(const char *hex, uint8_t *ret_bytes)
{
    size_t count = strlen(hex) / 2;
    for (size_t i = 0; i < count; i++) {
        unsigned byte = 0;
        CHECK(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        ret_bytes[i] = (uint8_t)byte;
    }
    return count;
}

static void the_alphabet_lacks_e_o_u_t_and_upper_case(void)
{
    size_t digits = 0;
    for (int byte = -128; byte < 128; byte++) {
        bool is_digit = byte > 0 && strchr("0123456789abcdfghijklmnpqrsvwxyz", byte) != NULL;
        CHECK(nix32_is_digit((char)byte) == is_digit);
        digits += is_digit;
    }
    CHECK_NUMBER(digits, 32);
}

static void nix_spells_it_so(void)
{
    for (size_t i = 0; i < COUNT(known); i++) {
        uint8_t bytes[BYTES_MAX], back[BYTES_MAX];
        char text[NIX32_LENGTH(BYTES_MAX)];
        check_about("%s", known[i].hex);
        size_t count = read_hex(known[i].hex, bytes);
        if (!CHECK_NUMBER(NIX32_LENGTH(count), strlen(known[i].nix32)))
            continue;
        nix32_format(bytes, count, text);
        CHECK_STR(((struct str){ text, NIX32_LENGTH(count) }), known[i].nix32);
        CHECK(nix32_parse(str_from(known[i].nix32), back, count));
        CHECK(memcmp(bytes, back, count) == 0);
    }
}

static void what_is_written_reads_back_at_every_length(void)
{
    for (size_t count = 1; count <= BYTES_MAX; count++) {
        uint8_t bytes[BYTES_MAX], back[BYTES_MAX];
        char text[NIX32_LENGTH(BYTES_MAX) + 1];
        check_about("%zu bytes", count);
        for (size_t i = 0; i < count; i++)
            bytes[i] = (uint8_t)(i * 151 + count * 37);
        text[NIX32_LENGTH(count)] = '!';
        nix32_format(bytes, count, text);
        CHECK_NUMBER(text[NIX32_LENGTH(count)], '!');
        CHECK(nix32_parse((struct str){ text, NIX32_LENGTH(count) }, back, count));
        CHECK(memcmp(bytes, back, count) == 0);
    }
}

static void other_spellings_are_not_read(void)
{
    static const char *const wrong[] = {
        "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c7",   /* a digit less */
        "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c733", /* one more */
        "0Mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",  /* upper case */
        "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c7e",  /* not in the alphabet */
        "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c7 ",
        "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c7\xff",
        "2mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73", /* bits beyond the last byte */
        "zmdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
        "",
    };
    uint8_t bytes[32];
    for (size_t i = 0; i < COUNT(wrong); i++) {
        check_about("%s", wrong[i]);
        CHECK(!nix32_parse(str_from(wrong[i]), bytes, sizeof bytes));
    }
    CHECK(nix32_parse(STR("1mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"), bytes, 32));
    CHECK_NUMBER(bytes[31], 0x55 | 0x80);
    CHECK(!nix32_parse(STR("80"), bytes, 1));
    CHECK(!nix32_parse((struct str){ "0\0", 2 }, bytes, 1));
}

int main(void)
{
    return CHECK_ALL(CASE(the_alphabet_lacks_e_o_u_t_and_upper_case), CASE(nix_spells_it_so),
                     CASE(what_is_written_reads_back_at_every_length),
                     CASE(other_spellings_are_not_read));
}
