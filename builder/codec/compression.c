#include "builder/codec/compression.h"

bool compression_parse(struct str text, struct compression *ret_compression, struct error *error)
{
    static const struct {
        const char *name;
        enum compression_kind kind;
        int level_default;
        uint64_t level_least, level_most;
    } known[] = {
        { "gzip", COMPRESSION_GZIP, 9, 1, 12 },
        { "lz4", COMPRESSION_LZ4, 0, 1, 12 },
        { "xz", COMPRESSION_XZ, 6, 0, 9 },
        { "zstd", COMPRESSION_ZSTD, 19, 1, 22 },
    };
    struct cut cut = str_cut(text, ':');
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint64_t level = (uint64_t)known[i].level_default;
        if (!str_equal(cut.head, str_from(known[i].name)))
            continue;
        if (cut.found &&
            (!str_to_number(cut.tail, known[i].level_most, &level) || level < known[i].level_least))
            return error_set(error, "'%.*s': %s has no such level", STR_ARG(text), known[i].name);
        *ret_compression = (struct compression){ known[i].kind, (int)level };
        return true;
    }
    return error_set(error, "'%.*s': compression is gzip, lz4, xz or zstd", STR_ARG(text));
}
