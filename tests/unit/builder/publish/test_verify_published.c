#include "tests/check_libraries.h"
#include "tests/check_published.h"

#include "builder/publish/verify_published.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/stat.h>

/* Returns the findings, "KIND SUBJECT" each after a '\n', or the sentence. */
static struct str verify_within(struct check_published *check, struct arena *arena,
                                struct image_budget *budget)
{
    struct findings findings = findings_start(arena);
    struct verify_result result;
    struct verifier verifier = {
        .store_dir = STR("/nix/store"),
        .crew = &check->tree.source.crew,
        .arena = arena,
        .findings = &findings,
        .budget = budget,
    };
    struct str text = STR("");
    published_release(&check->published);
    check->published = PUBLISHED_NONE;
    if (!verify_published(&verifier, check->path, &result, check_error))
        return str_from(check_error->sentence);
    findings_sort(&findings);
    for (size_t i = 0; i < findings.count; i++)
        text = arena_format(arena, "%.*s\n%d %.*s", STR_ARG(text), (int)findings.items[i].kind,
                            STR_ARG(findings.items[i].subject));
    return text;
}

static struct str verify(struct check_published *check, struct arena *arena)
{
    struct image_budget budget = image_budget_make(0);
    return verify_within(check, arena, &budget);
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

static void images_and_their_sums_are_compared(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    if (!check_published_layers(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    struct store_names names = store_names_of(&check.read.roots[0]);
    const char *name = published_name(&check.read, "a", &arena);
    CHECK_STR(verify(&check, &arena), "");
    struct str sum = check_content(arena_format(&arena, "root/stores/%s", names.sum).data, &arena);
    check_file(arena_format(&arena, "root/stores/%s", names.sum).data, str_skip(sum, 1));
    CHECK_STR(verify(&check, &arena),
              arena_format(&arena, "\n%d stores/%s", FINDING_DISAGREEING, names.sum));
    check_file(arena_format(&arena, "root/stores/%s", names.sum).data, sum);
    const char *image = arena_format(&arena, "root/stores/%s", names.image).data;
    struct str content = check_content(image, &arena);
    ((char *)(uintptr_t)content.data)[5000] ^= 1;
    check_file(image, content);
    CHECK(strstr(verify(&check, &arena).data,
                 arena_format(&arena, "systems/%s/stores/%s", name, names.image).data));
    CHECK(unlinkat(check_directory(), "root/netboot.ipxe", 0) == 0);
    CHECK(strstr(verify(&check, &arena).data,
                 arena_format(&arena, "%d netboot.ipxe", FINDING_UNREADABLE).data));
    CHECK(unlinkat(check_directory(), "root/current", 0) == 0);
    CHECK(strstr(verify(&check, &arena).data,
                 arena_format(&arena, "%d current", FINDING_MISSING).data));
}

static void a_system_that_cannot_be_read_is_a_finding(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    if (!check_published_start(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    const char *name = published_name(&check.read, "a", &arena);
    CHECK(unlinkat(check_directory(), arena_format(&arena, "root/systems/%s/boot.json", name).data,
                   0) == 0);
    CHECK(strstr(verify(&check, &arena).data,
                 arena_format(&arena, "%d systems/%s", FINDING_STRAY, name).data));
    CHECK(unlinkat(check_directory(), "root/fleet.json", 0) == 0);
    CHECK(!verify_published_is(check_directory()));
}

struct verifying {
    struct check_published *check;
    struct arena arena;
};

/* It is not done if it finds nothing. */
static bool verify_failing(void *context)
{
    const struct verifying *verifying = context;
    struct arena arena = verifying->arena;
    return verify(verifying->check, &arena).len > 0 && !check_error->sentence[0];
}

static void no_failing_call_hides_a_stray_file(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    if (!check_published_layers(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    check.tree.source.crew.jobs = 1;
    check_file("root/stores/mine", STR("x"));
    struct verifying verifying = { &check, arena };
    CHECK(check_each(CHECK_CALLS, verify_failing, &verifying) > 5);
}

/* Each system has files within the limit; both have not. */
static void all_systems_share_a_limit(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    struct image_budget budget = image_budget_make(0);
    if (!check_published_start(&arena, &check))
        return;
    CHECK_DONE(check_published_put(&check, "a", &arena));
    CHECK_DONE(check_published_put(&check, "b", &arena));
    CHECK_STR(verify_within(&check, &arena, &budget), "");
    uint64_t spent_bytes = budget.files.spent_bytes;
    CHECK(spent_bytes > 0);
    budget = image_budget_make(0);
    budget.files.floor_bytes = spent_bytes - 1;
    budget.files.factor = 0;
    CHECK(strstr(verify_within(&check, &arena, &budget).data, " systems/b-"));
}

int main(void)
{
    return CHECK_ALL(CASE(a_published_root_has_no_findings), CASE(what_does_not_belong_is_found),
                     CASE(images_and_their_sums_are_compared),
                     CASE(a_system_that_cannot_be_read_is_a_finding),
                     CASE(no_failing_call_hides_a_stray_file), CASE(all_systems_share_a_limit));
}
