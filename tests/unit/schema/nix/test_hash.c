#include "tests/check.h"

#include "schema/nix/hash.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define HEX    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define NIX32  "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"
#define BASE64 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

static struct str hex_of(const struct hash *hash, struct arena *arena)
{
    char *text = arena_alloc(arena, 1, HASH_HEX_LENGTH);
    hash_format_hex(hash->bytes, HASH_BYTES, text);
    return (struct str){ text, HASH_HEX_LENGTH };
}

static void every_spelling_of_nix_means_the_same(struct arena arena)
{
    static const char *const spellings[] = {
        HEX,
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "e3B0c44298fc1c149afbf4c8996fb92427AE41e4649b934ca495991b7852b855",
        "sha256:" HEX,
        NIX32,
        "sha256:" NIX32,
        BASE64 "=",
        "sha256:" BASE64 "=",
        "sha256-" BASE64 "=",
        "sha256-" BASE64,
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=", /* other bits behind the last byte */
    };
    for (size_t i = 0; i < COUNT(spellings); i++) {
        struct hash hash;
        check_about("%s", spellings[i]);
        CHECK_DONE(hash_parse(str_from(spellings[i]), &hash, check_error));
        CHECK_STR(hex_of(&hash, &arena), HEX);
    }
}

static void the_zero_hash_is_a_hash(struct arena arena)
{
    struct hash hash;
    CHECK_DONE(hash_parse(STR("0000000000000000000000000000000000000000000000000000"), &hash,
                          check_error));
    CHECK_STR(hex_of(&hash, &arena),
              "0000000000000000000000000000000000000000000000000000000000000000");
}

static void other_spellings_are_refused(struct arena arena)
{
    static const char *const wrong[] = {
        "",
        "sha256:",
        "sha256-",
        "sha256",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
        HEX "0",
        " " HEX,
        HEX " ",
        "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "0xb0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "SHA256:" HEX,
        "sha256:sha256:" HEX,
        "sha256-" HEX,
        "sha256-" NIX32,
        "sha512:" HEX,
        "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "blake3:" HEX,
        "foo:" HEX,
        "0MDQA9W1P6CMLI6976V4WI0SW9R4P5PRKJ7LZFD1877WK11C9C73",
        "2mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
        "0edqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
        BASE64,
        "sha256:" BASE64,
        BASE64 "A",
        "sha256-" BASE64 "A",
        "sha256-" BASE64 "==",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==",
        "47DEQpj8HBSa=/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "47DEQpj8HBSa-_TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct hash hash = { .bytes = { 1, 2, 3 } };
        check_about("%s", wrong[i]);
        CHECK_REFUSED(hash_parse(str_from(wrong[i]), &hash, check_error),
                      arena_format(&arena, "'%s' is not a SHA-256 hash", wrong[i]));
        CHECK(hash.bytes[0] == 1 && hash.bytes[1] == 2 && hash.bytes[2] == 3);
    }
}

static void a_nul_is_no_digit(void)
{
    struct hash hash;
    char text[HASH_HEX_LENGTH];
    for (size_t length = 43; length <= sizeof text; length++) {
        memset(text, 'a', sizeof text);
        text[5] = '\0';
        check_about("%zu bytes", length);
        CHECK(!hash_parse((struct str){ text, length }, &hash, check_error));
    }
}

static void hex_is_written_in_lower_case(void)
{
    static const uint8_t bytes[] = { 0x00, 0x1f, 0xa0, 0xff };
    char text[] = "##########";
    hash_format_hex(bytes, sizeof bytes, text);
    CHECK_STR(((struct str){ text, sizeof text - 1 }), "001fa0ff##");
}

static void hashes_are_equal_in_all_their_bytes(void)
{
    struct hash left = { 0 };
    for (size_t i = 0; i < HASH_BYTES; i++) {
        struct hash right = { 0 };
        CHECK(hash_equal(&left, &right));
        right.bytes[i] = 1;
        CHECK(!hash_equal(&left, &right));
    }
}

int main(void)
{
    return CHECK_ALL(CASE(every_spelling_of_nix_means_the_same), CASE(the_zero_hash_is_a_hash),
                     CASE(other_spellings_are_refused), CASE(a_nul_is_no_digit),
                     CASE(hex_is_written_in_lower_case), CASE(hashes_are_equal_in_all_their_bytes));
}
