#include "builder/codec/compression.h"

static const struct {
    const char *name;
    int level_default;
    uint64_t level_least, level_most;
} known[] = {
    [COMPRESSION_GZIP] = { "gzip", 9, 1, 12 },
    [COMPRESSION_LZ4] = { "lz4", 0, 1, 12 },
    [COMPRESSION_XZ] = { "xz", 6, 0, 9 },
    [COMPRESSION_ZSTD] = { "zstd", 19, 1, 22 },
};

bool compression_parse(struct str text, struct compression *ret_compression, struct error *error)
{
    struct cut cut = str_cut(text, ':');
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint64_t level = (uint64_t)known[i].level_default;
        if (!str_equal(cut.head, str_from(known[i].name)))
            continue;
        if (cut.found &&
            (!str_to_number(cut.tail, known[i].level_most, &level) || level < known[i].level_least))
            return error_set(error, "'%.*s' has no valid level: %s takes %llu to %llu",
                             STR_ARG(text), known[i].name, (unsigned long long)known[i].level_least,
                             (unsigned long long)known[i].level_most);
        *ret_compression = (struct compression){ (enum compression_kind)i, (int)level };
        return true;
    }
    return error_set(error, "'%.*s' is not a compression; known are gzip, lz4, xz and zstd",
                     STR_ARG(text));
}

struct str compression_format(const struct compression *compression, struct arena *arena)
{
    const char *name = known[compression->kind].name;
    if (compression->level < (int)known[compression->kind].level_least)
        return str_from(name); /* lz4's fast mode has no number */
    return arena_format(arena, "%s:%d", name, compression->level);
}
