/* A report of regd-fetch. Whatever it says, what is made of it is read again as the same. */
#include "tests/fuzz/fuzz.h"

#include "schema/base/own.h"
#include "schema/boot/fetch_report.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct fetch_report report, again;
    struct error error;
    if (!fuzz_done(fetch_report_parse(fuzz_text(data, size), &arena, &report, &error), &error))
        return 0;
    cleanup(json_free) cJSON *root = fetch_report_json(&report);
    char *text = json_spell(root, JSON_COMPACT);
    fuzz_must(text && fetch_report_parse(str_from(text), &arena, &again, &error),
              "what is written is read");
    fuzz_must(again.received_bytes == report.received_bytes &&
                  again.layer_count == report.layer_count && again.state == report.state,
              "and means the same");
    cJSON_free(text);
    return 0;
}
