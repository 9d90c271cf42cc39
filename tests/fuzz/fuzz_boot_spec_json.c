/* A system's boot.json; the first line of the input is the specialisation that is asked for. */
#include "tests/fuzz/fuzz.h"

#include "schema/boot/boot_spec_json.h"

#include <string.h>

/* An option may stand in for a part that is not there. */
static bool is_path(const char *text)
{
    return !text || text[0] == '/';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct cut cut = str_cut(fuzz_text(data, size), '\n');
    struct boot_spec_json spec;
    struct error error;
    const char *name = cut.head.len > 0 ? arena_copy(&arena, cut.head).data : NULL;
    if (!fuzz_done(boot_spec_json_parse(cut.tail, name, &arena, &spec, &error), &error))
        return 0;
    if (!spec.toplevel)
        return 0;
    fuzz_must(is_path(spec.init) && is_path(spec.kernel) && spec.toplevel[0] == '/',
              "what is a path is absolute");
    fuzz_must(!spec.params.data || strlen(spec.params.data) == spec.params.len,
              "parameters are terminated");
    return 0;
}
