#include "tests/check.h"

#include "schema/nix/store_path.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define D "0123456789abcdfghijklmnpqrsvwxyz"

/* A base name whose name part is `length` times 'n'. */
static struct str base_of_length(size_t length, struct arena *arena)
{
    char *name = arena_alloc(arena, 1, length + 1);
    memset(name, 'n', length);
    return arena_format(arena, D "-%s", name);
}

static void legal_names_are_accepted(struct arena arena)
{
    static const char *const bases[] = {
        D "-x",
        D "-0",
        D "-.x",
        D "-...",
        D "-.x-y",
        D "-...-x",
        D "--",
        D "-a.drv",
        D "-.drv",
        D "-.=",
        D "-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._?=",
    };
    for (size_t i = 0; i < COUNT(bases); i++) {
        check_about("%s", bases[i]);
        CHECK_DONE(store_path_check(str_from(bases[i]), check_error));
    }
    CHECK_DONE(store_path_check(base_of_length(STORE_PATH_NAME_MAX, &arena), check_error));
}

static void illegal_names_are_refused_with_their_fault(struct arena arena)
{
    static const struct {
        const char *base, *fault;
    } rows[] = {
        { "", "'%s' is too short to be a store path" },
        { D, "'%s' is too short to be a store path" },
        { D "-", "'%s' is too short to be a store path" },
        { "e123456789abcdfghijklmnpqrsvwxyz-x",
          "store path '%s' has an illegal digit in its hash part" },
        { "0123456789abcdfghijklmnpqrsvwxyt-x",
          "store path '%s' has an illegal digit in its hash part" },
        { "0123456789abcdfGhijklmnpqrsvwxyz-x",
          "store path '%s' has an illegal digit in its hash part" },
        { "0123456789abcdfghijklmnpqrsvwxy-xx",
          "store path '%s' has an illegal digit in its hash part" },
        { D "_x", "store path '%s' lacks the '-' after its hash part" },
        { D "0-x", "store path '%s' lacks the '-' after its hash part" },
        { D " x", "store path '%s' lacks the '-' after its hash part" },
        { D "-a b", "store path '%s' has an illegal byte in its name" },
        { D "-a/b", "store path '%s' has an illegal byte in its name" },
        { D "-a~", "store path '%s' has an illegal byte in its name" },
        { D "-a@", "store path '%s' has an illegal byte in its name" },
        { D "-a:b", "store path '%s' has an illegal byte in its name" },
        { D "-\xc3\xa4", "store path '%s' has an illegal byte in its name" },
        { D "-a\n", "store path '%s' has an illegal byte in its name" },
        { D "-.", "store path '%s' has the illegal name '.'" },
        { D "-..", "store path '%s' has the illegal name '..'" },
        { D "-.-x", "store path '%s' has the illegal name '.-x'" },
        { D "-..-x", "store path '%s' has the illegal name '..-x'" },
        { D "-.-", "store path '%s' has the illegal name '.-'" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str before = str_cut(str_from(rows[i].fault), '%').head;
        struct str behind = str_skip(str_from(rows[i].fault), before.len + 2);
        check_about("%s", rows[i].base);
        CHECK_REFUSED(
            store_path_check(str_from(rows[i].base), check_error),
            arena_format(&arena, "%.*s%s%.*s", STR_ARG(before), rows[i].base, STR_ARG(behind)));
    }
    struct str base = base_of_length(STORE_PATH_NAME_MAX + 1, &arena);
    CHECK_REFUSED(
        store_path_check(base, check_error),
        arena_format(&arena, "store path '%s' has a name longer than 211 bytes", base.data));
    CHECK(!store_path_check(STR(D "-a\0b"), check_error));
    CHECK(!store_path_check(STR(D "\0x"), check_error));
}

static void every_byte_of_a_name_is_looked_at(void)
{
    static const char legal[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._?=";
    for (int byte = 1; byte < 256; byte++) {
        char base[] = D "-nnn";
        base[34] = (char)byte;
        check_about("byte %d", byte);
        CHECK(store_path_check(str_from(base), check_error) == (strchr(legal, byte) != NULL));
    }
}

static void a_path_of_the_store_is_taken_apart(void)
{
    static const char *const spellings[] = {
        "/nix/store/" D "-x",           "/nix/store/" D "-x/",      "/nix/store/" D "-x//",
        "/nix/store/" D "-x/.",         "/nix/store/" D "-x/y/..",  "/nix/store//" D "-x",
        "//nix///store/" D "-x",        "/nix/./store/./" D "-x",   "/nix/x/../store/" D "-x",
        "/nix/store/y/../" D "-x",      "/../../nix/store/" D "-x", "/nix/store/../store/" D "-x",
        "/a/b/../../nix/store/" D "-x",
    };
    for (size_t i = 0; i < COUNT(spellings); i++) {
        struct str text = str_from(spellings[i]), base = STR("");
        check_about("%s", spellings[i]);
        CHECK_DONE(store_path_parse(text, STR("/nix/store"), &base, check_error));
        CHECK_STR(base, D "-x");
        CHECK(base.data >= text.data && base.data < text.data + text.len);
    }
}

static void paths_elsewhere_are_refused(struct arena arena)
{
    static const char *const outside[] = {
        "/nix/store",
        "/nix/store/",
        "/nix/store/.",
        "/nix/store/..",
        "/",
        "//",
        "/" D "-x",
        "/nix/" D "-x",
        "/nix/store2/" D "-x",
        "/nix/stor/" D "-x",
        "/nix/store" D "-x",
        "/nix/store/" D "-x/y",
        "/nix/store/" D "-x/../y/" D "-x",
        "/gnu/store/" D "-x",
        "/nix/store/../" D "-x",
        "/nix/store/../../store/" D "-x",
        "/x/nix/store/" D "-x",
    };
    for (size_t i = 0; i < COUNT(outside); i++) {
        struct str base = STR("before");
        check_about("%s", outside[i]);
        CHECK_REFUSED(
            store_path_parse(str_from(outside[i]), STR("/nix/store"), &base, check_error),
            arena_format(&arena, "'%s' is not a path in the store '/nix/store'", outside[i]));
        CHECK_STR(base, "before");
    }
}

static void relative_paths_are_refused(struct arena arena)
{
    static const char *const relative[] = {
        "",
        D "-x",
        "nix/store/" D "-x",
        " /nix/store/" D "-x",
        "./nix/store/" D "-x",
        "\xef\xbb\xbf/nix/store/" D "-x",
        "unknown-deriver",
    };
    for (size_t i = 0; i < COUNT(relative); i++) {
        struct str base;
        check_about("%s", relative[i]);
        CHECK_REFUSED(
            store_path_parse(str_from(relative[i]), STR("/nix/store"), &base, check_error),
            arena_format(&arena, "'%s' is not an absolute path", relative[i]));
    }
}

static void illegal_names_in_the_store_are_refused(void)
{
    struct str base;
    CHECK_REFUSED(store_path_parse(STR("/nix/store/x"), STR("/nix/store"), &base, check_error),
                  "'x' is too short to be a store path");
    CHECK_REFUSED(
        store_path_parse(STR("/nix/store/" D "-x\r"), STR("/nix/store"), &base, check_error),
        "store path '" D "-x\r' has an illegal byte in its name");
}

static void any_directory_can_be_the_store(void)
{
    struct str base;
    CHECK_DONE(store_path_parse(STR("/s/" D "-x"), STR("/s"), &base, check_error));
    CHECK_STR(base, D "-x");
    CHECK_DONE(store_path_parse(STR("/a/b/c/d/" D "-x"), STR("/a/b/c/d"), &base, check_error));
    CHECK_STR(base, D "-x");
    CHECK(!store_path_parse(STR("/nix/store/" D "-x"), STR("/a/store"), &base, check_error));
}

static void names_tell_derivations(struct arena arena)
{
    CHECK(store_path_is_derivation(STR(D "-x.drv")));
    CHECK(store_path_is_derivation(STR(D "-.drv")));
    CHECK(!store_path_is_derivation(STR(D "-x.drv.gz")));
    CHECK(!store_path_is_derivation(STR(D "-xdrv")));
    CHECK_STR(store_path_name(STR(D "-x.drv")), "x.drv");
    struct str path = store_path_format(&arena, STR("/nix/store"), STR(D "-x"));
    CHECK_STR(path, "/nix/store/" D "-x");
    CHECK_NUMBER(path.data[path.len], 0);
}

static void what_follows_the_store_directory_is_cut_off(struct arena arena)
{
    struct str base = STR("untouched");
    (void)arena;
    CHECK(!store_path_strip(STR("/nix/store"), STR("/nix/store"), &base));
    CHECK(!store_path_strip(STR("/nix/store/"), STR("/nix/store"), &base));
    CHECK(!store_path_strip(STR("/nix/storex/a"), STR("/nix/store"), &base));
    CHECK(!store_path_strip(STR("/gnu/store/a"), STR("/nix/store"), &base));
    CHECK_STR(base, "untouched");
    CHECK(store_path_strip(STR("/nix/store/a b/c"), STR("/nix/store"), &base));
    CHECK_STR(base, "a b/c");
}

int main(void)
{
    return CHECK_ALL(
        CASE(legal_names_are_accepted), CASE(illegal_names_are_refused_with_their_fault),
        CASE(every_byte_of_a_name_is_looked_at), CASE(what_follows_the_store_directory_is_cut_off),
        CASE(a_path_of_the_store_is_taken_apart), CASE(paths_elsewhere_are_refused),
        CASE(relative_paths_are_refused), CASE(illegal_names_in_the_store_are_refused),
        CASE(any_directory_can_be_the_store), CASE(names_tell_derivations));
}
