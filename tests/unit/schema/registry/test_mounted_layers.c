#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/registry/mounted_layers.h"

#include <sys/stat.h>

#define D     CHECK_DIGEST
#define LAYER "nix/.ro-store"

/* The layers, each behind a blank, and whether a number is missing. */
static struct str found(const struct store *store, struct arena *arena)
{
    struct mounted_layers layers;
    struct str joined = STR("");
    CHECK_DONE(mounted_layers_find(store, arena, &layers, check_error));
    for (size_t i = 0; i < layers.count; i++)
        joined = arena_format(arena, "%.*s %s", STR_ARG(joined), layers.paths[i]);
    return arena_format(arena, "%.*s%s", STR_ARG(joined), layers.has_gap ? " gap" : "");
}

static void layers_are_in_the_order_of_their_numbers(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    CHECK_STR(found(&store, &arena), "");
    check_make_directory(LAYER ".10");
    check_make_directory(LAYER ".x");
    check_make_directory(LAYER "s");
    CHECK_STR(found(&store, &arena), " /nix/.ro-store.10 gap");
    check_make_directory(LAYER);
    check_make_directory(LAYER ".2");
    CHECK_STR(found(&store, &arena), " /nix/.ro-store /nix/.ro-store.2 /nix/.ro-store.10 gap");
}

static void numbers_without_a_gap_have_none(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    check_make_directory(LAYER ".1");
    check_make_directory(LAYER);
    CHECK_STR(found(&store, &arena), " /nix/.ro-store /nix/.ro-store.1");
}

static void what_lies_in_any_layer_is_hidden(struct arena arena)
{
    static const char *const bases[] = { D "-a", D "-b", D "-c", D "-d" };
    const bool present[4] = { [3] = true };
    bool hidden[4] = { false };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = check_list(bases, 4, &arena);
    check_make_directory(LAYER);
    CHECK(symlinkat("nowhere", check_directory(), LAYER "/" D "-a") == 0);
    check_file(LAYER ".1/" D "-b", STR(""));
    check_file(LAYER ".1/" D "-d", STR(""));
    CHECK_DONE(mounted_layers_find_hidden(&store, &list, present, arena, hidden, check_error));
    CHECK(hidden[0] && hidden[1] && !hidden[2] && !hidden[3]);
}

static void a_layer_that_is_a_file_hides_nothing(struct arena arena)
{
    static const char *const bases[] = { D "-a" };
    const bool present[1] = { false };
    bool hidden[1] = { false };
    cleanup(check_store_close) struct store store = check_store(&arena);
    struct path_list list = check_list(bases, 1, &arena);
    check_file(LAYER, STR(""));
    CHECK_DONE(mounted_layers_find_hidden(&store, &list, present, arena, hidden, check_error));
    CHECK(!hidden[0]);
}

int main(void)
{
    return CHECK_ALL(CASE(layers_are_in_the_order_of_their_numbers),
                     CASE(numbers_without_a_gap_have_none), CASE(what_lies_in_any_layer_is_hidden),
                     CASE(a_layer_that_is_a_file_hides_nothing));
}
