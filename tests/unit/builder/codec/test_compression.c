#include "builder/codec/compression.h"
#include "tests/check.h"

static void each_compressor_has_its_levels_and_a_default(void)
{
    static const struct {
        const char *text;
        enum compression_kind kind;
        int level;
    } known[] = {
        { "gzip", COMPRESSION_GZIP, 9 },
        { "gzip:1", COMPRESSION_GZIP, 1 },
        { "gzip:12", COMPRESSION_GZIP, 12 },
        { "lz4", COMPRESSION_LZ4, 0 },
        { "lz4:12", COMPRESSION_LZ4, 12 },
        { "xz", COMPRESSION_XZ, 6 },
        { "xz:0", COMPRESSION_XZ, 0 },
        { "xz:9", COMPRESSION_XZ, 9 },
        { "zstd", COMPRESSION_ZSTD, 19 },
        { "zstd:022", COMPRESSION_ZSTD, 22 },
        { COMPRESSION_DEFAULT, COMPRESSION_ZSTD, 19 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct compression compression = { 0 };
        check_about("%s", known[i].text);
        CHECK_DONE(compression_parse(str_from(known[i].text), &compression, check_error));
        CHECK_NUMBER(compression.kind, known[i].kind);
        CHECK_NUMBER(compression.level, known[i].level);
    }
}

static void what_is_written_is_read_again(struct arena arena)
{
    static const char *const texts[] = { "gzip:12", "lz4", "lz4:1", "xz:0", "zstd:3" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct compression compression = { 0 };
        CHECK_DONE(compression_parse(str_from(texts[i]), &compression, check_error));
        CHECK_STR(compression_format(&compression, &arena), texts[i]);
    }
}

static void levels_beyond_are_refused(void)
{
    static const char *const wrong[][2] = {
        { "gzip:0", "'gzip:0' has no valid level: gzip takes 1 to 12" },
        { "gzip:13", "'gzip:13' has no valid level: gzip takes 1 to 12" },
        { "lz4:0", "'lz4:0' has no valid level: lz4 takes 1 to 12" },
        { "xz:10", "'xz:10' has no valid level: xz takes 0 to 9" },
        { "zstd:0", "'zstd:0' has no valid level: zstd takes 1 to 22" },
        { "zstd:", "'zstd:' has no valid level: zstd takes 1 to 22" },
        { "zstd:-1", "'zstd:-1' has no valid level: zstd takes 1 to 22" },
        { "zstd:1:2", "'zstd:1:2' has no valid level: zstd takes 1 to 22" },
        { "", "'' is not a compression; known are gzip, lz4, xz and zstd" },
        { "lzo", "'lzo' is not a compression; known are gzip, lz4, xz and zstd" },
        { "ZSTD", "'ZSTD' is not a compression; known are gzip, lz4, xz and zstd" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct compression compression = { .level = -7 };
        CHECK_REFUSED(compression_parse(str_from(wrong[i][0]), &compression, check_error),
                      wrong[i][1]);
        CHECK_NUMBER(compression.level, -7);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(each_compressor_has_its_levels_and_a_default),
                     CASE(what_is_written_is_read_again), CASE(levels_beyond_are_refused));
}
