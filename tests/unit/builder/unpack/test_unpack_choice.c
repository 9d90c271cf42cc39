#include "tests/check_store.h"

#include "builder/unpack/unpack_choice.h"

#define DIGEST CHECK_DIGEST "-"

/* app refers to library and itself, library to data; other to nothing. */
static struct path_list make_list(struct arena *arena)
{
    static const char *const bases[] = { DIGEST "app", DIGEST "data", DIGEST "library",
                                         DIGEST "other" };
    static uint32_t of_app[] = { 0, 2 }, of_library[] = { 1 };
    struct path_list list = check_list(bases, 4, arena);
    list.items[0].references = of_app;
    list.items[0].reference_count = 2;
    list.items[2].references = of_library;
    list.items[2].reference_count = 1;
    return list;
}

/* Returns the last letters of what is chosen, or the sentence. */
static struct str choose(const struct path_list *list, const char *name, struct arena *arena)
{
    const char *items[] = { name };
    const struct option_list names = { items, name != NULL, 0 };
    const struct unpack_wish wish = { list, STR("/nix/store"), &names };
    bool chosen[4] = { false };
    struct str text = STR("");
    if (!unpack_choose(&wish, *arena, chosen, check_error))
        return str_from(check_error->sentence);
    for (size_t i = 0; i < list->count; i++)
        if (chosen[i])
            text = arena_format(arena, "%.*s %.*s", STR_ARG(text),
                                STR_ARG(str_skip(list->items[i].base, sizeof DIGEST - 1)));
    return text;
}

static void all_paths_or_the_closure_of_some_are_chosen(struct arena arena)
{
    struct path_list list = make_list(&arena);
    CHECK_STR(choose(&list, NULL, &arena), " app data library other");
    CHECK_STR(choose(&list, DIGEST "library", &arena), " data library");
    CHECK_STR(choose(&list, "/nix/store/" DIGEST "app", &arena), " app data library");
    CHECK_STR(choose(&list, DIGEST "other", &arena), " other");
}

static void unknown_names_and_open_closures_are_refused(struct arena arena)
{
    struct path_list list = make_list(&arena);
    CHECK_STR(choose(&list, "/nix/store/" DIGEST "app/bin", &arena),
              "'/nix/store/" DIGEST "app/bin' is not a path of the image's manifest");
    CHECK_STR(choose(&list, DIGEST "ap", &arena),
              "'" DIGEST "ap' is not a path of the image's manifest");
    uint32_t absent = name_table_add(&list.names, STR(DIGEST "absent"), &arena);
    list.items[3].references = &absent;
    list.items[3].reference_count = 1;
    CHECK_STR(choose(&list, DIGEST "library", &arena), " data library");
    CHECK_STR(choose(&list, NULL, &arena), "the manifest is not closed: " DIGEST
                                           "other refers to " DIGEST "absent, which it lacks");
}

int main(void)
{
    return CHECK_ALL(CASE(all_paths_or_the_closure_of_some_are_chosen),
                     CASE(unknown_names_and_open_closures_are_refused));
}
