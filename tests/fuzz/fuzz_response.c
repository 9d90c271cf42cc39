/* Headers of a response: whatever they say, what is used starts where bytes are wanted, and what is sent
 * back is a harmless tag. */
#include "tests/fuzz/fuzz.h"
#include "units/fetch/response.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct response response = { 0 };
    struct cut cut = { .tail = fuzz_text(data, size), .found = true };
    while (cut.found) {
        cut = str_cut(cut.tail, '\n');
        response_line(&response, cut.head);
    }
    size_t length = strnlen(response.etag, sizeof response.etag);
    fuzz_must(length <= RESPONSE_ETAG_MAX, "a tag has an end");
    for (size_t i = 0; i < length; i++)
        fuzz_must(response.etag[i] > ' ' && response.etag[i] <= '~', "a tag is printable");
    for (uint64_t offset = 0; offset < 3; offset++) {
        struct response_wish wish = { offset * 524288, 1 << 20 };
        struct error error = { "" };
        uint64_t first = UINT64_MAX;
        enum response_verdict verdict = response_judge(&response, &wish, &first, &error);
        if (!fuzz_done(verdict == RESPONSE_USE, &error))
            continue;
        fuzz_must(first == 0 || first == wish.offset, "it starts where it may");
        fuzz_must(response.status / 100 == 2, "only a success is used");
    }
    return 0;
}
