#include "tests/check_published.h"

#include "builder/publish/verify_published.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/stat.h>

/* Returns the findings, "KIND SUBJECT" each after a '\n'. */
static struct str verify(struct check_published *check, struct arena *arena)
{
    struct findings findings = findings_start(arena);
    struct image_budget budget = image_budget_make(0);
    struct verify_result result;
    struct verifier verifier = {
        .store_dir = STR("/nix/store"),
        .crew = &check->tree.source.crew,
        .arena = arena,
        .findings = &findings,
        .budget = &budget,
    };
    struct str text = STR("");
    published_release(&check->published);
    check->published = PUBLISHED_NONE;
    if (!CHECK_DONE(verify_published(&verifier, check->path, &result, check_error)))
        return text;
    findings_sort(&findings);
    for (size_t i = 0; i < findings.count; i++)
        text = arena_format(arena, "%.*s\n%d %.*s", STR_ARG(text), (int)findings.items[i].kind,
                            STR_ARG(findings.items[i].subject));
    return text;
}

static void a_published_root_has_no_findings(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    if (!check_published_start(&arena, &check))
        return;
    CHECK(!verify_published_is(check.published.root));
    CHECK_DONE(check_published_put(&check, "a", &arena));
    CHECK_DONE(check_published_put(&check, "b", &arena));
    CHECK(verify_published_is(check.published.root));
    CHECK_STR(verify(&check, &arena), "");
}

static void what_does_not_belong_is_found(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    if (!check_published_start(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    CHECK(mkdirat(check.published.systems, "x", 0755) == 0);
    CHECK(mkdirat(check.published.stores, "y", 0755) == 0);
    CHECK(symlinkat("systems/gone-000000000000", check.published.root, "previous") == 0);
    CHECK_STR(verify(&check, &arena),
              arena_format(&arena, "\n%d fleet.json\n%d previous\n%d stores/y\n%d systems/x",
                           FINDING_DISAGREEING, FINDING_MISSING, FINDING_STRAY, FINDING_STRAY));
}

int main(void)
{
    return CHECK_ALL(CASE(a_published_root_has_no_findings), CASE(what_does_not_belong_is_found));
}
