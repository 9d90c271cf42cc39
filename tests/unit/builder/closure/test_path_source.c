#include "tests/check_store.h"

#include "builder/closure/path_source.h"
#include "schema/base/own.h"

#define D   CHECK_DIGEST
#define P   "/nix/store/" D
#define SRI "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

/* The same two paths, in each of the shapes. */
static const struct {
    enum path_source_kind kind;
    const char *text;
    bool has_hashes;
} shapes[] = {
    { PATH_SOURCE_REGISTRATION,
      P "-b\n" CHECK_HASH_HEX "\n100\n\n0\n" P "-a\n" CHECK_HASH_HEX "\n100\n\n1\n" P "-b\n",
      true },
    { PATH_SOURCE_GRAPH, P "-a\n\n1\n" P "-b\n" P "-b\n\n0\n", false },
    { PATH_SOURCE_GRAPH,
      "[{\"path\":\"" P "-a\",\"narHash\":\"" SRI "\",\"narSize\":100,\"references\":[\"" P
      "-b\"]},"
      "{\"path\":\"" P "-b\",\"narHash\":\"" SRI "\",\"narSize\":100,\"references\":[]}]",
      true },
    { PATH_SOURCE_PATH_INFO,
      "{\"" P "-a\":{\"narHash\":\"" SRI "\",\"narSize\":100,\"references\":[\"" P "-b\"]},"
      "\"" P "-b\":{\"narHash\":\"" SRI "\",\"narSize\":100,\"references\":[]}}",
      true },
};

static bool read_source(enum path_source_kind kind, const char *text, struct arena *arena,
                        struct known_paths *ret_known)
{
    check_file("source", str_from(text));
    struct path_source source = { kind,
                                  arena_format(arena, "%s/source", check_directory_path()).data };
    return path_source_read(&source, STR("/nix/store"), arena, ret_known, check_error);
}

static void every_shape_tells_the_same(struct arena arena)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct known_paths known = { 0 };
        check_about("shape %zu", i);
        if (!CHECK_DONE(read_source(shapes[i].kind, shapes[i].text, &arena, &known)) ||
            !CHECK_NUMBER(known.paths.count, 2))
            continue;
        CHECK(known.has_hashes == shapes[i].has_hashes);
        CHECK_STR(known.paths.items[0].base, D "-a");
        CHECK_NUMBER(known.paths.items[0].reference_count, 1);
        CHECK_NUMBER(known.paths.items[0].references[0], 1);
        CHECK_NUMBER(known.paths.items[0].nar_size_bytes, shapes[i].has_hashes ? 100 : 0);
    }
}

static void another_shape_is_refused_by_name(struct arena arena)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct known_paths known = { .file = "untouched" };
        check_about("shape %zu", i);
        CHECK(!read_source(shapes[i].kind, "nonsense\n", &arena, &known));
        CHECK(str_starts(str_from(check_error->sentence),
                         arena_format(&arena, "load %s/source: ", check_directory_path())));
        CHECK_STR(known.file, "untouched");
    }
}

static void a_file_that_is_not_there_is_refused(struct arena arena)
{
    struct known_paths known;
    struct path_source source = { PATH_SOURCE_GRAPH, "/no/where" };
    CHECK_REFUSED(path_source_read(&source, STR("/nix/store"), &arena, &known, check_error),
                  "open /no/where: No such file or directory");
}

static void standard_input_has_a_name(struct arena arena)
{
    struct known_paths known = { 0 };
    struct path_source source = { PATH_SOURCE_REGISTRATION, "-" };
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    check_file("input", STR("x\n"));
    int input = openat(check_directory(), "input", O_RDONLY | O_CLOEXEC);
    dup2(input, STDIN_FILENO);
    close(input);
    CHECK(!path_source_read(&source, STR("/nix/store"), &arena, &known, check_error));
    CHECK(str_starts(str_from(check_error->sentence), STR("load standard input: line 1: ")));
    dup2(saved, STDIN_FILENO);
    close(saved);
}

int main(void)
{
    return CHECK_ALL(CASE(every_shape_tells_the_same), CASE(another_shape_is_refused_by_name),
                     CASE(a_file_that_is_not_there_is_refused), CASE(standard_input_has_a_name));
}
