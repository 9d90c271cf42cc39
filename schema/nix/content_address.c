#include "schema/nix/content_address.h"

#include "schema/nix/hash.h"
#include "schema/nix/nix32.h"

enum { DIGEST_BYTES_MAX = 64 };

static const struct {
    struct str name;
    size_t bytes;
} algorithms[] = {
    { STR("md5"), 16 },
    { STR("sha1"), 20 },
    { STR("sha256"), 32 },
    { STR("sha512"), 64 },
};

static const struct {
    struct str method, prefix;
} methods[] = {
    { STR("flat"), STR("fixed:") },
    { STR("nar"), STR("fixed:r:") },
    { STR("git"), STR("fixed:git:") },
    { STR("text"), STR("text:") },
};

static bool find_prefix(struct str method, struct str *ret_prefix)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!str_equal(methods[i].method, method))
            continue;
        *ret_prefix = methods[i].prefix;
        return true;
    }
    return false;
}

/* Parses "ALGO-BASE64". */
static bool parse_sri(struct str sri, struct str *ret_algorithm, uint8_t *ret_bytes,
                      size_t *ret_count)
{
    struct cut cut = str_cut(sri, '-');
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms && cut.found; i++) {
        if (!str_equal(algorithms[i].name, cut.head))
            continue;
        *ret_algorithm = cut.head;
        *ret_count = algorithms[i].bytes;
        return hash_parse_base64(cut.tail, ret_bytes, algorithms[i].bytes);
    }
    return false;
}

bool content_address_format(struct str method, struct str sri, struct arena *arena,
                            struct str *ret_text, struct error *error)
{
    uint8_t bytes[DIGEST_BYTES_MAX];
    char digits[NIX32_LENGTH(DIGEST_BYTES_MAX)];
    size_t count;
    struct str prefix, algorithm;
    if (!find_prefix(method, &prefix))
        return error_set(error, "'%.*s' is not a method of content addressing", STR_SHOWN(method));
    if (!parse_sri(sri, &algorithm, bytes, &count))
        return error_set(error, "'%.*s' is not an SRI hash", STR_SHOWN(sri));
    nix32_format(bytes, count, digits);
    *ret_text = arena_format(arena, "%.*s%.*s:%.*s", STR_ARG(prefix), STR_ARG(algorithm),
                             (int)NIX32_LENGTH(count), digits);
    return true;
}
