#include "tests/check_store.h"

#include "builder/unpack/unpack_choice.h"

#define PATH(name) "/nix/store/" CHECK_DIGEST "-" name

/* Returns a list of a, b and c, where a refers to b, and b to itself and to a number of a name. */
static struct path_list list_of(uint32_t other, struct arena *arena)
{
    static const char *const bases[] = { CHECK_DIGEST "-a", CHECK_DIGEST "-b", CHECK_DIGEST "-c" };
    struct path_list list = check_list(bases, 3, arena);
    uint32_t *references = arena_new(arena, uint32_t, 3);
    references[0] = 1;
    references[1] = 1;
    references[2] = other;
    list.items[0].references = references;
    list.items[0].reference_count = 1;
    list.items[1].references = references + 1;
    list.items[1].reference_count = 2;
    return list;
}

static struct option_list paths_of(const char *path, struct arena *arena)
{
    struct option_list paths = { 0 };
    if (path)
        option_list_add(&paths, path, arena);
    return paths;
}

static void a_path_is_chosen_with_all_that_it_refers_to(struct arena arena)
{
    static const struct {
        const char *path;
        bool chosen[3];
    } rows[] = {
        { NULL, { true, true, true } },
        { PATH("a"), { true, true, false } },
        { PATH("b"), { false, true, false } },
        { PATH("c"), { false, false, true } },
    };
    struct path_list list = list_of(1, &arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool *chosen = NULL;
        struct option_list paths = paths_of(rows[i].path, &arena);
        check_about("%s", rows[i].path ? rows[i].path : "all");
        if (CHECK_DONE(
                unpack_choose(&list, STR("/nix/store"), &paths, &arena, &chosen, check_error)))
            for (size_t j = 0; j < 3; j++)
                CHECK(chosen[j] == rows[i].chosen[j]);
    }
}

static void what_the_manifest_does_not_list_is_refused(struct arena arena)
{
    bool *chosen = NULL;
    struct path_list list = list_of(1, &arena);
    struct option_list paths = paths_of(PATH("d"), &arena);
    CHECK_REFUSED(unpack_choose(&list, STR("/nix/store"), &paths, &arena, &chosen, check_error),
                  PATH("d") " is not in the image's manifest");
    paths = paths_of("/etc/passwd", &arena);
    CHECK(!unpack_choose(&list, STR("/nix/store"), &paths, &arena, &chosen, check_error));
    CHECK(chosen == NULL);
}

int main(void)
{
    return CHECK_ALL(CASE(a_path_is_chosen_with_all_that_it_refers_to),
                     CASE(what_the_manifest_does_not_list_is_refused));
}
