/* Nix's JSON of store paths: what is read can be written, and reads the same again. It is read in an
 * arena of the size that is promised to be enough. */
#include "tests/fuzz/fuzz.h"

#include "schema/nix/path_info_json.h"
#include "schema/nix/path_info_json_write.h"

struct written {
    const struct path_list *list;
    struct arena scratch;
};

static void write_list(FILE *stream, const void *value)
{
    const struct written *written = value;
    path_info_json_write(stream, written->list, STR("/nix/store"), written->scratch);
}

static struct str write_again(const struct path_list *list, struct arena *arena)
{
    struct written written = { list, *arena };
    return fuzz_written(write_list, &written, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena whole = fuzz_arena();
    struct arena arena = arena_split(&whole, path_info_json_room(size));
    struct path_list list, again;
    struct error error;
    if (!fuzz_done(
            path_info_json_parse(fuzz_text(data, size), STR("/nix/store"), &arena, &list, &error),
            &error))
        return 0;
    arena = whole;
    struct str text = write_again(&list, &arena);
    fuzz_must(path_info_json_parse(text, STR("/nix/store"), &arena, &again, &error),
              "what was written can be read");
    fuzz_same(write_again(&again, &arena), text, "it is the same again");
    return 0;
}
