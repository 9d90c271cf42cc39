#include "tests/check.h"
#include "tests/check_pinned.h"

#include "schema/base/library.h"
#include "schema/base/own.h"
#include "units/fetch/http.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const struct fetch_limits limits = { .connect_ms = 20000,
                                            .stall_seconds = 60,
                                            .stall_rate = 1 };

static void tick(void *context)
{
    (void)context;
}

static const struct http_settings settings = { .limits = &limits, .tick = tick };

/* --- libcurl, of which a function may be missing, and an option refused --------------------------- */

static const char *missing = "";
static size_t options, refused;
static int (*set_option)(void *handle, int option, ...);

/* Each takes one value, a number or a pointer. */
static int refuse_one(void *handle, int option, ...)
{
    va_list arguments;
    va_start(arguments, option);
    void *value = va_arg(arguments, void *);
    va_end(arguments);
    return ++options == refused ? 48 : set_option(handle, option, value);
}

void *library_find(const char *soname, const char *symbol)
{
    void *library = dlopen(soname, RTLD_NOW);
    void *found = library && strcmp(symbol, missing) != 0 ? dlsym(library, symbol) : NULL;
    if (strcmp(symbol, "curl_easy_setopt") != 0 || !found)
        return found;
    memcpy(&set_option, &found, sizeof found);
    return (void *)refuse_one;
}

const char *library_reason(void)
{
    return "what is missing";
}

/* --- A server ----------------------------------------------------------------------------------- */

/* A server that gives one answer, and keeps the request. */
struct server {
    int listener;
    char url[64];
    struct str headers, body;
    char request[4096];
    pthread_t thread;
};

static void *answer(void *context)
{
    struct server *server = context;
    size_t length = 0;
    cleanup(own_close) int connection = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    while (length + 1 < sizeof server->request && !strstr(server->request, "\r\n\r\n")) {
        ssize_t got =
            read(connection, server->request + length, sizeof server->request - 1 - length);
        if (got <= 0)
            return NULL;
        length += (size_t)got;
    }
    send(connection, server->headers.data, server->headers.len, MSG_NOSIGNAL);
    for (size_t at = 0; at < server->body.len;) {
        ssize_t sent =
            send(connection, server->body.data + at, server->body.len - at, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        at += (size_t)sent;
    }
    return NULL;
}

static void start(struct server *server, const char *headers, struct str body)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    *server = (struct server){ .headers = str_from(headers), .body = body };
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    CHECK(bind(server->listener, (struct sockaddr *)&address, size) == 0 &&
          listen(server->listener, 1) == 0 &&
          getsockname(server->listener, (struct sockaddr *)&address, &size) == 0);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u/f", ntohs(address.sin_port));
    CHECK(pthread_create(&server->thread, NULL, answer, server) == 0);
}

static void stop(struct server *server)
{
    pthread_join(server->thread, NULL);
    close(server->listener);
}

static enum stream_state check_good(const struct stream *stream, uint64_t offset, struct str bytes,
                                    struct error *error)
{
    (void)stream, (void)offset;
    if (bytes.data[0] != '!')
        return STREAM_GOOD;
    error_set(error, "wrong");
    return STREAM_WRONG;
}

/* Gets a file of 8 bytes. */
static enum http_outcome get(const char *headers, const char *body, struct http_source *source,
                             struct server *server, struct arena arena)
{
    cleanup(own_close) int target = check_pinned_file();
    cleanup(stream_close) struct stream stream = { .target = { target, "target" },
                                                   .size_bytes = 8,
                                                   .check = check_good,
                                                   .room = arena_room(&arena, STREAM_ROOM_BYTES) };
    CHECK_DONE(http_load(check_error));
    CHECK_DONE(stream_open(&stream, check_error));
    start(server, headers, str_from(body));
    source->url = server->url;
    enum http_outcome outcome = http_get(&settings, source, &stream, check_error);
    stop(server);
    if (outcome == HTTP_WHOLE)
        CHECK(check_pinned_is(target, (struct str){ body, 8 }, arena));
    return outcome;
}

struct row {
    const char *headers, *body;
    enum http_outcome outcome;
    const char *sentence; /* its end */
};

static void the_outcome_says_what_to_do_next(struct arena arena)
{
    static const struct row rows[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", "12345678", HTTP_WHOLE, NULL },
        { "HTTP/1.1 200 OK\r\n\r\n", "12345678", HTTP_WHOLE, NULL },
        { "HTTP/1.1 200 OK\r\n\r\n", "12345678more", HTTP_WHOLE, NULL },
        { "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", "!2345678", HTTP_WRONG, "wrong" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "123456789", HTTP_NEVER,
          "the file there has 9 bytes, expected 8" },
        { "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n", "no", HTTP_NEVER,
          "the server answers 404" },
        { "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "", HTTP_NEVER,
          "the server answers 404" },
        { "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "", HTTP_AGAIN,
          "the server answers 503" },
        { "HTTP/1.1 200 OK\r\n\r\n", "1234567", HTTP_SHORT,
          "the file ends after 7 bytes, expected 8" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", "1234567", HTTP_AGAIN, "" },
        { "", "", HTTP_AGAIN, "Empty reply from server" },
        { "HTTP/1.1 302 X\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "",
          HTTP_NEVER, "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_source source = { 0 };
        struct server server;
        check_about("%s%s", rows[i].headers, rows[i].body);
        CHECK_NUMBER(get(rows[i].headers, rows[i].body, &source, &server, arena), rows[i].outcome);
        if (rows[i].sentence)
            CHECK(str_ends(str_from(check_error->sentence), str_from(rows[i].sentence)));
    }
}

static void a_source_learns_from_the_answer(struct arena arena)
{
    struct http_source source = { 0 };
    struct server server;
    get("HTTP/1.1 200 OK\r\nETag: \"a\"\r\n\r\n", "1234", &source, &server, arena);
    CHECK_STR((const char *)source.etag, "\"a\"");
    CHECK_NUMBER(source.end, 4);
    CHECK(!strstr(server.request, "Range:"));
    get("HTTP/1.1 429 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", "", &source, &server,
        arena);
    CHECK_NUMBER(source.wait_seconds, 7);
    CHECK_STR((const char *)source.etag, "\"a\"");
}

static void the_rest_is_asked_for(struct arena arena)
{
    cleanup(own_close) int target = check_pinned_file();
    cleanup(stream_close) struct stream stream = { .target = { target, "target" },
                                                   .size_bytes = 8,
                                                   .kept_bytes = 6,
                                                   .check = check_good,
                                                   .room = arena_room(&arena, STREAM_ROOM_BYTES) };
    struct server server;
    CHECK_DONE(http_load(check_error));
    CHECK_DONE(stream_open(&stream, check_error));
    start(&server, "HTTP/1.1 206 Part\r\nContent-Range: bytes 6-7/8\r\nContent-Length: 2\r\n\r\n",
          STR("78"));
    struct http_source source = { .url = server.url, .etag = "\"a\"" };
    CHECK_NUMBER(http_get(&settings, &source, &stream, check_error), HTTP_WHOLE);
    stop(&server);
    CHECK(strstr(server.request, "Range: bytes=6-\r\n") &&
          strstr(server.request, "If-Range: \"a\"\r\n"));
    CHECK_NUMBER(stream.received_bytes, 2);
}

static void headers_without_an_end_are_given_up(struct arena arena)
{
    char *headers = arena_alloc(&arena, 600001, 1);
    struct http_source source = { 0 };
    struct server server;
    size_t length = (size_t)snprintf(headers, 100, "HTTP/1.1 200 OK\r\n");
    while (length < 600000 - 200)
        length += (size_t)snprintf(headers + length, 200, "X: %0100d\r\n", 0);
    CHECK_NUMBER(get(headers, "", &source, &server, arena), HTTP_AGAIN);
    CHECK_STR((const char *)check_error->sentence, "the headers are longer than 256 KiB");
}

static void without_libcurl_there_is_a_sentence(void)
{
    static const char *const symbols[] = { "curl_global_init", "curl_easy_setopt",
                                           "curl_slist_free_all" };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        missing = symbols[i];
        CHECK_REFUSED(http_load(check_error), "load what is missing");
    }
    missing = "";
}

/* One that were passed by would take a transfer's limits or its trust away. */
static void no_option_is_passed_by(struct arena arena)
{
    const struct http_settings each[] = {
        settings,
        { .limits = &limits, .tick = tick, .certificates = STR("x") },
    };
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        bool is_refused = true;
        for (refused = 1; is_refused; refused++) {
            cleanup(own_close) int target = check_pinned_file();
            struct arena scratch = arena;
            cleanup(stream_close) struct stream stream = {
                .target = { target, "target" },
                .size_bytes = 8,
                .kept_bytes = 6,
                .check = check_good,
                .room = arena_room(&scratch, STREAM_ROOM_BYTES),
            };
            struct http_source source = { .url = "http://127.0.0.1:1/f", .etag = "\"a\"" };
            check_about("option %zu", refused);
            CHECK_DONE(http_load(check_error));
            CHECK_DONE(stream_open(&stream, check_error));
            options = 0;
            enum http_outcome outcome = http_get(&each[i], &source, &stream, check_error);
            is_refused = options == refused;
            if (!is_refused)
                CHECK_NUMBER(outcome, HTTP_AGAIN);
            else if (CHECK_NUMBER(outcome, HTTP_FAILED))
                CHECK_STR((const char *)check_error->sentence,
                          "libcurl.so.4 refuses an option: it is too old, or memory is exhausted");
        }
        CHECK(refused > 20);
        refused = 0;
    }
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    return CHECK_ALL(CASE(the_outcome_says_what_to_do_next), CASE(a_source_learns_from_the_answer),
                     CASE(the_rest_is_asked_for), CASE(headers_without_an_end_are_given_up),
                     CASE(without_libcurl_there_is_a_sentence), CASE(no_option_is_passed_by));
}
