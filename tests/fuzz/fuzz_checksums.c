/* SHA256SUMS: what is read can be written, and reads the same again. */
#include "builder/output/checksums.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct checksums sums, again;
    struct error error;
    if (!fuzz_done(checksums_parse(fuzz_text(data, size), &arena, &sums, &error), &error))
        return 0;
    struct str text = checksums_format(sums.items, sums.count, &arena);
    fuzz_must(checksums_parse(text, &arena, &again, &error), "what was written can be read");
    fuzz_same(checksums_format(again.items, again.count, &arena), text, "it is the same again");
    for (size_t i = 0; i < sums.count; i++)
        fuzz_must(checksums_find(&again, sums.items[i].name) == &again.items[i], "each is found");
    return 0;
}
