/* Derivations: what is read has its parts in order, and each is found by its name. */
#include "tests/fuzz/fuzz.h"

#include "schema/nix/derivation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct derivation derivation;
    struct error error;
    if (!fuzz_done(derivation_parse(fuzz_text(data, size), &arena, &derivation, &error), &error))
        return 0;
    for (size_t i = 0; i < derivation.output_count; i++)
        fuzz_must(derivation_find_output(&derivation, derivation.outputs[i].name) != NULL,
                  "an output is found by its name");
    for (size_t i = 0; i < derivation.environment_count; i++)
        fuzz_must(derivation_find_variable(&derivation, derivation.environment[i].name) != NULL,
                  "a variable is found by its name");
    fuzz_must(!derivation_is_fixed(&derivation) || derivation.output_count == 1,
              "a fixed-output derivation has one output");
    return 0;
}
