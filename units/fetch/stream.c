#include "units/fetch/stream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* --- The checking thread ------------------------------------------------------------------------ */

/* Waits for a span to be full. Returns false if it never will be. */
static bool wait_full(struct stream *stream, const struct stream_span *span)
{
    pthread_mutex_lock(&stream->lock);
    while (span->stage != STREAM_FULL && !stream->is_closing)
        pthread_cond_wait(&stream->changed, &stream->lock);
    bool is_full = span->stage == STREAM_FULL;
    pthread_mutex_unlock(&stream->lock);
    return is_full;
}

/* Spans after a wrong one are not checked: something is missing before them. */
static void check_span(struct stream *stream, struct stream_span *span)
{
    struct error error;
    struct str bytes = { span->bytes, span->size_bytes };
    enum stream_state state = stream->state;
    if (state == STREAM_GOOD)
        state = stream->check(stream, span->offset, bytes, &error);
    pthread_mutex_lock(&stream->lock);
    if (state != STREAM_GOOD && stream->state == STREAM_GOOD)
        stream->reason = error;
    stream->state = state;
    span->stage = state == STREAM_GOOD ? STREAM_CHECKED : STREAM_FREE;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
}

static void *run_checker(void *context)
{
    struct stream *stream = context;
    for (size_t i = 0; wait_full(stream, &stream->spans[i]); i = (i + 1) % STREAM_SPANS)
        check_span(stream, &stream->spans[i]);
    return NULL;
}

/* --- The receiving thread ----------------------------------------------------------------------- */

bool stream_open(struct stream *stream, struct error *error)
{
    assert(stream->check && stream->room && stream->size_bytes > 0 && !stream->is_open);
    for (size_t i = 0; i < STREAM_SPANS; i++)
        stream->spans[i].bytes = stream->room + i * VERITY_SPAN_BYTES;
    pthread_mutex_init(&stream->lock, NULL);
    pthread_cond_init(&stream->changed, NULL);
    int code = pthread_create(&stream->checker, NULL, run_checker, stream);
    stream->is_open = code == 0;
    return code == 0 || error_errno(error, code, "start a thread");
}

void stream_close(struct stream *stream)
{
    if (!stream->is_open)
        return;
    pthread_mutex_lock(&stream->lock);
    stream->is_closing = true;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
    pthread_join(stream->checker, NULL);
    stream->is_open = false;
}

void stream_begin(struct stream *stream, uint64_t first)
{
    assert(first <= stream->kept_bytes && stream->filled_bytes == 0);
    stream->skip_bytes = stream->kept_bytes - first;
    stream->spans[stream->filling].offset = stream->kept_bytes;
}

/* Waits until the span is checked, if it is full, and writes it. Returns the state of the stream; if
 * that is good, the span is free. */
static enum stream_state empty_span(struct stream *stream, struct stream_span *span)
{
    struct error error;
    pthread_mutex_lock(&stream->lock);
    while (span->stage == STREAM_FULL)
        pthread_cond_wait(&stream->changed, &stream->lock);
    enum stream_state state = stream->state;
    bool is_checked = span->stage == STREAM_CHECKED;
    span->stage = STREAM_FREE;
    pthread_mutex_unlock(&stream->lock);
    if (!is_checked || state == STREAM_FAILED)
        return state;
    if (!stream->check_writes &&
        !file_write_at(stream->target, span->bytes, span->size_bytes, span->offset, &error)) {
        pthread_mutex_lock(&stream->lock);
        stream->reason = error;
        state = stream->state = STREAM_FAILED;
        pthread_mutex_unlock(&stream->lock);
        return state;
    }
    stream->kept_bytes = span->offset + span->size_bytes;
    return state;
}

static enum stream_state look(struct stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    enum stream_state state = stream->state;
    pthread_mutex_unlock(&stream->lock);
    return state;
}

/* The span is full. Its place is taken by the next one, once that is free. */
static enum stream_state hand_over(struct stream *stream)
{
    struct stream_span *span = &stream->spans[stream->filling];
    stream->filling = (stream->filling + 1) % STREAM_SPANS;
    struct stream_span *next = &stream->spans[stream->filling];
    pthread_mutex_lock(&stream->lock);
    span->size_bytes = stream->filled_bytes;
    span->stage = STREAM_FULL;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
    stream->filled_bytes = 0;
    enum stream_state state = empty_span(stream, next);
    next->offset = span->offset + span->size_bytes;
    return state;
}

/* Returns how many of the bytes are there already. */
static size_t skip(struct stream *stream, size_t size_bytes)
{
    size_t skipped = stream->skip_bytes < size_bytes ? (size_t)stream->skip_bytes : size_bytes;
    stream->skip_bytes -= skipped;
    return skipped;
}

bool stream_take(struct stream *stream, const char *bytes, size_t size_bytes)
{
    stream->received_bytes += size_bytes;
    size_t at = skip(stream, size_bytes);
    enum stream_state state = look(stream);
    while (at < size_bytes && state == STREAM_GOOD) {
        struct stream_span *span = &stream->spans[stream->filling];
        uint64_t left = stream->size_bytes - span->offset;
        size_t whole = left < VERITY_SPAN_BYTES ? (size_t)left : VERITY_SPAN_BYTES;
        size_t room = whole - stream->filled_bytes;
        size_t taken = size_bytes - at < room ? size_bytes - at : room;
        if (left == 0)
            return false;
        memcpy(span->bytes + stream->filled_bytes, bytes + at, taken);
        stream->filled_bytes += taken;
        at += taken;
        if (stream->filled_bytes == whole)
            state = hand_over(stream);
    }
    return state == STREAM_GOOD;
}

enum stream_state stream_settle(struct stream *stream, uint64_t *ret_end, struct error *ret_reason)
{
    enum stream_state state = STREAM_GOOD;
    *ret_end = stream->spans[stream->filling].offset + stream->filled_bytes - stream->skip_bytes;
    stream->filled_bytes = 0;
    for (size_t i = 1; i <= STREAM_SPANS; i++)
        state = empty_span(stream, &stream->spans[(stream->filling + i) % STREAM_SPANS]);
    if (state != STREAM_GOOD)
        *ret_reason = stream->reason;
    if (state == STREAM_WRONG)
        stream->state = STREAM_GOOD;
    return state;
}
