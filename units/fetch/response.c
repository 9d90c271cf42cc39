#include "units/fetch/response.h"

#include <limits.h>
#include <string.h>

static struct str trim(struct str text)
{
    while (text.len > 0 && strchr(" \t", text.data[0]) && text.data[0] != '\0')
        text = str_skip(text, 1);
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]) &&
           text.data[text.len - 1] != '\0')
        text.len--;
    return text;
}

static bool is_named(struct str name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.data, wanted, name.len) == 0;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200". */
static void read_status(struct response *response, struct str line)
{
    uint64_t status;
    struct str code = str_cut(trim(str_cut(line, ' ').tail), ' ').head;
    *response = (struct response){ 0 };
    if (code.len == 3 && str_to_number(code, 999, &status))
        response->status = (unsigned)status;
}

/* "bytes 0-499/1234". The last byte is of no interest: how much comes is seen when it comes. */
static void read_range(struct response *response, struct str value)
{
    struct cut unit = str_cut(value, ' ');
    struct cut total = str_cut(trim(unit.tail), '/');
    struct cut range = str_cut(total.head, '-');
    uint64_t last;
    response->has_range = unit.found && is_named(unit.head, "bytes") && total.found &&
                          range.found && str_to_number(range.head, INT64_MAX, &response->first) &&
                          str_to_number(range.tail, INT64_MAX, &last) && last >= response->first;
    response->has_total =
        response->has_range && str_to_number(total.tail, INT64_MAX, &response->total_bytes);
}

/* A weak tag, W/"…", promises too little for If-Range. Only characters that a tag may have are sent
 * back. */
static void read_etag(struct response *response, struct str value)
{
    response->etag[0] = '\0';
    if (value.len < 2 || value.len > RESPONSE_ETAG_MAX || value.data[0] != '"' ||
        value.data[value.len - 1] != '"')
        return;
    for (size_t i = 1; i + 1 < value.len; i++)
        if (value.data[i] <= ' ' || value.data[i] > '~' || value.data[i] == '"')
            return;
    memcpy(response->etag, value.data, value.len);
    response->etag[value.len] = '\0';
}

void response_line(struct response *response, struct str line)
{
    if (str_starts(line, STR("HTTP/"))) {
        read_status(response, trim(line));
        return;
    }
    struct cut header = str_cut(line, ':');
    struct str value = trim(header.tail);
    uint64_t number;
    if (is_named(header.head, "content-length")) {
        response->has_length = str_to_number(value, INT64_MAX, &response->length_bytes);
    } else if (is_named(header.head, "content-range")) {
        read_range(response, value);
    } else if (is_named(header.head, "etag")) {
        read_etag(response, value);
    } else if (is_named(header.head, "retry-after")) {
        response->has_retry = str_to_number(value, UINT_MAX, &number);
        response->retry_seconds = response->has_retry ? (unsigned)number : 0;
    }
}

static enum response_verdict refuse(const struct response *response, struct error *error)
{
    static const unsigned temporary[] = { 408, 425, 429 };
    error_set(error, "the server answers %u", response->status);
    if (response->status >= 500)
        return RESPONSE_AGAIN;
    for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++)
        if (response->status == temporary[i])
            return RESPONSE_AGAIN;
    return RESPONSE_NEVER;
}

static enum response_verdict refuse_size(uint64_t found, uint64_t wanted, struct error *error)
{
    error_set(error, "the file there has %llu bytes, expected %llu", (unsigned long long)found,
              (unsigned long long)wanted);
    return RESPONSE_NEVER;
}

static enum response_verdict judge_part(const struct response *response,
                                        const struct response_wish *wish, uint64_t *ret_first,
                                        struct error *error)
{
    if (!response->has_range || response->first != wish->offset) {
        error_set(error, "the server sends another part of the file than it was asked for");
        return RESPONSE_NEVER;
    }
    if (response->has_total && response->total_bytes != wish->size_bytes)
        return refuse_size(response->total_bytes, wish->size_bytes, error);
    *ret_first = wish->offset;
    return RESPONSE_USE;
}

enum response_verdict response_judge(const struct response *response,
                                     const struct response_wish *wish, uint64_t *ret_first,
                                     struct error *error)
{
    switch (response->status) {
    case 200:
        if (response->has_length && response->length_bytes != wish->size_bytes)
            return refuse_size(response->length_bytes, wish->size_bytes, error);
        *ret_first = 0;
        return RESPONSE_USE;
    case 206:
        return judge_part(response, wish, ret_first, error);
    case 416:
        error_set(error, "the file there ends before byte %llu, expected %llu bytes",
                  (unsigned long long)wish->offset, (unsigned long long)wish->size_bytes);
        return RESPONSE_NEVER;
    default:
        return refuse(response, error);
    }
}
