#include "tests/check.h"

#include "builder/check/image_findings.h"

#include <string.h>

static void a_finding_has_the_part_and_the_text(struct arena arena)
{
    struct findings findings = findings_start(&arena);
    struct checking checking = { .findings = &findings };
    image_found(&checking, "id table", "%d owners, expected %s", 2, "1");
    if (!CHECK_NUMBER(findings.count, 1))
        return;
    CHECK_NUMBER(findings.items[0].kind, FINDING_LAYOUT);
    CHECK_STR(findings.items[0].subject, "id table");
    CHECK_STR(findings.items[0].text, "2 owners, expected 1");
}

static void a_long_text_is_cut(struct arena arena)
{
    char text[2 * ERROR_SENTENCE_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct findings findings = findings_start(&arena);
    struct checking checking = { .findings = &findings };
    image_found(&checking, "part", "%s", text);
    if (CHECK_NUMBER(findings.count, 1))
        CHECK_NUMBER(findings.items[0].text.len, ERROR_SENTENCE_MAX - 1);
}

int main(void)
{
    return CHECK_ALL(CASE(a_finding_has_the_part_and_the_text), CASE(a_long_text_is_cut));
}
