#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/nix/signatures.h"
#include "tests/check.h"

static void a_word_is_printable_and_has_no_space(void)
{
    static const char *const wrong[] = { "", " ", "a b", "a\t", "\x7f", "\xc3\xa4", "a\n" };
    CHECK(signatures_is_word(STR("key-1:AAAA+/=~!")));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!signatures_is_word(str_from(wrong[i])));
    CHECK_DONE(signatures_check_word("ca", STR("fixed:x"), check_error));
    CHECK_REFUSED(signatures_check_word("ca", STR("a b"), check_error),
                  "ca: 'a b' is not a plain word");
}

static bool read_text(const char *text, struct arena *arena, struct str *ret_signatures)
{
    cleanup(json_free) cJSON *entry = NULL;
    return json_parse(str_from(text), &entry, check_error) &&
           signatures_read(entry, arena, ret_signatures, check_error);
}

static void both_forms_become_words(struct arena arena)
{
    static const struct {
        const char *text, *signatures;
    } rows[] = {
        { "{}", "" },
        { "{\"signatures\":null}", "" },
        { "{\"signatures\":[]}", "" },
        { "{\"signatures\":[\"k:A\"]}", "k:A" },
        { "{\"signatures\":[\"k:A\",{\"keyName\":\"l\",\"sig\":\"B\"},\"m:C\"]}", "k:A l:B m:C" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str signatures = STR("before");
        check_about("%s", rows[i].text);
        CHECK_DONE(read_text(rows[i].text, &arena, &signatures));
        CHECK_STR(signatures, rows[i].signatures);
    }
}

static void what_is_no_signature_is_refused(struct arena arena)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "{\"signatures\":1}", "signatures: a list expected" },
        { "{\"signatures\":[1]}", "signatures: a list of signatures expected" },
        { "{\"signatures\":[{\"keyName\":\"k\"}]}", "signatures: a list of signatures expected" },
        { "{\"signatures\":[\"k:A\",\"\"]}", "signatures: '' is not a plain word" },
        { "{\"signatures\":[{\"keyName\":\"k\",\"sig\":\"A B\"}]}",
          "signatures: 'k:A B' is not a plain word" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str signatures;
        check_about("%s", rows[i].text);
        CHECK_REFUSED(read_text(rows[i].text, &arena, &signatures), rows[i].sentence);
    }
}

static void check_written(const char *signatures, const char *wanted)
{
    cleanup(json_free) cJSON *entry = cJSON_CreateObject();
    signatures_write(str_from(signatures), entry);
    char *text = cJSON_PrintUnformatted(entry);
    CHECK_STR((const char *)text, wanted);
    cJSON_free(text);
}

static void words_become_a_list(void)
{
    check_written("", "{\"signatures\":[]}");
    check_written("k:A", "{\"signatures\":[\"k:A\"]}");
    check_written("k:A  l:B\xff m:C", "{\"signatures\":[\"k:A\",\"m:C\"]}");
}

int main(void)
{
    return CHECK_ALL(CASE(a_word_is_printable_and_has_no_space), CASE(both_forms_become_words),
                     CASE(what_is_no_signature_is_refused), CASE(words_become_a_list));
}
