#include "tests/check.h"

#include "builder/inspect/inspect_references.h"
#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/nix/manifest.h"

#include <unistd.h>

#define D                        "0123456789abcdfghijklmnpqrsvwxyz"
#define P                        "/nix/store/" D
#define HASH                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define RECORD(name, references) P "-" name "\n" HASH "\n100\n\n" references

/* An inspection of an image that holds nothing and lists these: a needs b and c, both need d; e is alone,
 * and needs itself. */
static struct inspection inspect_list(bool as_json, struct arena *arena)
{
    struct path_list list = { 0 };
    CHECK_DONE(manifest_parse(STR(RECORD("a", "2\n" P "-b\n" P "-c\n") RECORD("b", "1\n" P "-d\n")
                                      RECORD("c", "1\n" P "-d\n") RECORD("d-lib", "0\n")
                                          RECORD("d", "0\n") RECORD("e", "1\n" P "-e\n")),
                              STR("/nix/store"), arena, &list, check_error));
    path_list_normalise(&list, *arena);
    static struct image_node root;
    struct inspection inspection = {
        .store_dir = STR("/nix/store"),
        .as_json = as_json,
        .is_quiet = true,
        .arena = arena,
        .image = { .tree = { .nodes = &root, .node_count = 1 }, .listed = list },
    };
    return inspection;
}

/* What is printed; or why nothing is. */
static struct str explain(bool as_json, const char *from, const char *to, struct arena *arena)
{
    struct inspection inspection = inspect_list(as_json, arena);
    struct check_output output = check_keep(STDOUT_FILENO);
    bool done = inspect_explain(&inspection, from, to, check_error);
    struct str text = check_kept(&output, arena);
    return done ? text : arena_copy(arena, str_from(check_error->sentence));
}

static struct str closure(const char *name, struct arena *arena)
{
    struct inspection inspection = inspect_list(false, arena);
    struct check_output output = check_keep(STDOUT_FILENO);
    bool done = inspect_print_closure(&inspection, name, check_error);
    struct str text = check_kept(&output, arena);
    return done ? text : arena_copy(arena, str_from(check_error->sentence));
}

static void a_shortest_chain_is_told(struct arena arena)
{
    CHECK_STR(explain(false, P "-a", P "-d", &arena), P "-a\n" P "-b\n" P "-d\n");
    CHECK_STR(explain(false, D "-c", D "-d", &arena), P "-c\n" P "-d\n");
    CHECK_STR(explain(false, P "-e", P "-e", &arena), P "-e\n");
    CHECK_STR(explain(false, P "-d", P "-a", &arena), D "-d does not depend on " D "-a");
    CHECK_STR(explain(false, P "-a", P "-e", &arena), D "-a does not depend on " D "-e");
}

static void json_has_the_same_chain(struct arena arena)
{
    cleanup(json_free) cJSON *root = NULL;
    CHECK_DONE(json_parse(explain(true, P "-a", P "-d", &arena), &root, check_error));
    CHECK_NUMBER(cJSON_GetArraySize(root), 3);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetArrayItem(root, 0)), P "-a");
    CHECK_STR(cJSON_GetStringValue(cJSON_GetArrayItem(root, 2)), P "-d");
}

static void a_part_of_a_name_will_do_if_only_one_has_it(struct arena arena)
{
    CHECK_STR(closure("lib", &arena), P "-d-lib\n");
    CHECK_STR(closure("nothing", &arena), "no path in the image has 'nothing' in its name");
    CHECK_STR(closure("z-d", &arena),
              "'z-d' is ambiguous: it is in the names of 2 paths, such as " D "-d and " D "-d-lib");
    CHECK_STR(closure(D "-d", &arena), P "-d\n"); /* a whole name is none of several */
    CHECK_STR(explain(false, "nothing", P "-a", &arena),
              "no path in the image has 'nothing' in its name");
    CHECK_STR(explain(false, P "-a", "nothing", &arena),
              "no path in the image has 'nothing' in its name");
}

static void a_closure_is_told_in_order(struct arena arena)
{
    CHECK_STR(closure(P "-a", &arena), P "-a\n" P "-b\n" P "-c\n" P "-d\n");
    CHECK_STR(closure(P "-e", &arena), P "-e\n");
}

int main(void)
{
    return CHECK_ALL(CASE(a_shortest_chain_is_told), CASE(json_has_the_same_chain),
                     CASE(a_part_of_a_name_will_do_if_only_one_has_it),
                     CASE(a_closure_is_told_in_order));
}
