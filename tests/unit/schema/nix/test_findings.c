#include "tests/check.h"

#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/nix/findings.h"

static struct findings some(struct arena *arena)
{
    struct findings findings = { .arena = arena };
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
    struct findings findings = some(&arena), none = { .arena = &arena };
    CHECK_STR(findings_summary(&findings, &arena),
              "1 mismatched, 1 wrong size, 1 missing, 1 stray");
    CHECK_STR(findings_summary(&none, &arena), "");
}

static void the_json_has_an_array_for_each_kind_that_is_looked_for(struct arena arena)
{
    struct findings findings = some(&arena);
    cleanup(json_free) cJSON *store = findings_json(&findings, 9, 6, FINDING_KINDS_OF_STORE);
    cleanup(json_free) cJSON *image = findings_json(&findings, 9, 6, FINDING_KINDS_OF_IMAGE);
    CHECK_NUMBER(cJSON_GetArraySize(store), 8);
    CHECK_NUMBER(cJSON_GetArraySize(image), 11);
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(store, "ok")), 6);
    const cJSON *missing = cJSON_GetObjectItem(store, "missing");
    CHECK_STR(cJSON_GetStringValue(cJSON_GetArrayItem(missing, 0)), "/s/a\\xff");
}

int main(void)
{
    return CHECK_ALL(CASE(they_stand_in_the_order_of_their_subjects),
                     CASE(the_summary_counts_each_kind),
                     CASE(the_json_has_an_array_for_each_kind_that_is_looked_for));
}
