/* Hashes in every spelling, store paths and content addresses, a line each. */
#include "tests/fuzz/fuzz.h"

#include "schema/nix/content_address.h"
#include "schema/nix/hash.h"
#include "schema/nix/store_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = { "flat", "nar", "git", "text" };
    for (struct cut cut = { .tail = fuzz_text(data, size), .found = true }; cut.found;) {
        struct arena arena = fuzz_arena();
        struct hash hash, again;
        struct error error;
        struct str base, base_again, text;
        cut = str_cut(cut.tail, '\n');
        if (fuzz_done(hash_parse(cut.head, &hash, &error), &error))
            fuzz_must(hash_parse(str_from(hash_to_hex(&hash).text), &again, &error) &&
                          hash_equal(&hash, &again),
                      "its hex digits are the hash");
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
            if (fuzz_done(
                    content_address_format(str_from(methods[i]), cut.head, &arena, &text, &error),
                    &error))
                fuzz_must(str_cut(text, ':').found, "a content address has a method");
        if (fuzz_done(store_path_parse(cut.head, STR("/nix/store"), &base, &error), &error)) {
            text = store_path_format(&arena, STR("/nix/store"), base);
            fuzz_must(store_path_parse(text, STR("/nix/store"), &base_again, &error),
                      "a store path is its directory and its name");
            fuzz_same(base_again, base, "its name is the same");
        }
    }
    return 0;
}
