#include "tests/check.h"

#include "schema/nix/derivation_hash.h"

/* Expected are paths that Nix made: those in the derivations themselves, which Nix 2.8.0 wrote (see
 * tests/data/derivation), and that of `builtins.toFile`. */

/* `nix-instantiate --eval -E 'builtins.toFile "foo" "bar"'` */
static void a_text_has_the_path_that_nix_gives_it(struct arena arena)
{
    struct hash hash = digest_sha256(STR("bar"));
    CHECK_STR(derivation_make_base(&arena, STR("/nix/store"), "text", &hash, STR("foo")),
              "vxjiwkjkn7x4079qvh1jkl5pn05j2aw0-foo");
}

#define ESCAPES(path)                                                                             \
    "Derive([(\"out\",\"" path "\",\"\",\"\")],[],[],\"x86_64-linux\",\"/bin/sh\",[],"            \
    "[(\"builder\",\"/bin/sh\"),(\"name\",\"escapes\"),(\"out\",\"" path                          \
    "\"),(\"system\",\"x86_64-linux\"),(\"text\",\"quote \\\" backslash \\\\ newline \\n return " \
    "\\r tab \\t dollar ${x} umlaut \xc3\xa4\")])"

static void the_masked_text_is_hashed_with_nixs_escapes(struct arena arena)
{
    struct derivation derivation;
    struct str text = STR(ESCAPES("/nix/store/1hcikqfwzhhy04wbrkqyfksjcmc1a4zc-escapes"));
    if (!CHECK_DONE(derivation_parse(text, &arena, &derivation, check_error)))
        return;
    struct hash masked = derivation_hash(&derivation, NULL, 0, true);
    struct hash blank = digest_sha256(STR(ESCAPES("")));
    CHECK(hash_equal(&masked, &blank));
    CHECK_STR(
        derivation_make_base(&arena, STR("/nix/store"), "output:out", &masked, STR("escapes")),
        "1hcikqfwzhhy04wbrkqyfksjcmc1a4zc-escapes");
    struct hash whole = derivation_hash(&derivation, NULL, 0, false);
    struct hash plain = digest_sha256(text);
    CHECK(hash_equal(&whole, &plain));
}

static void lists_are_hashed_as_they_are_written(struct arena arena)
{
    static const char spelled[] =
        "Derive([(\"a\",\"/p\",\"\",\"\"),(\"b\",\"/q\",\"\",\"\")],[(\"/x.drv\",[\"a\",\"b\"]),(\"/y.drv\",[])],"
        "[\"/s\",\"/t\"],\"system\",\"builder\",[\"one\",\"two\"],[(\"a\",\"/p\"),(\"c\",\"\")])";
    struct derivation derivation;
    if (!CHECK_DONE(derivation_parse(str_from(spelled), &arena, &derivation, check_error)))
        return;
    struct hash hash =
        derivation_hash(&derivation, derivation.inputs, derivation.input_count, false);
    struct hash want = digest_sha256(str_from(spelled));
    CHECK(hash_equal(&hash, &want));
}

static void a_fixed_output_is_hashed_by_what_is_fixed(void)
{
    const struct derivation_output output = {
        .name = STR("out"),
        .path = STR("/nix/store/lg724jggrrh3bb0fd34ma56dpl6i3g2j-flat-sha256"),
        .method = STR("sha256"),
        .hash = STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    };
    struct hash hash = derivation_hash_fixed(&output);
    struct hash want = digest_sha256(
        STR("fixed:out:sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855:"
            "/nix/store/lg724jggrrh3bb0fd34ma56dpl6i3g2j-flat-sha256"));
    CHECK(hash_equal(&hash, &want));
}

int main(void)
{
    return CHECK_ALL(CASE(a_text_has_the_path_that_nix_gives_it),
                     CASE(the_masked_text_is_hashed_with_nixs_escapes),
                     CASE(lists_are_hashed_as_they_are_written),
                     CASE(a_fixed_output_is_hashed_by_what_is_fixed));
}
