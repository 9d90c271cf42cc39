#include "tests/check.h"
#include "tests/check_pinned.h"

#include "schema/base/own.h"
#include "units/fetch/stream.h"

#include <string.h>

/* What the check says, and what it has seen. */
static uint64_t wrong_offset, failing_offset;

static enum stream_state check_offset(const struct stream *stream, uint64_t offset,
                                      struct str bytes, struct error *error)
{
    (void)stream, (void)bytes;
    if (offset == wrong_offset)
        error_set(error, "wrong at %llu", (unsigned long long)offset);
    if (offset == failing_offset)
        error_set(error, "failed at %llu", (unsigned long long)offset);
    return offset == wrong_offset     ? STREAM_WRONG
           : offset == failing_offset ? STREAM_FAILED
                                      : STREAM_GOOD;
}

static struct stream begin(int target, uint64_t size_bytes, struct arena *arena)
{
    wrong_offset = failing_offset = UINT64_MAX;
    return (struct stream){ .target = { target, "target" },
                            .size_bytes = size_bytes,
                            .check = check_offset,
                            .room = arena_room(arena, STREAM_ROOM_BYTES) };
}

/* Takes bytes in pieces of odd sizes. */
static bool take(struct stream *stream, struct str bytes)
{
    for (size_t at = 0, size = 1; at < bytes.len; at += size, size = size * 7 % 99991 + 1) {
        if (size > bytes.len - at)
            size = bytes.len - at;
        if (!stream_take(stream, bytes.data + at, size))
            return false;
    }
    return true;
}

static struct str make_bytes(size_t size, struct arena *arena)
{
    char *bytes = arena_room(arena, size);
    check_noise(bytes, size, size);
    return (struct str){ bytes, size };
}

static void what_arrives_is_kept(struct arena arena)
{
    cleanup(own_close) int target = check_pinned_file();
    struct str bytes = make_bytes(5 * VERITY_SPAN_BYTES + 4096, &arena);
    cleanup(stream_close) struct stream stream = begin(target, bytes.len, &arena);
    uint64_t end;
    CHECK_DONE(stream_open(&stream, check_error));
    stream_begin(&stream, 0);
    CHECK(take(&stream, bytes));
    CHECK_NUMBER(stream_settle(&stream, &end, check_error), STREAM_GOOD);
    CHECK_NUMBER(stream.kept_bytes, bytes.len);
    CHECK_NUMBER(stream.received_bytes, bytes.len);
    CHECK_NUMBER(end, bytes.len);
    CHECK(check_pinned_is(target, bytes, arena));
}

static void bytes_behind_the_end_are_not_wanted(struct arena arena)
{
    cleanup(own_close) int target = check_pinned_file();
    struct str bytes = make_bytes(8192, &arena);
    cleanup(stream_close) struct stream stream = begin(target, 4096, &arena);
    uint64_t end;
    CHECK_DONE(stream_open(&stream, check_error));
    stream_begin(&stream, 0);
    CHECK(!stream_take(&stream, bytes.data, bytes.len));
    CHECK_NUMBER(stream_settle(&stream, &end, check_error), STREAM_GOOD);
    CHECK(check_pinned_is(target, (struct str){ bytes.data, 4096 }, arena));
}

/* The end of a body that is not a whole span is dropped; the next body continues there, or starts over. */
static void the_next_body_continues(struct arena arena)
{
    cleanup(own_close) int target = check_pinned_file();
    struct str bytes = make_bytes(3 * VERITY_SPAN_BYTES, &arena);
    cleanup(stream_close) struct stream stream = begin(target, bytes.len, &arena);
    uint64_t end;
    CHECK_DONE(stream_open(&stream, check_error));
    stream_begin(&stream, 0);
    CHECK(take(&stream, (struct str){ bytes.data, VERITY_SPAN_BYTES + 777 }));
    CHECK_NUMBER(stream_settle(&stream, &end, check_error), STREAM_GOOD);
    CHECK_NUMBER(end, VERITY_SPAN_BYTES + 777);
    CHECK_NUMBER(stream.kept_bytes, VERITY_SPAN_BYTES);
    stream_begin(&stream, VERITY_SPAN_BYTES);
    CHECK(take(&stream, (struct str){ bytes.data + VERITY_SPAN_BYTES, VERITY_SPAN_BYTES + 1 }));
    CHECK_NUMBER(stream_settle(&stream, &end, check_error), STREAM_GOOD);
    CHECK_NUMBER(stream.kept_bytes, 2 * VERITY_SPAN_BYTES);
    stream_begin(&stream, 0);
    CHECK(take(&stream, bytes));
    CHECK_NUMBER(stream_settle(&stream, &end, check_error), STREAM_GOOD);
    CHECK(check_pinned_is(target, bytes, arena));
}

static void nothing_after_a_wrong_span_is_kept(struct arena arena)
{
    cleanup(own_close) int target = check_pinned_file();
    struct str bytes = make_bytes(6 * VERITY_SPAN_BYTES, &arena);
    cleanup(stream_close) struct stream stream = begin(target, bytes.len, &arena);
    uint64_t end;
    wrong_offset = 2 * VERITY_SPAN_BYTES;
    CHECK_DONE(stream_open(&stream, check_error));
    stream_begin(&stream, 0);
    CHECK(!take(&stream, bytes));
    CHECK_NUMBER(stream_settle(&stream, &end, check_error), STREAM_WRONG);
    CHECK_STR((const char *)check_error->sentence, "wrong at 1048576");
    CHECK_NUMBER(stream.kept_bytes, 2 * VERITY_SPAN_BYTES);
    CHECK(stream.received_bytes <= (2 + STREAM_SPANS + 1) * VERITY_SPAN_BYTES);
    wrong_offset = UINT64_MAX;
    stream_begin(&stream, 2 * VERITY_SPAN_BYTES);
    CHECK(take(&stream, str_skip(bytes, 2 * VERITY_SPAN_BYTES)));
    CHECK_NUMBER(stream_settle(&stream, &end, check_error), STREAM_GOOD);
    CHECK(check_pinned_is(target, bytes, arena));
}

static void a_check_that_fails_ends_it(struct arena arena)
{
    cleanup(own_close) int target = check_pinned_file();
    struct str bytes = make_bytes(4 * VERITY_SPAN_BYTES, &arena);
    cleanup(stream_close) struct stream stream = begin(target, bytes.len, &arena);
    uint64_t end;
    failing_offset = VERITY_SPAN_BYTES;
    CHECK_DONE(stream_open(&stream, check_error));
    stream_begin(&stream, 0);
    CHECK(!take(&stream, bytes));
    CHECK_NUMBER(stream_settle(&stream, &end, check_error), STREAM_FAILED);
    CHECK_STR((const char *)check_error->sentence, "failed at 524288");
}

static void a_file_that_cannot_be_written_ends_it(struct arena arena)
{
    struct str bytes = make_bytes(4 * VERITY_SPAN_BYTES, &arena);
    cleanup(own_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    cleanup(stream_close) struct stream stream = begin(full, bytes.len, &arena);
    uint64_t end;
    CHECK_DONE(stream_open(&stream, check_error));
    stream_begin(&stream, 0);
    take(&stream, bytes);
    CHECK_NUMBER(stream_settle(&stream, &end, check_error), STREAM_FAILED);
    CHECK_STR((const char *)check_error->sentence, "write target: No space left on device");
    CHECK_NUMBER(stream.kept_bytes, 0);
}

int main(void)
{
    return CHECK_ALL(CASE(what_arrives_is_kept), CASE(bytes_behind_the_end_are_not_wanted),
                     CASE(the_next_body_continues), CASE(nothing_after_a_wrong_span_is_kept),
                     CASE(a_check_that_fails_ends_it), CASE(a_file_that_cannot_be_written_ends_it));
}
