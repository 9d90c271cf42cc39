/* A system's boot.json; the first line of the input is the specialisation that is asked for. */
#include "tests/fuzz/fuzz.h"

#include "schema/boot/boot_spec_json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct cut cut = str_cut(fuzz_text(data, size), '\n');
    struct boot_spec_json spec;
    struct error error;
    bool found;
    const char *name = cut.head.len > 0 ? arena_copy(&arena, cut.head).data : NULL;
    if (!boot_spec_json_parse(cut.tail, name, &arena, &spec, &found, &error)) {
        fuzz_must(error.sentence[0] != '\0', "a refusal has a sentence");
        return 0;
    }
    fuzz_must(!found || (spec.init[0] == '/' && spec.kernel[0] == '/' && spec.toplevel[0] == '/' &&
                         strlen(spec.params.data) == spec.params.len),
              "what is found is whole");
    return 0;
}
