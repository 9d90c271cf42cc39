#include "schema/nix/reference_graph.h"
#include "tests/check.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define STORE STR("/nix/store")
#define D     "0123456789abcdfghijklmnpqrsvwxyz"
#define A     D "-a"
#define B     D "-b"
#define C     D "-c"
#define DRV   D "-a.drv"
#define P     "/nix/store/"
#define ZEROS "sha256:0000000000000000000000000000000000000000000000000000"

static void references_are(const struct path_list *list, size_t item, const char *want,
                           struct arena arena)
{
    struct str text = STR("");
    const struct path_info *info = &list->items[item];
    for (size_t i = 0; i < info->reference_count; i++)
        text = arena_format(&arena, "%.*s%s%.*s", STR_ARG(text), i ? " " : "",
                            STR_ARG(list->names.names[info->references[i]]));
    CHECK_STR(text, want);
}

static void a_text_has_paths_derivers_and_references_but_no_hashes(struct arena arena)
{
    struct reference_graph graph;
    char text[] = P B "\n" P DRV "\n2\n" P B "\n" P A "\n" P A "\n\n0\n";
    if (!CHECK_DONE(reference_graph_parse(str_from(text), STORE, &arena, &graph, check_error)))
        return;
    memset(text, 'x', strlen(text)); /* nothing refers to it */
    const struct path_list *list = &graph.paths;
    CHECK(!graph.has_hashes);
    if (!CHECK_NUMBER(list->count, 2))
        return;
    CHECK_STR(list->items[0].base, A);
    CHECK_STR(list->items[0].deriver, "");
    references_are(list, 0, "", arena);
    CHECK_STR(list->items[1].base, B);
    CHECK_STR(list->items[1].deriver, DRV);
    references_are(list, 1, A " " B, arena);
    CHECK_NUMBER(list->items[1].nar_size_bytes, 0);
}

static void an_empty_text_is_an_empty_graph(struct arena arena)
{
    struct reference_graph graph;
    if (CHECK_DONE(reference_graph_parse(STR(""), STORE, &arena, &graph, check_error)))
        CHECK(graph.paths.count == 0 && !graph.has_hashes);
}

static void graphs_may_stand_behind_each_other_and_overlap(struct arena arena)
{
    struct reference_graph graph;
    struct str text = STR(P A "\n\n2\n" P A "\n" P B "\n" P B "\n\n0\n" P C "\n\n1\n" P A "\n" P A
                              "\n\n2\n" P B "\n" P A "\n" P B "\n\n0\n");
    if (!CHECK_DONE(reference_graph_parse(text, STORE, &arena, &graph, check_error)) ||
        !CHECK_NUMBER(graph.paths.count, 3))
        return;
    references_are(&graph.paths, 0, A " " B, arena);
    references_are(&graph.paths, 1, "", arena);
    references_are(&graph.paths, 2, A, arena);
}

static void json_tells_hashes_and_sizes(struct arena arena)
{
    /* As Nix 2.8.0, and as 2.32 writes it. */
    static const char *const texts[] = {
        "[{\"closureSize\":112,\"narHash\":\"" ZEROS "\",\"narSize\":112,\"path\":\"" P A
        "\",\"references\":[\"" P A "\"]}]",
        "[{\"closureSize\":112,\"narHash\":\"" ZEROS "\",\"narSize\":112,\"path\":\"" P A
        "\",\"references\":[\"" P A "\"],\"valid\":true}]",
        "{\"builder\":\"/bin/sh\",\"closure\":[{\"narHash\":\"" ZEROS
        "\",\"narSize\":112,\"path\":\"" P A "\",\"references\":[\"" P A "\"]}],"
        "\"exportReferencesGraph\":{\"closure\":[\"" P A "\"]},\"outputs\":{\"out\":\"" P B "\"}}",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct reference_graph graph;
        check_about("text %zu", i);
        if (!CHECK_DONE(
                reference_graph_parse(str_from(texts[i]), STORE, &arena, &graph, check_error)) ||
            !CHECK_NUMBER(graph.paths.count, 1))
            continue;
        CHECK(graph.has_hashes);
        CHECK_NUMBER(graph.paths.items[0].nar_size_bytes, 112);
        references_are(&graph.paths, 0, A, arena);
    }
}

static void what_is_wrong_is_refused_by_its_line(struct arena arena)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "\n", "line 1: '' is not an absolute path" },
        { "x\n", "line 1: 'x' is not an absolute path" },
        { P "x\n", "line 1: 'x' is too short to be a store path" },
        { "/gnu/store/" A "\n\n0\n",
          "line 1: '/gnu/store/" A "' is not a path in the store '/nix/store'" },
        { P A, "line 1: the text ends inside this line, the path" },
        { P A "\n", "line 2: the text ends where the deriver is expected" },
        { P A "\n" P DRV, "line 2: the text ends inside this line, the deriver" },
        { P A "\n\n", "line 3: the text ends where the reference count is expected" },
        { P A "\n\n0", "line 3: the text ends inside this line, the reference count" },
        { P A "\n\n1\n", "line 4: the text ends where the reference is expected" },
        { P A "\n\n2\n" P A "\n", "line 5: the text ends where the reference is expected" },
        { P A "\n\n2\n" P A "\n" P A, "line 5: the text ends inside this line, the reference" },
        { P A "\n\n\n", "line 3: reference count '' is not a number from 0 to 1073741824" },
        { P A "\n\n-1\n", "line 3: reference count '-1' is not a number from 0 to 1073741824" },
        { P A "\n\n1073741825\n",
          "line 3: reference count '1073741825' is not a number from 0 to 1073741824" },
        { P A "\n\n0\n\n", "line 4: '' is not an absolute path" },
        { P A "\r\n\r\n0\r\n", "line 1: store path '" A "\r' has an illegal byte in its name" },
        { P A "\n\r\n0\n", "line 2: '\r' is not an absolute path" },
        { P A "\n\n0\r\n", "line 3: reference count '0\r' is not a number from 0 to 1073741824" },
        { P A "\n/x/" DRV "\n0\n", "line 2: '/x/" DRV "' is not a path in the store '/nix/store'" },
        { P A "\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n120\n\n0\n",
          "line 2: a hash where the deriver is expected: this is a manifest, not a references "
          "graph" },
        { P A "\n\n1\n" P B "\n", "line 4: '" B "' is a reference, but has no record" },
        { P C "\n\n0\n" P A "\n\n2\n" P A "\n" P B "\n",
          "line 8: '" B "' is a reference, but has no record" },
        { P A "\n\n0\n" P A "\n\n1\n" P A "\n",
          "line 4: '" A "' contradicts its record on line 1" },
        { P B "\n\n0\n" P A "\n\n1\n" P A "\n" P A "\n\n1\n" P B "\n",
          "line 8: '" A "' contradicts its record on line 4" },
        { P A "\n\n0\n" P A "\n" P DRV "\n0\n",
          "line 4: '" A "' contradicts its record on line 1" },
        { "[{\"path\":\"" P A "\"", "it is not JSON, from byte 56 on" },
        { "{\"exportReferencesGraph\":{\"a\":[],\"b\":[]}}",
          "exportReferencesGraph has 2 graphs; one is expected" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reference_graph graph = { .paths.count = 77 };
        check_about("%s", rows[i].text);
        CHECK_REFUSED(
            reference_graph_parse(str_from(rows[i].text), STORE, &arena, &graph, check_error),
            rows[i].sentence);
        CHECK_NUMBER(graph.paths.count, 77);
    }
}

/* A prefix is refused, or is a graph of fewer paths that is closed: then it ends with a record. */
static void no_cut_graph_passes_for_a_whole_one(struct arena arena)
{
    struct str text =
        STR(P A "\n\n2\n" P A "\n" P C "\n" P B "\n" P DRV "\n1\n" P C "\n" P C "\n\n0\n");
    size_t accepted = 0;
    for (size_t length = 1; length < text.len; length++) {
        struct arena scratch = arena;
        struct reference_graph graph;
        accepted += reference_graph_parse((struct str){ text.data, length }, STORE, &scratch,
                                          &graph, check_error);
    }
    CHECK_NUMBER(accepted, 0);
}

int main(void)
{
    return CHECK_ALL(CASE(a_text_has_paths_derivers_and_references_but_no_hashes),
                     CASE(an_empty_text_is_an_empty_graph),
                     CASE(graphs_may_stand_behind_each_other_and_overlap),
                     CASE(json_tells_hashes_and_sizes), CASE(what_is_wrong_is_refused_by_its_line),
                     CASE(no_cut_graph_passes_for_a_whole_one));
}
