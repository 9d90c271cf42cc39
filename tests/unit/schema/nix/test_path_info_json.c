#include "schema/nix/path_info_json.h"
#include "schema/nix/path_info_json_write.h"
#include "schema/nix/store_path.h"
#include "tests/check_json.h"

#include <stdlib.h>
#include <string.h>

#define D     "0123456789abcdfghijklmnpqrsvwxyz"
#define DRV   "abcdfghijklmnpqrsvwxyz0123456789-a.drv"
#define ZEROS "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define STORE STR("/nix/store")
#define ENTRY "\"narHash\":\"" ZEROS "\",\"narSize\":120,\"references\":[]"

static void check_info(const struct path_list *list)
{
    const struct path_info *info = &list->items[0];
    CHECK_STR(info->base, D "-a");
    CHECK_NUMBER(info->nar_size_bytes, 120);
    CHECK_NUMBER(info->nar_hash.bytes[31], 0);
    CHECK_NUMBER(info->reference_count, 1);
    CHECK_STR(list->names.names[info->references[0]], D "-b");
    CHECK_STR(info->deriver, DRV);
    CHECK_STR(info->signatures, "k1:AA== k2:BB==");
    CHECK_STR(info->content_address,
              "fixed:r:sha256:0000000000000000000000000000000000000000000000000000");
    CHECK(info->is_ultimate);
}

static const char *const versions[] = {
    "[{\"path\":\"/nix/store/" D "-a\",\"narHash\":\"" ZEROS "\",\"narSize\":120,"
    "\"references\":[\"/nix/store/" D "-b\"],\"deriver\":\"/nix/store/" DRV "\","
    "\"signatures\":[\"k1:AA==\",\"k2:BB==\"],\"ultimate\":true,\"valid\":true,"
    "\"ca\":\"fixed:r:sha256:0000000000000000000000000000000000000000000000000000\"},"
    "{\"path\":\"/nix/store/" D "-c\",\"valid\":false}]",
    "{\"/nix/store/" D "-a\":{\"narHash\":\"sha256:"
    "0000000000000000000000000000000000000000000000000000\",\"narSize\":120,"
    "\"references\":[\"/nix/store/" D "-b\"],\"deriver\":\"/nix/store/" DRV "\","
    "\"signatures\":[\"k1:AA==\",\"k2:BB==\"],\"ultimate\":true,\"version\":1,"
    "\"ca\":\"fixed:r:sha256:0000000000000000000000000000000000000000000000000000\"},"
    "\"/nix/store/" D "-c\":null}",
    "{\"version\":2,\"storeDir\":\"/nix/store\",\"info\":{\"" D "-a\":{\"narHash\":\"" ZEROS
    "\",\"narSize\":120,\"references\":[\"" D "-b\"],\"deriver\":\"" DRV "\","
    "\"signatures\":[\"k1:AA==\",\"k2:BB==\"],\"ultimate\":true,"
    "\"ca\":{\"method\":\"nar\",\"hash\":\"" ZEROS "\"}},\"" D "-c\":null}}",
    " {\"builder\":\"/bin/sh\",\"exportReferencesGraph\":{\"graph\":[\"/nix/store/" D
    "-a\"]},\"graph\":[{\"path\":\"/nix/store/" D "-a\",\"narHash\":\"" ZEROS
    "\",\"narSize\":120,\"references\":[\"/nix/store/" D "-b\"],\"deriver\":\"/nix/store/" DRV
    "\",\"signatures\":[\"k1:AA==\",\"k2:BB==\"],\"ultimate\":true,\"ca\":\"fixed:r:sha256:"
    "0000000000000000000000000000000000000000000000000000\"}]}\r\n",
    "{\"version\":3,\"storeDir\":\"/nix/store\",\"info\":{\"" D "-a\":{\"narHash\":\"" ZEROS
    "\",\"narSize\":120,\"references\":[\"" D "-b\"],\"deriver\":\"" DRV "\",\"signatures\":"
    "[{\"keyName\":\"k1\",\"sig\":\"AA==\"},{\"keyName\":\"k2\",\"sig\":\"BB==\"}],"
    "\"ultimate\":true,\"ca\":{\"method\":\"nar\",\"hash\":\"" ZEROS "\"}}}}",
};

static void every_version_says_the_same(struct arena arena)
{
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct path_list list = { 0 };
        check_about("text %zu", i);
        if (CHECK_DONE(
                path_info_json_parse(str_from(versions[i]), STORE, &arena, &list, check_error)) &&
            CHECK_NUMBER(list.count, 1))
            check_info(&list);
    }
}

static void what_is_missing_or_null_is_nothing(struct arena arena)
{
    struct path_list list = { 0 };
    struct str text = STR("{\"/nix/store/" D "-a\":{\"ca\":null,\"deriver\":null,"
                          "\"narHash\":\"" ZEROS "\",\"references\":[],\"signatures\":null}}");
    if (!CHECK_DONE(path_info_json_parse(text, STORE, &arena, &list, check_error)))
        return;
    const struct path_info *info = &list.items[0];
    CHECK(info->nar_size_bytes == 0 && info->deriver.len == 0 && info->signatures.len == 0);
    CHECK(info->content_address.len == 0 && !info->is_ultimate);
}

static void every_method_and_algorithm_is_spelled_as_nix_does(struct arena arena)
{
    static const struct {
        const char *address, *want;
    } rows[] = {
        { "{\"method\":\"flat\",\"hash\":\"md5-1B2M2Y8AsgTpgAmY7PhCfg==\"}",
          "fixed:md5:3y8bwfr609h3lh9ch0izcqq7fl" },
        { "{\"method\":\"nar\",\"hash\":\"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=\"}",
          "fixed:r:sha1:143xibwh31h9bvxzalr0sjvbbvpa6ffs" },
        { "{\"method\":\"git\",\"hash\":\"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=\"}",
          "fixed:git:sha1:143xibwh31h9bvxzalr0sjvbbvpa6ffs" },
        { "{\"method\":\"text\",\"hash\":\"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"}",
          "text:sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct path_list list = { 0 };
        struct str text =
            arena_format(&arena, "{\"/nix/store/" D "-a\":{" ENTRY ",\"ca\":%s}}", rows[i].address);
        check_about("%s", rows[i].address);
        if (CHECK_DONE(path_info_json_parse(text, STORE, &arena, &list, check_error)))
            CHECK_STR(list.items[0].content_address, rows[i].want);
    }
}

static void what_is_malformed_is_refused(struct arena arena)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "", "it is not JSON, from byte 1 on" },
        { "{\"a\":", "it is not JSON, from byte 5 on" },
        { "[] x", "it is not JSON, from byte 4 on" },
        { "[]\n[]", "it is not JSON, from byte 4 on" },
        { "{\"exportReferencesGraph\":{\"a\":[],\"b\":[]},\"a\":[],\"b\":[]}",
          "exportReferencesGraph has 2 graphs; one is expected" },
        { "{\"exportReferencesGraph\":{}}", "exportReferencesGraph has 0 graphs; one is expected" },
        { "{\"exportReferencesGraph\":{\"a\":[]}}", "a: a list expected" },
        { "17", "it is neither a list nor an object" },
        { "[17]", "an entry is not an object" },
        { "[{\"narSize\":1}]", "path: a text expected" },
        { "{\"/nix/x\":{}}", "'/nix/x' is not a path in the store '/nix/store'" },
        { "{\"/nix/store/" D "-a\":{}}", D "-a: narHash: a text expected" },
        { "{\"/nix/store/" D "-a\":{\"narHash\":\"x\"}}",
          D "-a: narHash: 'x' is not a SHA-256 hash" },
        { "{\"/nix/store/" D "-a\":{\"narHash\":\"" ZEROS "\",\"narSize\":-1}}",
          D "-a: narSize: a number of bytes expected" },
        { "{\"/nix/store/" D "-a\":{\"narHash\":\"" ZEROS "\",\"narSize\":1.5}}",
          D "-a: narSize: a number of bytes expected" },
        { "{\"/nix/store/" D "-a\":{\"narHash\":\"" ZEROS "\"}}",
          D "-a: references: a list expected" },
        { "[{\"path\":17}]", "path: a text expected" },
        { "[{\"path\":\"/nix/store/" D "-a\"," ENTRY "},{\"path\":\"/nix/store/" D "-a\"," ENTRY
          "}]",
          "'" D "-a' occurs twice" },
        { "{\"/nix/store/" D "-a\":{\"narHash\":\"" ZEROS "\",\"narSize\":1e30}}",
          D "-a: narSize: a number of bytes expected" },
        { "{\"/nix/store/" D "-a\":{\"narHash\":\"" ZEROS "\",\"references\":[17]}}",
          D "-a: references: a list of texts expected" },
        { "{\"/nix/store/" D "-a\":{\"narHash\":\"" ZEROS "\",\"references\":[\"/nix/x\"]}}",
          D "-a: references: '/nix/x' is not a path in the store '/nix/store'" },
        { "{\"/nix/store/" D "-a\":{" ENTRY ",\"deriver\":17}}", D "-a: deriver: a text expected" },
        { "{\"/nix/store/" D "-a\":{" ENTRY ",\"deriver\":\"/nix/x\"}}",
          D "-a: '/nix/x' is not a path in the store '/nix/store'" },
        { "{\"/nix/store/" D "-a\":{" ENTRY ",\"signatures\":17}}",
          D "-a: signatures: a list expected" },
        { "{\"/nix/store/" D "-a\":{" ENTRY ",\"ca\":17}}",
          D "-a: ca: a text, or method and hash expected" },
        { "{\"/nix/store/" D "-a\":{" ENTRY ",\"ca\":{\"method\":\"nar\"}}}",
          D "-a: ca: a text, or method and hash expected" },
        { "{\"version\":2,\"storeDir\":17,\"info\":{}}", "storeDir: a text expected" },
        { "{\"/nix/store/" D "-a\":{" ENTRY ",\"signatures\":[17]}}",
          D "-a: signatures: a list of signatures expected" },
        { "{\"/nix/store/" D "-a\":{" ENTRY ",\"signatures\":[\"a b\"]}}",
          D "-a: signatures: 'a b' is not a plain word" },
        { "{\"/nix/store/" D "-a\":{" ENTRY ",\"ca\":{\"method\":\"x\",\"hash\":\"" ZEROS "\"}}}",
          D "-a: ca: 'x' is not a method of content addressing" },
        { "{\"/nix/store/" D "-a\":{" ENTRY ",\"ca\":{\"method\":\"nar\",\"hash\":\"sha256-A\"}}}",
          D "-a: ca: 'sha256-A' is not an SRI hash" },
        { "{\"version\":4,\"info\":{}}", "format version 4 is unknown" },
        { "{\"version\":2,\"storeDir\":\"/x\",\"info\":{}}", "it describes another store, '/x'" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct path_list list = { .count = 77 };
        check_about("%s", rows[i].text);
        CHECK_REFUSED(
            path_info_json_parse(str_from(rows[i].text), STORE, &arena, &list, check_error),
            rows[i].sentence);
        CHECK_NUMBER(list.count, 77);
    }
}

static void what_is_written_is_read_again(struct arena arena)
{
    char *text = NULL;
    size_t length = 0;
    struct path_list list = { 0 }, read = { 0 };
    uint32_t reference = name_table_add(&list.names, STR(D "-b"), &arena);
    *path_list_add(&list, &arena) = (struct path_info){
        .base = STR(D "-a"),
        .name = name_table_add(&list.names, STR(D "-a"), &arena),
        .nar_size_bytes = 120,
        .deriver = STR(DRV),
        .references = &reference,
        .reference_count = 1,
        .signatures = STR("k1:AA== k2:BB=="),
        .content_address = STR("fixed:r:sha256:00000000000000000000000000000"
                               "00000000000000000000000"),
        .is_ultimate = true,
    };
    FILE *stream = open_memstream(&text, &length);
    path_info_json_write(stream, &list, STORE, arena);
    CHECK(!ferror(stream));
    fclose(stream);
    if (CHECK_DONE(path_info_json_parse((struct str){ text, length }, STORE, &arena, &read,
                                        check_error)) &&
        CHECK_NUMBER(read.count, 1))
        check_info(&read);
    free(text);
}

/* Joined one by one they took 800 MiB. */
static void room_for_signatures_grows_with_their_number(struct arena arena)
{
    enum { COUNT = 20000, WORD = sizeof "\"a\"," - 1 };
    static const char head[] = "{\"/nix/store/" D "-a\":{" ENTRY ",\"signatures\":[";
    static const char tail[] = "\"b\"]}}";
    struct path_list list = { 0 };
    size_t length = sizeof head - 1 + (size_t)COUNT * WORD + sizeof tail - 1;
    char *text = arena_room(&arena, length + 1), *at = stpcpy(text, head);
    for (size_t i = 0; i < COUNT; i++)
        at = stpcpy(at, "\"a\",");
    stpcpy(at, tail);
    struct arena exact = arena_split(&arena, path_info_json_room(length));
    if (!CHECK_DONE(
            path_info_json_parse((struct str){ text, length }, STORE, &exact, &list, check_error)))
        return;
    struct str signatures = list.items[0].signatures;
    CHECK_NUMBER(signatures.len, 2 * COUNT + 1);
    CHECK_STR(str_skip(signatures, signatures.len - 5), "a a b");
}

static void a_description_that_can_be_done_without_has_its_own_arena(void)
{
    struct arena own = { 0 };
    CHECK_DONE(path_info_json_reserve(1000, &own, check_error));
    CHECK(arena_left(&own) >= path_info_json_room(1000) + 1001);
    CHECK_REFUSED(path_info_json_reserve((uint64_t)1 << 40, &own, check_error),
                  "larger than the limit of 1073741824 bytes");
}

/* A value of the wrong kind is refused; what is read then is what a manifest may have. */
static void each_value_is_refused_or_right(struct arena arena)
{
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct check_json change;
        size_t refusals = 0;
        for (size_t number = 0;; number++) {
            struct arena scratch = arena;
            struct path_list list = { 0 };
            if (!check_json_change(versions[i], number, &scratch, &change))
                break;
            if (!path_info_json_parse(change.text, STORE, &scratch, &list, check_error)) {
                CHECK(check_error->sentence[0]);
                refusals++;
                continue;
            }
            for (size_t j = 0; j < list.count; j++) {
                const struct path_info *info = &list.items[j];
                CHECK_DONE(store_path_check(info->base, check_error));
                CHECK(info->nar_size_bytes <= INT64_MAX);
                for (size_t k = 0; k < info->reference_count; k++)
                    CHECK_DONE(
                        store_path_check(list.names.names[info->references[k]], check_error));
                if (info->deriver.len > 0)
                    CHECK_DONE(store_path_check(info->deriver, check_error));
            }
        }
        CHECK(refusals > 50);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(every_version_says_the_same), CASE(what_is_missing_or_null_is_nothing),
                     CASE(every_method_and_algorithm_is_spelled_as_nix_does),
                     CASE(what_is_malformed_is_refused), CASE(what_is_written_is_read_again),
                     CASE(room_for_signatures_grows_with_their_number),
                     CASE(a_description_that_can_be_done_without_has_its_own_arena),
                     CASE(each_value_is_refused_or_right));
}
