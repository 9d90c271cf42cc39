#include "tests/check_libraries.h"
#include "tests/check_store.h"

#include "builder/closure/closure.h"
#include "schema/base/own.h"

#define D                        CHECK_DIGEST
#define P                        "/nix/store/" D
#define RECORD(name, references) P "-" name "\n" CHECK_HASH_HEX "\n100\n\n" references

/* a needs b, b needs c and itself; d needs nothing. */
#define ROWS          \
    CHECK_ADD(1, "a") \
    CHECK_ADD(2, "b") \
    CHECK_ADD(3, "c") \
    CHECK_ADD(4, "d") \
    "insert "         \
    "into Refs values (1, 2), (2, 3), (2, 2)"
#define MANIFEST       \
    RECORD("d", "0\n") \
    RECORD("a", "1\n" P "-b\n") RECORD("b", "2\n" P "-b\n" P "-c\n") RECORD("c", "0\n")

static const char *const no_roots[] = { NULL };

/* The closure as base names without their digest, each behind a blank; or why there is none. */
static struct str find(enum path_source_kind kind, const char *const *roots, struct arena *arena)
{
    struct option_list list = { 0 }, added = { 0 };
    struct closure closure;
    struct str joined = STR("");
    cleanup(check_store_close) struct store store = check_store(arena);
    struct crew crew;
    struct closure_request request = {
        .store = &store, .roots = &list, .added = &added, .crew = &crew
    };
    CHECK_DONE(crew_make(1, arena, &crew, check_error));
    if (kind != PATH_SOURCE_DATABASE)
        request.source =
            (struct path_source){ kind,
                                  arena_format(arena, "%s/source", check_directory_path()).data };
    for (; *roots; roots++)
        option_list_add(&list, *roots, arena);
    if (!closure_find(&request, arena, &closure, check_error))
        return arena_copy(arena, str_from(check_error->sentence));
    for (size_t i = 0; i < closure.paths.count; i++)
        joined = arena_format(arena, "%.*s %.*s", STR_ARG(joined),
                              STR_ARG(str_skip(closure.paths.items[i].base, sizeof D "-" - 1)));
    return joined;
}

static struct str of_source(struct str sentence, struct arena *arena)
{
    struct str path = arena_format(arena, "%s/source", check_directory_path());
    return arena_format(arena, "%.*s%.*s", STR_ARG(path), STR_ARG(sentence));
}

#define ROOTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void what_is_referred_to_is_followed(struct arena arena)
{
    check_sql(ROWS, arena);
    check_file("source", STR(MANIFEST));
    static const enum path_source_kind kinds[] = { PATH_SOURCE_DATABASE, PATH_SOURCE_REGISTRATION };
    for (size_t i = 0; i < 2; i++) {
        CHECK_STR(find(kinds[i], ROOTS(P "-a"), &arena), " a b c");
        CHECK_STR(find(kinds[i], ROOTS(P "-b", P "-b"), &arena), " b c");
        CHECK_STR(find(kinds[i], ROOTS(P "-d", P "-c"), &arena), " c d");
    }
    CHECK_STR(find(PATH_SOURCE_REGISTRATION, no_roots, &arena), " a b c d");
}

static void roots_may_be_links(struct arena arena)
{
    check_sql(ROWS, arena);
    CHECK(symlinkat(P "-c", check_directory(), "result") == 0);
    CHECK_STR(find(PATH_SOURCE_DATABASE, ROOTS("/result"), &arena), " c");
    CHECK(
        str_starts(find(PATH_SOURCE_DATABASE, ROOTS("/nothing"), &arena), STR("root /nothing: ")));
}

static void a_root_that_is_not_known_is_refused(struct arena arena)
{
    CHECK_STR(find(PATH_SOURCE_DATABASE, ROOTS(P "-a"), &arena),
              "there is no Nix database in /state; give --root, or --registration, --graph or "
              "--path-info");
    check_sql(ROWS, arena);
    check_file("source", STR(MANIFEST));
    CHECK_STR(find(PATH_SOURCE_DATABASE, ROOTS(P "-x"), &arena),
              "'" D "-x' is not a valid path in /nix/store");
    CHECK_STR(find(PATH_SOURCE_REGISTRATION, ROOTS(P "-x"), &arena),
              of_source(STR(" does not list '" D "-x'"), &arena));
    CHECK_STR(find(PATH_SOURCE_DATABASE, no_roots, &arena), "no PATH was given, and standard input "
                                                            "names none");
}

static void a_reference_that_is_not_listed_is_refused_with_its_referrer(struct arena arena)
{
    check_file("source", STR(RECORD("a", "1\n" P "-b\n") RECORD("b", "1\n" P "-c\n")));
    CHECK_STR(find(PATH_SOURCE_REGISTRATION, ROOTS(P "-a"), &arena),
              of_source(STR(" does not list '" D "-c', to which '" D "-b' refers"), &arena));
}

static void an_empty_source_is_refused(struct arena arena)
{
    check_file("source", STR(""));
    CHECK_STR(find(PATH_SOURCE_REGISTRATION, no_roots, &arena),
              of_source(STR(" lists no path"), &arena));
}

/* A graph tells no hashes: those of the store are computed. */
static void a_graph_is_followed_and_hashed(struct arena arena)
{
    check_file("source", STR(P "-a\n\n1\n" P "-b\n" P "-b\n\n0\n"));
    check_file("nix/store/" D "-a", STR("hello"));
    CHECK_STR(find(PATH_SOURCE_GRAPH, ROOTS(P "-a"), &arena),
              "hash /nix/store/" D "-b: there is no such path");
    check_file("nix/store/" D "-b", STR("hello"));
    CHECK_STR(find(PATH_SOURCE_GRAPH, no_roots, &arena), " a b");
}

/* Reads its own standard input. */
static void roots_come_from_standard_input(struct arena arena)
{
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    check_sql(ROWS, arena);
    static const struct {
        struct str input;
        const char *want;
    } rows[] = {
        { STR(P "-a\n\n" P "-d"), " a b c d" },
        { STR(""), "no PATH was given, and standard input names none" },
        { STR(P "-a\0x\n"), NULL },
        { STR(P "-d\n/nowhere\n"), "root /nowhere: open /nowhere: No such file or directory" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_file("input", rows[i].input);
        int input = openat(check_directory(), "input", O_RDONLY | O_CLOEXEC);
        dup2(input, STDIN_FILENO);
        close(input);
        struct str got = find(PATH_SOURCE_DATABASE, ROOTS("-"), &arena);
        if (rows[i].want)
            CHECK_STR(got, rows[i].want);
        else
            CHECK(str_starts(got, STR("standard input: ")));
    }
    dup2(saved, STDIN_FILENO);
    close(saved);
}

struct failing {
    const struct store *store;
    enum path_source_kind kind;
    struct arena arena;
};

/* From a database with what standard input names, or from a file with what is in it. */
static bool find_failing(void *context)
{
    const struct failing *failing = context;
    struct arena arena = failing->arena;
    bool is_file = failing->kind != PATH_SOURCE_DATABASE;
    struct option_list roots = { 0 }, added = { 0 };
    struct closure closure;
    struct crew crew = { .jobs = 1 };
    struct closure_request request = {
        .store = failing->store,
        .source = { failing->kind, arena_format(&arena, "%s/source", check_directory_path()).data },
        .roots = &roots,
        .added = &added,
        .crew = &crew,
    };
    if (!is_file)
        option_list_add(&roots, "-", &arena);
    option_list_add(&added, P "-d", &arena);
    CHECK(is_file || lseek(STDIN_FILENO, 0, SEEK_SET) == 0);
    return closure_find(&request, &arena, &closure, check_error) &&
           CHECK_NUMBER(closure.paths.count, 4);
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    static const enum path_source_kind kinds[] = { PATH_SOURCE_DATABASE, PATH_SOURCE_REGISTRATION };
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    check_sql(ROWS, arena);
    check_file("source", STR(MANIFEST));
    check_file("input", STR(P "-a\n"));
    int input = openat(check_directory(), "input", O_RDONLY | O_CLOEXEC);
    dup2(input, STDIN_FILENO);
    close(input);
    cleanup(check_store_close) struct store store = check_store(&arena);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct failing failing = { &store, kinds[i], arena };
        CHECK(check_each(CHECK_CALLS, find_failing, &failing) >= 3);
    }
    dup2(saved, STDIN_FILENO);
    close(saved);
}

int main(void)
{
    return CHECK_ALL(CASE(what_is_referred_to_is_followed), CASE(roots_may_be_links),
                     CASE(a_root_that_is_not_known_is_refused),
                     CASE(a_reference_that_is_not_listed_is_refused_with_its_referrer),
                     CASE(an_empty_source_is_refused), CASE(a_graph_is_followed_and_hashed),
                     CASE(roots_come_from_standard_input),
                     CASE(each_call_that_fails_is_a_sentence));
}
