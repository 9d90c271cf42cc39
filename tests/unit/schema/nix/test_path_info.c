#include "tests/check.h"

#include "schema/nix/path_info.h"

#include <string.h>

static void an_added_item_is_zero_and_the_others_stay(struct arena arena)
{
    struct path_list list = { 0 };
    for (size_t i = 0; i < 100; i++) {
        struct path_info *info = path_list_add(&list, &arena);
        CHECK_NUMBER(info->nar_size_bytes, 0);
        CHECK(info->base.data == NULL && info->references == NULL);
        info->nar_size_bytes = i;
    }
    CHECK_NUMBER(list.count, 100);
    for (size_t i = 0; i < 100; i++)
        CHECK_NUMBER(list.items[i].nar_size_bytes, i);
}

/* Each byte of `letters` is a name of one byte. */
static struct str *make_names(const char *letters, struct arena *arena)
{
    struct str *names = arena_new(arena, struct str, strlen(letters));
    for (size_t i = 0; letters[i]; i++)
        names[i] = (struct str){ &letters[i], 1 };
    return names;
}

static struct str join(const struct str *names, size_t count, struct arena *arena)
{
    struct str joined = STR("");
    for (size_t i = 0; i < count; i++)
        joined = arena_format(arena, "%.*s%.*s", STR_ARG(joined), STR_ARG(names[i]));
    return joined;
}

static void names_are_sorted_and_each_is_there_once(struct arena arena)
{
    static const char *const rows[][2] = {
        { "", "" },           { "a", "a" },
        { "aa", "a" },        { "ab", "ab" },
        { "ba", "ab" },       { "abab", "ab" },
        { "abb", "ab" },      { "aab", "ab" },
        { "zyxwv", "vwxyz" }, { "a\xff-A", "-Aa\xff" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t count = strlen(rows[i][0]);
        struct str *names = make_names(rows[i][0], &arena);
        check_about("%s", rows[i][0]);
        path_names_normalise(names, &count);
        CHECK_STR(join(names, count, &arena), rows[i][1]);
    }
    size_t none = 0;
    path_names_normalise(NULL, &none);
    CHECK_NUMBER(none, 0);
}

static struct path_info *add_item(struct path_list *list, struct str base, struct arena *arena)
{
    struct path_info *info = path_list_add(list, arena);
    info->name = name_table_add(&list->names, base, arena);
    info->base = list->names.names[info->name];
    return info;
}

/* Each byte of `letters` is the name of a reference. */
static void refer(struct path_list *list, struct path_info *info, const char *letters,
                  struct arena *arena)
{
    info->references = arena_new(arena, uint32_t, strlen(letters));
    for (; *letters; letters++)
        info->references[info->reference_count++] =
            name_table_add(&list->names, (struct str){ letters, 1 }, arena);
}

static struct str join_references(const struct path_list *list, const struct path_info *info,
                                  struct arena *arena)
{
    struct str joined = STR("");
    for (size_t i = 0; i < info->reference_count; i++)
        joined = arena_format(arena, "%.*s%.*s", STR_ARG(joined),
                              STR_ARG(list->names.names[info->references[i]]));
    return joined;
}

/* Names as in "b1 a2": path and, as its size, a digit that tells items of one path apart. */
static struct path_list make_list(const char *items, struct arena *arena)
{
    struct path_list list = { 0 };
    for (const char *at = items; *at; at += 2) {
        struct path_info *info = add_item(&list, (struct str){ at, 1 }, arena);
        info->nar_size_bytes = (uint64_t)(at[1] - '0');
        refer(&list, info, "cabca", arena);
    }
    return list;
}

static void a_list_is_sorted_and_the_last_item_of_a_path_counts(struct arena arena)
{
    static const char *const rows[][2] = {
        { "", "" },           { "a1", "a1" },         { "a1b2", "a1b2" },     { "b1a2", "a2b1" },
        { "a1a2", "a2" },     { "a2a1", "a1" },       { "b1a1b2", "a1b2" },   { "b2a1b1", "a1b1" },
        { "a1a2a3a4", "a4" }, { "a9b8a7b6", "a7b6" }, { "c1b1a1", "a1b1c1" }, { "a1b1b2", "a1b2" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_about("%s", rows[i][0]);
        struct path_list list = make_list(rows[i][0], &arena);
        struct str got = STR("");
        path_list_normalise(&list, arena);
        for (size_t j = 0; j < list.count; j++) {
            const struct path_info *info = &list.items[j];
            got = arena_format(&arena, "%.*s%.*s%d", STR_ARG(got), STR_ARG(info->base),
                               (int)info->nar_size_bytes);
            CHECK_STR(join_references(&list, info, &arena), "abc");
            CHECK_NUMBER(info->name, j);
            CHECK_NUMBER(path_list_find(&list, info->base), j);
        }
        CHECK_STR(got, rows[i][1]);
    }
}

static void a_long_list_is_sorted_by_bytes(struct arena arena)
{
    enum { PATHS = 20000 };
    struct path_list list = { 0 };
    for (uint64_t i = 0; i < PATHS; i++) {
        uint64_t number = i * 7919 % PATHS;
        struct str base = arena_format(&arena, "%08llu", (unsigned long long)number);
        add_item(&list, base, &arena)->nar_size_bytes = number;
    }
    path_list_normalise(&list, arena);
    if (!CHECK_NUMBER(list.count, PATHS))
        return;
    size_t wrong = 0;
    for (size_t i = 0; i < PATHS; i++)
        wrong += list.items[i].nar_size_bytes != i;
    CHECK_NUMBER(wrong, 0);
}

/* References to paths that are not in the list, or no longer, stand in the order of the names. */
static void references_ascend_by_name_wherever_they_lead(struct arena arena)
{
    struct path_list list = { 0 };
    refer(&list, add_item(&list, STR("m"), &arena), "zxmb", &arena);
    refer(&list, add_item(&list, STR("f"), &arena), "mfz", &arena);
    refer(&list, add_item(&list, STR("m"), &arena), "fzamay", &arena);
    path_list_normalise(&list, arena);
    if (!CHECK_NUMBER(list.count, 2))
        return;
    CHECK_STR(join_references(&list, &list.items[0], &arena), "fmz");
    CHECK_STR(join_references(&list, &list.items[1], &arena), "afmyz");
    CHECK_NUMBER(path_list_find(&list, STR("f")), 0);
    CHECK_NUMBER(path_list_find(&list, STR("m")), 1);
    CHECK_NUMBER(path_list_find(&list, STR("z")), NAME_NONE);
    CHECK_NUMBER(path_list_find(&list, STR("q")), NAME_NONE);
}

static void a_list_is_completed_by_its_description(struct arena arena)
{
    struct path_list list = { 0 }, described = { 0 };
    const char *const names[] = { "a", "b", "c" };
    for (size_t i = 0; i < 3; i++)
        add_item(&list, str_from(names[i]), &arena)->deriver = i ? STR("") : STR("own");
    for (size_t i = 0; i < 2; i++) {
        struct path_info *info = add_item(&described, str_from(names[i]), &arena);
        info->deriver = STR("other");
        info->signatures = STR("key:value");
        info->content_address = STR("address");
        info->is_ultimate = true;
    }
    path_list_normalise(&list, arena);
    path_list_normalise(&described, arena);
    described.items[1].nar_hash.bytes[0] = 1;
    CHECK_REFUSED(path_list_complete(&list, 0, &described, check_error),
                  "it gives 'b' another NAR hash than the manifest does");
    CHECK_NUMBER(list.items[0].signatures.len, 0);
    list.items[1].nar_hash.bytes[0] = 1;
    CHECK_DONE(path_list_complete(&list, 1, &described, check_error));
    CHECK_NUMBER(list.items[0].signatures.len, 0);
    CHECK_DONE(path_list_complete(&list, 0, &described, check_error));
    CHECK_STR(list.items[0].deriver, "own");
    CHECK_STR(list.items[1].deriver, "other");
    for (size_t i = 0; i < 2; i++) {
        CHECK_STR(list.items[i].signatures, "key:value");
        CHECK_STR(list.items[i].content_address, "address");
        CHECK(list.items[i].is_ultimate);
    }
    CHECK(list.items[2].signatures.len == 0 && !list.items[2].is_ultimate);
}

int main(void)
{
    return CHECK_ALL(CASE(an_added_item_is_zero_and_the_others_stay),
                     CASE(names_are_sorted_and_each_is_there_once),
                     CASE(a_list_is_sorted_and_the_last_item_of_a_path_counts),
                     CASE(a_long_list_is_sorted_by_bytes),
                     CASE(references_ascend_by_name_wherever_they_lead),
                     CASE(a_list_is_completed_by_its_description));
}
