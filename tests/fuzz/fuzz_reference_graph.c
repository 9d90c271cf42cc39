/* Graphs that Nix gives to a build, text or JSON. */
#include "tests/fuzz/fuzz.h"

#include "schema/nix/reference_graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct reference_graph graph;
    struct error error;
    if (!fuzz_done(
            reference_graph_parse(fuzz_text(data, size), STR("/nix/store"), &arena, &graph, &error),
            &error))
        return 0;
    for (size_t i = 0; i < graph.paths.count; i++)
        fuzz_must(path_list_find(&graph.paths, graph.paths.items[i].base) == i,
                  "a path is found where it is");
    return 0;
}
