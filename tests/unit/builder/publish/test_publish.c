#include "tests/check_calls.h"
#include "tests/check_published.h"

#include "builder/unpack/tree_remover.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/stat.h>

static void links_follow_the_systems(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    struct published *root = &check.published;
    if (!check_published_start(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    CHECK(root->current && !root->previous);
    CHECK_REFUSED(publish_roll_back(root, check_error),
                  arena_format(&arena, "%s has no previous system to go back to", check.path));
    CHECK_DONE(check_published_put(&check, "b", &arena));
    CHECK_STR(published_label(root->current), "b");
    CHECK_STR(published_label(root->previous), "a");
    CHECK_DONE(check_published_put(&check, "b", &arena));
    CHECK_STR(published_label(root->previous), "a");
    CHECK_DONE(publish_roll_back(root, check_error));
    CHECK_DONE(published_read(root, &arena, check_error));
    CHECK_STR(published_label(root->current), "a");
    CHECK_STR(published_label(root->previous), "b");
    CHECK_NUMBER(root->count, 2);
}

static void links_are_exchanged_where_that_takes_two_steps(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    if (!check_published_start(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)) ||
        !CHECK_DONE(check_published_put(&check, "b", &arena)))
        return;
    check_calls_refuse_flags();
    CHECK_DONE(publish_roll_back(&check.published, check_error));
    check_calls_end();
    CHECK_DONE(published_read(&check.published, &arena, check_error));
    CHECK_STR(published_label(check.published.current), "a");
    CHECK_STR(published_label(check.published.previous), "b");
}

static void whichever_call_fails_the_current_system_is_whole(struct arena arena)
{
    cleanup(check_published_release) struct check_published check;
    struct published *root = &check.published;
    if (!check_published_start(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)))
        return;
    for (size_t number = 1;; number++) {
        struct arena scratch = arena;
        check_calls_fail(number);
        bool done = check_published_put(&check, "b", &scratch);
        bool failed = check_calls_end();
        if (!CHECK(done == !failed || done))
            return;
        CHECK_DONE(published_read(root, &scratch, check_error));
        if (!CHECK(published_find(root, root->current)))
            return;
        if (!failed)
            break;
    }
    CHECK_STR(published_label(root->current), "b");
}

/* The names in stores/ once the tree by URL is published, and the name of its image. */
static struct str stores_of(const struct check_published *check, struct arena *arena)
{
    struct store_names names = store_names_of(&check->read.roots[0]);
    return arena_format(arena, " %s %s %s", names.image, names.sum, names.verity);
}

static void an_image_is_copied_once(struct arena arena)
{
    struct publish_result result;
    cleanup(check_published_release) struct check_published check;
    struct published *root = &check.published;
    if (!check_published_layers(&arena, &check) || !CHECK_NUMBER(check.read.root_count, 1))
        return;
    struct publish_request request = { check.tree.tree.fd, "tree",
                                       published_name(&check.read, "a", &arena), &check.read,
                                       &check.tree.source.crew };
    CHECK_DONE(publish_copy(root, &request, arena, &result, check_error));
    CHECK(result.is_new && result.copied_count == 1 && result.held_count == 0);
    CHECK_STR(check_names("root/stores", &arena), stores_of(&check, &arena));
    request.name = published_name(&check.read, "b", &arena);
    CHECK_DONE(publish_copy(root, &request, arena, &result, check_error));
    CHECK(result.is_new && result.copied_count == 0 && result.held_count == 1);
    CHECK_DONE(publish_copy(root, &request, arena, &result, check_error));
    CHECK(!result.is_new && result.copied_count == 0 && result.held_count == 1);
    CHECK_DONE(published_read(root, &arena, check_error));
    CHECK_NUMBER(root->count, 2);
    CHECK(published_user(root, &check.read.roots[0]) == &root->items[0]);
}

static void an_image_that_is_not_what_the_tree_says_is_not_published(struct arena arena)
{
    static const struct {
        size_t cut, flip; /* bytes off the file, or the offset of one that changes */
        bool is_verity;
        const char *sentence;
    } rows[] = {
        { 0, 5000, false, "%s is not the file that SHA256SUMS lists; build the tree again" },
        { 4096, 0, false, "%s is not the file that SHA256SUMS lists; build the tree again" },
        { 0, 1, true, "%s is not the file that SHA256SUMS lists; build the tree again" },
        { 4096, 0, true, "%s is not the file that SHA256SUMS lists; build the tree again" },
    };
    cleanup(check_published_release) struct check_published check;
    if (!check_published_layers(&arena, &check))
        return;
    struct store_names names = store_names_of(&check.read.roots[0]);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena scratch = arena;
        const char *file =
            arena_format(&scratch, "stores/%s", rows[i].is_verity ? names.verity : names.image)
                .data;
        const char *path = arena_format(&scratch, "tree/%s", file).data;
        struct str content = check_content(path, &scratch);
        struct str other = arena_copy(&scratch, content);
        ((char *)(uintptr_t)other.data)[rows[i].flip] ^= 1;
        other.len -= rows[i].cut;
        check_about("row %zu", i);
        CHECK(unlinkat(check_directory(), path, 0) == 0);
        check_file(path, other);
        CHECK_REFUSED(check_published_put(&check, "a", &scratch),
                      arena_format(&scratch, rows[i].sentence, file));
        CHECK_STR(check_names("root/systems", &scratch), "");
        CHECK_STR(check_names("root/stores", &scratch), "");
        CHECK(unlinkat(check_directory(), path, 0) == 0);
        check_file(path, content);
    }
    CHECK_DONE(check_published_put(&check, "a", &arena));
}

static bool open_and_put(struct check_published *check, struct arena *arena)
{
    published_release(&check->published);
    check->published = PUBLISHED_NONE;
    return published_open(check->path, PUBLISHED_CREATE, &check->published, check_error) &&
           check_published_put(check, "a", arena);
}

/* From no root at all. A file that is looked at before it is written may be taken for one that is not there. */
static void whichever_call_fails_the_next_run_completes(struct arena arena)
{
    bool has_failed = true;
    size_t failures = 0;
    cleanup(check_published_release) struct check_published check;
    if (!check_published_layers(&arena, &check))
        return;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        check_about("call %zu", number);
        CHECK_DONE(tree_remove(check_directory(), "root", check_error));
        check_error->sentence[0] = '\0';
        check_calls_fail(number);
        bool done = open_and_put(&check, &scratch);
        has_failed = check_calls_end();
        failures += !done;
        if (!CHECK(done || (has_failed && check_error->sentence[0])))
            return;
        if (!CHECK_DONE(done || open_and_put(&check, &scratch)))
            return;
        CHECK_STR(check_names("root", &scratch), " current fleet.json netboot.ipxe stores systems");
        CHECK_STR(check_names("root/stores", &scratch), stores_of(&check, &scratch));
        CHECK_NUMBER(check.published.count, 1);
        CHECK_NUMBER(check.published.stray_count, 0);
    }
    CHECK(failures > 200);
}

static void whichever_call_fails_links_lead_to_systems(struct arena arena)
{
    bool has_failed = true;
    cleanup(check_published_release) struct check_published check;
    struct published *root = &check.published;
    if (!check_published_start(&arena, &check) ||
        !CHECK_DONE(check_published_put(&check, "a", &arena)) ||
        !CHECK_DONE(check_published_put(&check, "b", &arena)))
        return;
    for (size_t number = 1; has_failed; number++) {
        struct arena scratch = arena;
        const char *current = root->current;
        check_about("call %zu", number);
        check_error->sentence[0] = '\0';
        check_calls_fail(number);
        bool done = publish_roll_back(root, check_error);
        has_failed = check_calls_end();
        CHECK(done != has_failed && (done || check_error->sentence[0]));
        CHECK_DONE(published_read(root, &scratch, check_error));
        CHECK(published_find(root, root->current) && published_find(root, root->previous));
        CHECK(strcmp(root->current, root->previous) != 0);
        CHECK(!done || strcmp(root->current, current) != 0);
        CHECK_DONE(published_read(root, &arena, check_error));
    }
}

static void what_no_run_made_is_not_replaced(struct arena arena)
{
    static const struct {
        const char *name, *content, *sentence;
    } rows[] = {
        { "netboot.ipxe", "#!ipxe\n",
          "replace %s/netboot.ipxe: no earlier run made it; give it another name" },
        { "netboot.ipxe", NULL,
          "replace %s/netboot.ipxe: open netboot.ipxe: it is a directory, not a regular file; remove it" },
        { "fleet.json", "{}",
          "replace %s/fleet.json (remove it if it is damaged: it is written again): version: a whole number expected" },
        { "fleet.json", NULL,
          "replace %s/fleet.json (remove it if it is damaged: it is written again): open fleet.json: it is a directory, not a regular file; remove it" },
        { "stores/.x.draft", NULL,
          "%s/stores: create x: .x.draft exists, and no earlier run left it; remove it" },
    };
    cleanup(check_published_release) struct check_published check;
    if (!check_published_start(&arena, &check))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena scratch = arena;
        const char *path = arena_format(&scratch, "root/%s", rows[i].name).data;
        check_about("%s, %zu", rows[i].name, i);
        if (rows[i].content)
            check_file(path, str_from(rows[i].content));
        else
            check_make_directory(path);
        CHECK_REFUSED(check_published_put(&check, "a", &scratch),
                      arena_format(&scratch, rows[i].sentence, check.path));
        CHECK_STR(check_names("root/systems", &scratch), "");
        CHECK(unlinkat(check_directory(), path, rows[i].content ? 0 : AT_REMOVEDIR) == 0);
    }
}

int main(void)
{
    return CHECK_ALL(
        CASE(links_follow_the_systems), CASE(links_are_exchanged_where_that_takes_two_steps),
        CASE(whichever_call_fails_the_current_system_is_whole), CASE(an_image_is_copied_once),
        CASE(an_image_that_is_not_what_the_tree_says_is_not_published),
        CASE(whichever_call_fails_the_next_run_completes),
        CASE(whichever_call_fails_links_lead_to_systems), CASE(what_no_run_made_is_not_replaced));
}
