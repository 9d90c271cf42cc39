#include "tests/check.h"

#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/nix/findings.h"

#include <string.h>
#include <unistd.h>

static struct findings some(struct arena *arena)
{
    struct findings findings = findings_start(arena);
    struct hash zero = { 0 }, one = { .bytes = { 1 } };
    findings_add(&findings, FINDING_STRAY, STR("/s/z"), STR(""));
    findings_add_size(&findings, STR("/s/b"), 2, 3);
    findings_add(&findings, FINDING_MISSING, STR("/s/a\xff"), STR(""));
    findings_add_hash(&findings, STR("/s/c"), &zero, &one);
    findings_sort(&findings);
    return findings;
}

static void they_stand_in_the_order_of_their_subjects(struct arena arena)
{
    struct findings findings = some(&arena);
    CHECK_NUMBER(findings.count, 4);
    CHECK_STR(findings.items[0].subject, "/s/a\xff");
    CHECK_STR(findings.items[1].text, "expected 2 bytes, found 3");
    CHECK_STR(findings.items[3].subject, "/s/z");
}

static void the_summary_counts_each_kind(struct arena arena)
{
    struct findings findings = some(&arena), none = findings_start(&arena);
    CHECK_STR(findings_summary(&findings, &arena),
              "1 mismatched, 1 wrong size, 1 missing, 1 stray");
    CHECK_STR(findings_summary(&none, &arena), "");
}

static void the_json_has_an_array_for_each_kind_that_is_looked_for(struct arena arena)
{
    struct findings findings = some(&arena);
    cleanup(json_free) cJSON *store = findings_json(&findings, 9, 6, FINDING_KINDS_OF_STORE);
    cleanup(json_free) cJSON *image = findings_json(&findings, 9, 6, FINDING_KINDS_OF_IMAGE);
    CHECK_NUMBER(cJSON_GetArraySize(store), 3 + __builtin_popcount(FINDING_KINDS_OF_STORE));
    CHECK_NUMBER(cJSON_GetArraySize(image), 3 + __builtin_popcount(FINDING_KINDS_OF_IMAGE));
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(store, "ok")), 6);
    const cJSON *missing = cJSON_GetObjectItem(store, "missing");
    CHECK_STR(cJSON_GetStringValue(cJSON_GetArrayItem(missing, 0)), "/s/a\\xff");
}

/* A kind that was forgotten in the table of findings.c, or in the sets of findings.h, is seen here. */
static void every_kind_has_words_and_a_key_and_is_looked_for(struct arena arena)
{
    unsigned all = FINDING_KINDS_OF_STORE | FINDING_KINDS_OF_IMAGE;
    CHECK_NUMBER(all, (1 << FINDING_KIND_COUNT) - 1);
    for (int kind = 0; kind < FINDING_KIND_COUNT && all & 1U << kind; kind++) {
        struct findings findings = findings_start(&arena);
        check_about("kind %d", kind);
        findings_add(&findings, (enum finding_kind)kind, STR("/s/a"), STR("text"));
        if (!CHECK(!str_ends(findings_summary(&findings, &arena), STR("(null)"))))
            continue;
        cleanup(json_free) cJSON *json = findings_json(&findings, 1, 0, 1U << kind);
        const cJSON *array = cJSON_GetArrayItem(json, 2);
        CHECK(array && strcmp(array->string, "omitted") != 0 && cJSON_GetArraySize(array) == 1);
    }
}

/* Nobody reads more; and a hostile input makes as many as it likes. */
static void the_first_of_a_kind_are_kept_and_all_are_counted(struct arena arena)
{
    struct findings findings = findings_start(&arena);
    findings_add(&findings, FINDING_STRAY, STR("/s/z"), STR(""));
    size_t left = arena_left(&arena), after_most = 0;
    for (int i = 0; i < 3 * FINDINGS_KEPT_MAX; i++) {
        struct arena scratch = arena;
        struct str subject = arena_format(&scratch, "/s/%d", i);
        findings_add_size(&findings, subject, 1, 2);
        if (i == FINDINGS_KEPT_MAX)
            after_most = arena_left(&findings.arena);
    }
    CHECK_NUMBER(findings.count, FINDINGS_KEPT_MAX + 1);
    CHECK_NUMBER(findings.counts[FINDING_WRONG_SIZE], 3 * FINDINGS_KEPT_MAX);
    CHECK(arena_left(&arena) == left && arena_left(&findings.arena) == after_most);
    CHECK_STR(findings.items[1].subject, "/s/0");
    CHECK_STR(findings_summary(&findings, &arena), "30000 wrong size, 1 stray");
    cleanup(json_free) cJSON *json = findings_json(&findings, 9, 6, FINDING_KINDS_OF_STORE);
    const cJSON *omitted = cJSON_GetObjectItem(json, "omitted");
    CHECK_NUMBER(cJSON_GetArraySize(omitted), 1);
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(omitted, "wrongSize")),
                 2 * FINDINGS_KEPT_MAX);
}

/* Little memory costs findings, not the run. */
static void what_has_no_room_is_counted_and_its_number_printed(struct arena arena)
{
    struct arena small = arena_split(&arena, 64 << 10);
    struct findings findings = findings_start(&small);
    for (int i = 0; i < 1000; i++)
        findings_add(&findings, FINDING_MISSING, STR("/s/a"), STR("it is not there"));
    CHECK(findings.count > 10 && findings.count < 1000);
    CHECK_NUMBER(findings.counts[FINDING_MISSING], 1000);
    struct check_output output = check_keep(STDOUT_FILENO);
    findings_print(&findings);
    struct str printed = check_kept(&output, &arena);
    CHECK(str_starts(printed, STR("missing: /s/a: it is not there\nmissing: /s/a: ")));
    CHECK(str_ends(printed, arena_format(&arena, "\nmissing: %zu more, which are not listed\n",
                                         1000 - findings.count)));
}

int main(void)
{
    return CHECK_ALL(CASE(the_first_of_a_kind_are_kept_and_all_are_counted),
                     CASE(what_has_no_room_is_counted_and_its_number_printed),
                     CASE(every_kind_has_words_and_a_key_and_is_looked_for),
                     CASE(they_stand_in_the_order_of_their_subjects),
                     CASE(the_summary_counts_each_kind),
                     CASE(the_json_has_an_array_for_each_kind_that_is_looked_for));
}
