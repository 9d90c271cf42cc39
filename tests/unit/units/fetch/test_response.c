#include "tests/check.h"

#include "units/fetch/response.h"

#include <string.h>

/* Reads lines that are separated by '|'. */
static struct response read_lines(const char *text)
{
    struct response response = { 0 };
    struct cut cut = { .tail = str_from(text), .found = true };
    while (cut.found) {
        cut = str_cut(cut.tail, '|');
        response_line(&response, cut.head);
    }
    return response;
}

static void a_status_line_starts_a_response(void)
{
    CHECK_NUMBER(read_lines("HTTP/1.1 200 OK\r\n").status, 200);
    CHECK_NUMBER(read_lines("HTTP/2 206 \r\n").status, 206);
    CHECK_NUMBER(read_lines("HTTP/1.1 xyz").status, 0);
    CHECK_NUMBER(read_lines("HTTP/1.1 2000 OK").status, 0);
    struct response response =
        read_lines("HTTP/1.1 302 Found|ETag: \"a\"|Content-Length: 7|HTTP/1.1 200 OK");
    CHECK(response.status == 200 && response.etag[0] == '\0' && !response.has_length);
}

static void names_of_headers_have_any_case(void)
{
    CHECK_NUMBER(read_lines("content-LENGTH:42").length_bytes, 42);
    CHECK_NUMBER(read_lines("Content-Length: \t 42 \r\n").length_bytes, 42);
    CHECK(!read_lines("X-Content-Length: 42").has_length);
}

static void a_malformed_number_counts_as_missing(void)
{
    static const char *const values[] = { "", "x", "-1", "1 2", "9223372036854775808", "1,1" };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char line[64];
        check_about("%s", values[i]);
        snprintf(line, sizeof line, "Content-Length: %s", values[i]);
        CHECK(!read_lines(line).has_length);
    }
}

static void a_range_has_first_and_total(void)
{
    struct response response = read_lines("Content-Range: bytes 100-199/1000");
    CHECK(response.has_range && response.has_total);
    CHECK_NUMBER(response.first, 100);
    CHECK_NUMBER(response.total_bytes, 1000);
    response = read_lines("Content-Range: Bytes 100-199/*");
    CHECK(response.has_range && !response.has_total);
}

static void a_malformed_range_counts_as_missing(void)
{
    static const char *const values[] = { "bytes */1000", "bytes 1-/1000", "bytes -5/1000",
                                          "bytes 9-8/10", "lines 1-2/3",   "bytes 1-2",
                                          "bytes=1-2/3",  "bytes 1 - 2/3" };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char line[64];
        check_about("%s", values[i]);
        snprintf(line, sizeof line, "Content-Range: %s", values[i]);
        CHECK(!read_lines(line).has_range);
    }
}

static void only_a_strong_and_plain_etag_is_used(void)
{
    CHECK_STR((const char *)read_lines("ETag: \"6-a:b\"").etag, "\"6-a:b\"");
    static const char *const values[] = { "W/\"a\"", "a",        "\"", "\"a\"b\"",
                                          "\"a b\"", "\"\x01\"", "" };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char line[64];
        check_about("%s", values[i]);
        snprintf(line, sizeof line, "ETag: \"old\"|ETag: %s", values[i]);
        CHECK_STR((const char *)read_lines(line).etag, "");
    }
    char line[300] = "ETag: \"";
    memset(line + 7, 'x', 250);
    line[257] = '"';
    CHECK_STR((const char *)read_lines(line).etag, "");
}

static void a_wait_is_in_seconds(void)
{
    CHECK_NUMBER(read_lines("Retry-After: 120").retry_seconds, 120);
    CHECK(!read_lines("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT").has_retry);
    CHECK(!read_lines("Retry-After: 4294967296").has_retry);
}

struct row {
    const char *lines;
    uint64_t offset;
    enum response_verdict verdict;
    uint64_t first;
    const char *sentence;
};

static void a_verdict_follows_from_the_headers(void)
{
    static const struct row rows[] = {
        { "HTTP/1.1 200 OK|Content-Length: 1000", 0, RESPONSE_USE, 0, NULL },
        { "HTTP/1.1 200 OK", 0, RESPONSE_USE, 0, NULL },
        { "HTTP/1.1 200 OK|Content-Length: 1000", 100, RESPONSE_USE, 0, NULL },
        { "HTTP/1.1 206 OK|Content-Range: bytes 100-999/1000", 100, RESPONSE_USE, 100, NULL },
        { "HTTP/1.1 206 OK|Content-Range: bytes 100-999/*", 100, RESPONSE_USE, 100, NULL },
        { "HTTP/1.1 200 OK|Content-Length: 999", 0, RESPONSE_NEVER, 0,
          "the file there has 999 bytes, expected 1000" },
        { "HTTP/1.1 206 OK|Content-Range: bytes 100-999/1001", 100, RESPONSE_NEVER, 0,
          "the file there has 1001 bytes, expected 1000" },
        { "HTTP/1.1 206 OK|Content-Range: bytes 99-999/1000", 100, RESPONSE_NEVER, 0,
          "the server sends another part of the file than it was asked for" },
        { "HTTP/1.1 206 OK", 100, RESPONSE_NEVER, 0,
          "the server sends another part of the file than it was asked for" },
        { "HTTP/1.1 416 X", 100, RESPONSE_NEVER, 0,
          "the file there ends before byte 100, expected 1000 bytes" },
        { "HTTP/1.1 404 X", 0, RESPONSE_NEVER, 0, "the server answers 404" },
        { "HTTP/1.1 403 X", 0, RESPONSE_NEVER, 0, "the server answers 403" },
        { "HTTP/1.1 204 X", 0, RESPONSE_NEVER, 0, "the server answers 204" },
        { "HTTP/1.1 408 X", 0, RESPONSE_AGAIN, 0, "the server answers 408" },
        { "HTTP/1.1 425 X", 0, RESPONSE_AGAIN, 0, "the server answers 425" },
        { "HTTP/1.1 429 X", 0, RESPONSE_AGAIN, 0, "the server answers 429" },
        { "HTTP/1.1 500 X", 0, RESPONSE_AGAIN, 0, "the server answers 500" },
        { "HTTP/1.1 503 X", 0, RESPONSE_AGAIN, 0, "the server answers 503" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct response response = read_lines(rows[i].lines);
        struct response_wish wish = { rows[i].offset, 1000 };
        uint64_t first = 0;
        check_about("%s", rows[i].lines);
        CHECK_NUMBER(response_judge(&response, &wish, &first, check_error), rows[i].verdict);
        CHECK_NUMBER(first, rows[i].first);
        if (rows[i].sentence)
            CHECK_STR((const char *)check_error->sentence, rows[i].sentence);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(a_status_line_starts_a_response), CASE(names_of_headers_have_any_case),
                     CASE(a_malformed_number_counts_as_missing), CASE(a_range_has_first_and_total),
                     CASE(a_malformed_range_counts_as_missing),
                     CASE(only_a_strong_and_plain_etag_is_used), CASE(a_wait_is_in_seconds),
                     CASE(a_verdict_follows_from_the_headers));
}
