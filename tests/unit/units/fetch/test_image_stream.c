#include "tests/check.h"
#include "tests/check_pinned.h"

#include "schema/base/own.h"
#include "units/fetch/stream.h"

#include <string.h>

/* Checks each span of an image, of which one byte may be wrong. Returns the offset of the first span that is. */
static uint64_t first_wrong(const struct check_pinned *pinned, int verity, size_t wrong,
                            struct arena arena)
{
    struct stream stream = { .layer = &pinned->layer, .verity = { verity, "verity" } };
    char *bytes = arena_room(&arena, pinned->image.len);
    memcpy(bytes, pinned->image.data, pinned->image.len);
    if (wrong < pinned->image.len)
        bytes[wrong] = (char)(bytes[wrong] ^ 1);
    for (size_t at = 0; at < pinned->image.len; at += VERITY_SPAN_BYTES) {
        size_t left = pinned->image.len - at;
        struct str span = { bytes + at, left < VERITY_SPAN_BYTES ? left : VERITY_SPAN_BYTES };
        if (image_stream_check(&stream, at, span, check_error) != STREAM_GOOD)
            return at;
    }
    return UINT64_MAX;
}

static void each_wrong_byte_is_found(struct arena arena)
{
    static const size_t sizes[] = { 4096, 8192, VERITY_SPAN_BYTES, VERITY_SPAN_BYTES + 4096,
                                    3 * VERITY_SPAN_BYTES - 4096 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena own = arena;
        struct check_pinned pinned = check_pinned_make(sizes[i], &own);
        cleanup(own_close) int verity = check_pinned_file();
        check_about("%zu bytes", sizes[i]);
        CHECK_DONE(file_write((struct file){ verity, "verity" }, pinned.verity.data,
                              pinned.verity.len, check_error));
        CHECK(first_wrong(&pinned, verity, SIZE_MAX, own) == UINT64_MAX);
        size_t places[] = { 0, sizes[i] / 2, sizes[i] - 1 };
        for (size_t j = 0; j < sizeof places / sizeof *places; j++)
            CHECK_NUMBER(first_wrong(&pinned, verity, places[j], own),
                         places[j] / VERITY_SPAN_BYTES * VERITY_SPAN_BYTES);
    }
}

static void the_sentence_has_the_place(struct arena arena)
{
    struct check_pinned pinned = check_pinned_make(2 * VERITY_SPAN_BYTES, &arena);
    cleanup(own_close) int verity = check_pinned_file();
    CHECK_DONE(file_write((struct file){ verity, "verity" }, pinned.verity.data, pinned.verity.len,
                          check_error));
    first_wrong(&pinned, verity, VERITY_SPAN_BYTES, arena);
    CHECK_STR((const char *)check_error->sentence,
              "the bytes from 524288 to 1048575 are not those that the root hash stands for");
}

int main(void)
{
    return CHECK_ALL(CASE(each_wrong_byte_is_found), CASE(the_sentence_has_the_place));
}
