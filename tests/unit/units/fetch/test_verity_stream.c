#include "tests/check.h"
#include "tests/check_pinned.h"

#include "schema/base/own.h"
#include "units/fetch/stream.h"

#include <string.h>

/* Three levels: 129 * 128 blocks of data need 129 leaves, 2 blocks above, 1 on top. */
static const size_t deep_bytes = (size_t)129 * 128 * 4096;

static enum stream_state check_with(const struct check_pinned *pinned, size_t wrong, int target,
                                    struct arena arena)
{
    struct stream stream = { .layer = &pinned->layer, .target = { target, "target" } };
    char *bytes = arena_room(&arena, pinned->verity.len);
    memcpy(bytes, pinned->verity.data, pinned->verity.len);
    if (wrong < pinned->verity.len)
        bytes[wrong] = (char)(bytes[wrong] ^ 1);
    enum stream_state state = STREAM_GOOD;
    for (size_t at = 0; at < pinned->verity.len && state == STREAM_GOOD; at += VERITY_SPAN_BYTES) {
        size_t left = pinned->verity.len - at;
        struct str span = { bytes + at, left < VERITY_SPAN_BYTES ? left : VERITY_SPAN_BYTES };
        state = verity_stream_check(&stream, at, span, check_error);
    }
    return state;
}

static void the_data_is_written(struct arena arena)
{
    static const size_t sizes[] = { 4096, 8192, VERITY_SPAN_BYTES + 4096, 129 * 128 * 4096 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena own = arena;
        struct check_pinned pinned = check_pinned_make(sizes[i], &own);
        cleanup(own_close) int target = check_pinned_file();
        check_about("%zu bytes", sizes[i]);
        CHECK_NUMBER(check_with(&pinned, SIZE_MAX, target, own), STREAM_GOOD);
        CHECK(check_pinned_is(target, pinned.verity, own));
    }
}

/* A byte of the superblock, of each level, and of the NULs behind the hashes of a level. */
static void each_wrong_byte_is_found(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(deep_bytes, &arena);
    cleanup(own_close) int target = check_pinned_file();
    CHECK_NUMBER(pinned.layer.shape.level_count, 3);
    static const size_t places[] = { 0, 4095, 4096, 8191, 8192, 12288, 16384, 600000 };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char sentence[128];
        size_t place = places[i] < pinned.verity.len ? places[i] : pinned.verity.len - 1;
        check_about("byte %zu", place);
        CHECK_NUMBER(check_with(&pinned, place, target, arena), STREAM_WRONG);
        snprintf(sentence, sizeof sentence,
                 "the hash block at byte %zu is not the one that the root hash stands for",
                 place / 4096 * 4096);
        CHECK_STR((const char *)check_error->sentence, (const char *)sentence);
    }
}

static void a_file_that_cannot_be_written_is_no_fault_of_the_server(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(8192, &arena);
    cleanup(own_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK_NUMBER(check_with(&pinned, SIZE_MAX, full, arena), STREAM_FAILED);
}

int main(void)
{
    return CHECK_ALL(CASE(the_data_is_written), CASE(each_wrong_byte_is_found),
                     CASE(a_file_that_cannot_be_written_is_no_fault_of_the_server));
}
