/* Manifests: what is read can be written, and reads the same again; and dependencies have an order. */
#include "tests/fuzz/fuzz.h"

#include "schema/nix/manifest.h"
#include "schema/nix/path_order.h"

static void write_list(FILE *stream, const void *value)
{
    manifest_write(stream, value, STR("/nix/store"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct path_list list = { 0 }, again = { 0 };
    struct error error;
    if (!fuzz_done(manifest_parse(fuzz_text(data, size), STR("/nix/store"), &arena, &list, &error),
                   &error))
        return 0;
    path_list_normalise(&list, arena);
    struct path_cycle cycle =
        path_order_find(&list, arena, arena_new(&arena, uint32_t, list.count));
    fuzz_must(!cycle.found || cycle.from < list.count, "a cycle is one of listed paths");
    struct str written = fuzz_written(write_list, &list, &arena);
    fuzz_must(manifest_parse(written, STR("/nix/store"), &arena, &again, &error),
              "what was written can be read");
    path_list_normalise(&again, arena);
    fuzz_same(fuzz_written(write_list, &again, &arena), written, "it is the same again");
    return 0;
}
