/* A tree's boot.json: what is read can be written, and reads the same again. */
#include "builder/tree/tree_description.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct tree_description description, again;
    struct str text = STR(""), second = STR("");
    struct error error;
    if (!fuzz_done(tree_description_parse(fuzz_text(data, size), &arena, &description, &error),
                   &error))
        return 0;
    fuzz_must(tree_description_format(&description, &arena, &text, &error) &&
                  tree_description_parse(text, &arena, &again, &error) &&
                  tree_description_format(&again, &arena, &second, &error),
              "what was written can be read");
    fuzz_same(second, text, "it is the same again");
    return 0;
}
