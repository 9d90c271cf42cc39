#include "builder/codec/block_record.h"
#include "builder/codec/compressor.h"
#include "tests/check.h"

#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <zstd.h>

static struct str record_of(const char *text, size_t block_bytes, struct arena *arena)
{
    struct compression compression = { 0 };
    struct str record = { 0 };
    CHECK_DONE(compression_parse(str_from(text), &compression, check_error));
    CHECK_DONE(block_record(&compression, block_bytes, arena, &record, check_error));
    return record;
}

static void it_names_settings_and_libraries(struct arena arena)
{
    const char *zstd = ZSTD_versionString();
    CHECK_STR(record_of("zstd:7", 1 << 20, &arena),
              arena_format(&arena, "code=%d size=1048576 compression=zstd:7 zstd=%s",
                           COMPRESSOR_CODE, zstd)
                  .data);
    CHECK_STR(record_of("lz4", 4096, &arena),
              arena_format(&arena, "code=%d size=4096 compression=lz4 lz4=%s", COMPRESSOR_CODE,
                           LZ4_versionString())
                  .data);
}

/* xz is asked only for what zstd makes smaller. */
static void it_names_what_tries_a_block_first(struct arena arena)
{
    CHECK_STR(record_of("xz:6", 1 << 20, &arena),
              arena_format(&arena, "code=%d size=1048576 compression=xz:6 xz=%s zstd=%s",
                           COMPRESSOR_CODE, lzma_version_string(), ZSTD_versionString())
                  .data);
}

/* libdeflate does not say its version, so what it does stands in for that. */
static void it_tells_libdeflates_levels_apart_by_what_they_make(struct arena arena)
{
    static const int levels[] = { 1, 2, 5, 8, 10 };
    struct str before = { 0 };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        int level = levels[i];
        struct str record = record_of(arena_format(&arena, "gzip:%d", level).data, 1 << 20, &arena);
        struct cut cut = str_cut_last(record, '-');
        CHECK(cut.found && cut.tail.len == 8);
        CHECK(str_ends(cut.head, STR("libdeflate=" LIBDEFLATE_VERSION_STRING)));
        CHECK(!str_equal(cut.tail, before));
        CHECK(str_equal(record,
                        record_of(arena_format(&arena, "gzip:%d", level).data, 1 << 20, &arena)));
        before = cut.tail;
    }
}

int main(void)
{
    return CHECK_ALL(CASE(it_names_settings_and_libraries), CASE(it_names_what_tries_a_block_first),
                     CASE(it_tells_libdeflates_levels_apart_by_what_they_make));
}
