#include "tests/check_json.h"

#include "schema/base/own.h"
#include "schema/boot/fetch_report.h"

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

#define START        "{\"version\":1,\"state\":\"failed\",\"seconds\":1.5,\"bytes\":7,\"retries\":2,"
#define LAYER        "{\"name\":\"n\",\"rootHash\":\"" ROOT "\",\"size\":4096,\"kept\":4,\"from\":null}"
#define WHOLE        START "\"mirror\":null,\"error\":\"e\",\"layers\":[" LAYER "]}"
#define COUNT(table) (sizeof(table) / sizeof *(table))

static void what_is_written_is_read_again(struct arena arena)
{
    struct fetch_report report;
    if (!CHECK_DONE(fetch_report_parse(STR(WHOLE), &arena, &report, check_error)))
        return;
    CHECK_NUMBER(report.state, FETCH_FAILED);
    CHECK(report.seconds == 1.5);
    CHECK_NUMBER(report.received_bytes, 7);
    CHECK_NUMBER(report.retry_count, 2);
    CHECK(!report.mirror);
    CHECK_STR(report.error, "e");
    CHECK_NUMBER(report.layer_count, 1);
    CHECK_STR(report.layers[0].name, "n");
    CHECK_STR(str_from(hash_to_hex(&report.layers[0].root).text), ROOT);
    CHECK_NUMBER(report.layers[0].kept_bytes, 4);
    CHECK(!report.layers[0].from);
    cleanup(json_free) cJSON *root = fetch_report_json(&report);
    char *text = json_spell(root, JSON_COMPACT);
    CHECK_STR(str_from(text), WHOLE);
    cJSON_free(text);
}

static void members_of_later_versions_are_ignored(struct arena arena)
{
    struct fetch_report report;
    CHECK_DONE(
        fetch_report_parse(STR(START "\"more\":[],\"layers\":[]}"), &arena, &report, check_error));
    CHECK(!report.mirror && !report.error && report.layer_count == 0);
}

static void malformed_reports_are_refused(struct arena arena)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "[]", "an object is expected" },
        { "{}", "version: a whole number expected" },
        { "{\"version\":2}", "version 2 is not supported; this program reads version 1" },
        { "{\"version\":1.5}", "version: a whole number expected" },
        { "{\"version\":1,\"state\":\"x\"}", "state: fetching, done or failed expected" },
        { "{\"version\":1,\"state\":\"done\",\"seconds\":-1}",
          "seconds: a number from 0 to 2^53 expected" },
        { "{\"version\":1,\"state\":\"done\",\"seconds\":1,\"bytes\":1e300}",
          "bytes: a whole number expected" },
        { START "\"layers\":{}}", "layers: a list expected" },
        { START "\"layers\":[1]}", "layers: a list of objects expected" },
        { START "\"layers\":[{\"name\":\"n\",\"rootHash\":\"x\",\"size\":1,\"kept\":1}]}",
          "rootHash: 64 hex digits expected" },
        { START "\"layers\":[{\"name\":\"n\",\"rootHash\":\"" ROOT "\",\"size\":1,\"kept\":2}]}",
          "kept: at most the size expected" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fetch_report report;
        check_about("%s", rows[i].text);
        CHECK_REFUSED(fetch_report_parse(str_from(rows[i].text), &arena, &report, check_error),
                      str_from(rows[i].sentence));
    }
}

/* A value is refused by its name, or by that of one that depends on it, or is what is written again. What may be missing
 * is missing or null then. */
static void each_value_is_refused_or_kept(struct arena arena)
{
    static const char good[] =
        START "\"mirror\":\"http://a/\",\"error\":\"e\",\"layers\":[" LAYER "]}";
    struct check_json change;
    size_t refusals = 0;
    for (size_t number = 0; check_json_change(good, number, &arena, &change); number++) {
        struct fetch_report report;
        if (!fetch_report_parse(change.text, &arena, &report, check_error)) {
            struct str sentence = str_from(check_error->sentence);
            CHECK(str_starts(sentence, str_from(change.key)) ||
                  str_equal(str_from(change.key), STR("layers")) ||
                  str_starts(sentence, STR("kept: ")));
            refusals++;
            continue;
        }
        cleanup(json_free) cJSON *root = fetch_report_json(&report);
        char *text = json_spell(root, JSON_COMPACT);
        if (change.instead && !str_equal(str_from(change.instead), STR("null")))
            CHECK_STR(str_from(text), change.text);
        cJSON_free(text);
    }
    CHECK(refusals > 100);
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_written_is_read_again),
                     CASE(members_of_later_versions_are_ignored),
                     CASE(malformed_reports_are_refused), CASE(each_value_is_refused_or_kept));
}
