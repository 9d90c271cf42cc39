/* check_http.h — servers without a network: what http.h does, done by the test program that includes this, once.
 *
 * Each request gets the next answer of a list, and whatever follows the list the whole file. So a case can make each
 * system call fail, and none of libcurl's.
 */
#pragma once

#include "tests/check_pinned.h"

#include "units/fetch/http.h"

/* How many bytes of the file come: all that are left, or so many. The first may be wrong. */
enum { CHECK_HTTP_ALL = -1 };

struct check_http_answer {
    enum http_outcome outcome; /* where no bytes come; otherwise it follows from them */
    int byte_count;
    bool is_wrong;
};

static struct {
    const struct check_pinned *pinned;
    const struct check_http_answer *answers;
    size_t answer_count;
    bool is_missing; /* the library */
    /* What was asked. */
    size_t request_count;
    struct str certificates;
    const char *url;
} check_http;

bool http_load(struct error *error)
{
    return !check_http.is_missing || error_set(error, "load what is missing");
}

static enum http_outcome check_http_send(struct stream *stream, struct http_source *source,
                                         struct check_http_answer answer, struct error *error)
{
    bool is_verity = str_ends(str_from(source->url), STR(VERITY_SUFFIX));
    struct str file = is_verity ? check_http.pinned->verity : check_http.pinned->image;
    struct str rest = str_skip(file, (size_t)stream->kept_bytes);
    if (answer.byte_count >= 0 && rest.len > (size_t)answer.byte_count)
        rest.len = (size_t)answer.byte_count;
    stream_begin(stream, stream->kept_bytes);
    if (!answer.is_wrong || stream_take(stream, "wrong", 5))
        stream_take(stream, rest.data + 5 * answer.is_wrong, rest.len - 5 * answer.is_wrong);
    switch (stream_settle(stream, &source->end, error)) {
    case STREAM_WRONG:
        return HTTP_WRONG;
    case STREAM_FAILED:
        return HTTP_FAILED;
    case STREAM_GOOD:
        break;
    }
    if (stream->kept_bytes == stream->size_bytes)
        return HTTP_WHOLE;
    error_set(error, "too short");
    return HTTP_SHORT;
}

enum http_outcome http_get(const struct http_settings *settings, struct http_source *source,
                           struct stream *stream, struct error *error)
{
    struct check_http_answer answer = { .byte_count = CHECK_HTTP_ALL };
    if (check_http.request_count < check_http.answer_count)
        answer = check_http.answers[check_http.request_count];
    check_http.request_count++;
    check_http.certificates = settings->certificates;
    check_http.url = source->url;
    settings->tick(settings->tick_context);
    if (answer.byte_count != 0)
        return check_http_send(stream, source, answer, error);
    error_set(error, "the test says so");
    return answer.outcome;
}
