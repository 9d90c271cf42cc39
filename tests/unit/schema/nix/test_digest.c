#include "tests/check.h"

#include "schema/base/own.h"
#include "schema/nix/digest.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static struct str hex_of(const uint8_t *bytes, size_t count, struct arena *arena)
{
    char *text = arena_alloc(arena, 2, count);
    hash_format_hex(bytes, count, text);
    return (struct str){ text, 2 * count };
}

/* Examples of FIPS 180. */
static const struct {
    const char *text, *sha256, *sha1;
} known[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
      "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
};

static void known_texts_have_known_digests(struct arena arena)
{
    for (size_t i = 0; i < COUNT(known); i++) {
        uint8_t sha1[SHA1_BYTES];
        check_about("%s", known[i].text);
        struct hash sha256 = digest_sha256(str_from(known[i].text));
        CHECK_STR(hex_of(sha256.bytes, HASH_BYTES, &arena), known[i].sha256);
        digest_sha1(str_from(known[i].text), sha1);
        CHECK_STR(hex_of(sha1, SHA1_BYTES, &arena), known[i].sha1);
    }
}

static void a_digest_can_be_used_again(struct arena arena)
{
    cleanup(digest_release) struct digest digest = digest_start();
    for (size_t i = 0; i < COUNT(known) * 2; i++) {
        size_t index = i % COUNT(known);
        check_about("%s", known[index].text);
        digest_add(&digest, known[index].text, strlen(known[index].text));
        struct hash hash = digest_next(&digest);
        CHECK_STR(hex_of(hash.bytes, HASH_BYTES, &arena), known[index].sha256);
    }
}

static void pieces_of_any_size_make_the_same_digest(struct arena arena)
{
    enum { MILLION = 1000000 };
    static const size_t steps[] = { 1, 63, 64, 65, 4096, MILLION };
    char *text = arena_alloc(&arena, MILLION, 1);
    memset(text, 'a', MILLION);
    for (size_t i = 0; i < COUNT(steps); i++) {
        check_about("steps of %zu", steps[i]);
        cleanup(digest_release) struct digest digest = digest_start();
        for (size_t done = 0; done < MILLION;) {
            size_t step = steps[i] < MILLION - done ? steps[i] : MILLION - done;
            digest_add(&digest, text + done, step);
            done += step;
        }
        struct hash hash = digest_finish(&digest);
        CHECK(digest.context == NULL);
        CHECK_STR(hex_of(hash.bytes, HASH_BYTES, &arena),
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}

static void nothing_added_is_the_digest_of_nothing(struct arena arena)
{
    struct digest digest = digest_start();
    digest_add(&digest, "", 0);
    struct hash hash = digest_finish(&digest);
    CHECK_STR(hex_of(hash.bytes, HASH_BYTES, &arena), known[0].sha256);
}

static void digests_are_independent_and_may_be_dropped(struct arena arena)
{
    struct digest first = digest_start(), second = digest_start();
    digest_add(&first, "ab", 2);
    digest_add(&second, "xyz", 3);
    digest_add(&first, "c", 1);
    digest_release(&second);
    digest_release(&second);
    CHECK(second.context == NULL);
    struct hash hash = digest_finish(&first);
    CHECK_STR(hex_of(hash.bytes, HASH_BYTES, &arena), known[1].sha256);
}

int main(void)
{
    return CHECK_ALL(CASE(known_texts_have_known_digests),
                     CASE(pieces_of_any_size_make_the_same_digest),
                     CASE(nothing_added_is_the_digest_of_nothing), CASE(a_digest_can_be_used_again),
                     CASE(digests_are_independent_and_may_be_dropped));
}
