#include "units/fetch/http.h"

#include "schema/base/library.h"
#include "schema/base/own.h"
#include "schema/nix/digest.h"

#include <assert.h>
#include <curl/curl.h>
#include <string.h>

#define LIBCURL "libcurl.so.4"

/* What libcurl reads from a connection at once, and the most that a callback gets. */
enum { RECEIVE_BYTES = 256 << 10 };

/* Of all headers of a request, with those of redirects, and of the texts that come with redirects. Servers send
 * about one kilobyte of each. */
enum { HEADERS_BYTES_MAX = 256 << 10, REDIRECT_BYTES_MAX = 256 << 10 };

/* The functions of the library, once it is loaded. */
static struct {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_easy_init) init;
    __typeof__(&curl_easy_cleanup) free;
    __typeof__(&curl_easy_setopt) setopt;
    __typeof__(&curl_easy_perform) perform;
    __typeof__(&curl_easy_strerror) strerror;
    __typeof__(&curl_slist_append) slist_append;
    __typeof__(&curl_slist_free_all) slist_free;
} curl;

/* One request. */
struct transfer {
    const struct http_settings *settings;
    struct stream *stream;
    struct response_wish wish;
    struct response response;
    size_t header_bytes;
    bool is_judged, has_long_redirect;
    enum response_verdict verdict;
    struct error reason; /* if the response is not used */
    char curl_reason[CURL_ERROR_SIZE];
};

/* --- Loading ------------------------------------------------------------------------------------ */

static bool load(struct error *error)
{
    struct {
        void *address;
        const char *symbol;
    } const functions[] = {
        { &curl.global_init, "curl_global_init" },   { &curl.init, "curl_easy_init" },
        { &curl.free, "curl_easy_cleanup" },         { &curl.setopt, "curl_easy_setopt" },
        { &curl.perform, "curl_easy_perform" },      { &curl.strerror, "curl_easy_strerror" },
        { &curl.slist_append, "curl_slist_append" }, { &curl.slist_free, "curl_slist_free_all" },
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *found = library_find(LIBCURL, functions[i].symbol);
        if (!found)
            return error_set(error, "load %s", library_reason());
        memcpy(functions[i].address, &found, sizeof found);
    }
    return true;
}

/* libcrypto takes its memory from digest.c, which must have told it so before libcurl uses it. */
bool http_load(struct error *error)
{
    digest_sha256(STR(""));
    if (!load(error))
        return false;
    return curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ||
           error_set(error, "out of memory: " LIBCURL " could not start");
}

static void own_free_handle(CURL **handle)
{
    if (*handle)
        curl.free(*handle);
}

static void own_free_headers(struct curl_slist **headers)
{
    curl.slist_free(*headers);
}

/* --- Receiving ---------------------------------------------------------------------------------- */

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    transfer->header_bytes += size * count;
    if (transfer->header_bytes > HEADERS_BYTES_MAX)
        return 0;
    response_line(&transfer->response, (struct str){ bytes, size * count });
    return size * count;
}

/* Decides, at its end or its first byte, what to do with the body. */
static void judge(struct transfer *transfer)
{
    uint64_t first;
    transfer->is_judged = true;
    transfer->verdict =
        response_judge(&transfer->response, &transfer->wish, &first, &transfer->reason);
    if (transfer->verdict == RESPONSE_USE)
        stream_begin(transfer->stream, first);
}

/* To return another number than that of the bytes ends the transfer. */
static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    if (!transfer->is_judged)
        judge(transfer);
    if (transfer->verdict != RESPONSE_USE || !stream_take(transfer->stream, bytes, size * count))
        return size * count == 0;
    return size * count;
}

static int tick(void *context, curl_off_t total, curl_off_t now, curl_off_t upload_total,
                curl_off_t upload_now)
{
    struct transfer *transfer = context;
    (void)total, (void)upload_total, (void)upload_now;
    transfer->settings->tick(transfer->settings->tick_context);
    /* libcurl reads the text of a redirect to its end, and passes it to nobody. */
    transfer->has_long_redirect = transfer->response.status / 100 == 3 && now > REDIRECT_BYTES_MAX;
    return transfer->has_long_redirect;
}

/* --- Asking ------------------------------------------------------------------------------------- */

static bool set_limits(CURL *handle, const struct fetch_limits *limits, unsigned least_rate)
{
    return curl.setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl.setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl.setopt(handle, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_ms) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_LOW_SPEED_LIMIT, (long)least_rate) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)limits->stall_seconds) == CURLE_OK;
}

static bool set_callbacks(CURL *handle, struct transfer *transfer)
{
    return curl.setopt(handle, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_XFERINFOFUNCTION, tick) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_XFERINFODATA, transfer) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_ERRORBUFFER, transfer->curl_reason) == CURLE_OK;
}

static bool set_trust(CURL *handle, struct str certificates)
{
    struct curl_blob blob = { (void *)certificates.data, certificates.len, CURL_BLOB_NOCOPY };
    if (certificates.len > 0)
        return curl.setopt(handle, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
    return curl.setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
           curl.setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
}

static bool set_request(CURL *handle, const struct http_source *source, uint64_t offset,
                        struct curl_slist **headers)
{
    char text[RESPONSE_ETAG_MAX + 32];
    if (curl.setopt(handle, CURLOPT_URL, source->url) != CURLE_OK ||
        curl.setopt(handle, CURLOPT_USERAGENT, "regd-fetch/" REGD_VERSION) != CURLE_OK)
        return false;
    if (offset == 0)
        return true;
    snprintf(text, sizeof text, "%llu-", (unsigned long long)offset);
    if (curl.setopt(handle, CURLOPT_RANGE, text) != CURLE_OK)
        return false;
    if (source->etag[0] == '\0')
        return true;
    snprintf(text, sizeof text, "If-Range: %s", source->etag);
    *headers = curl.slist_append(NULL, text);
    return *headers && curl.setopt(handle, CURLOPT_HTTPHEADER, *headers) == CURLE_OK;
}

/* --- What came of it ---------------------------------------------------------------------------- */

/* Failures that waiting does not mend are few; everything else is the network's. */
static enum http_outcome outcome_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
        return HTTP_NEVER;
    case CURLE_OUT_OF_MEMORY:
        return HTTP_FAILED;
    case CURLE_OK:
        return HTTP_SHORT;
    default:
        return HTTP_AGAIN;
    }
}

static enum http_outcome conclude(struct transfer *transfer, CURLcode code, uint64_t *ret_end,
                                  struct error *error)
{
    struct stream *stream = transfer->stream;
    bool is_response = transfer->is_judged || code == CURLE_OK;
    if (!transfer->is_judged && is_response)
        judge(transfer);
    switch (stream_settle(stream, ret_end, error)) {
    case STREAM_WRONG:
        return HTTP_WRONG;
    case STREAM_FAILED:
        return HTTP_FAILED;
    case STREAM_GOOD:
        break;
    }
    if (stream->kept_bytes == stream->size_bytes)
        return HTTP_WHOLE;
    if (is_response && transfer->verdict != RESPONSE_USE) {
        *error = transfer->reason;
        return transfer->verdict == RESPONSE_AGAIN ? HTTP_AGAIN : HTTP_NEVER;
    }
    /* The status line has come, and no header after it can be kept: since it is longer than libcurl allows. If
     * memory is exhausted, the next request says so. */
    if (code == CURLE_OUT_OF_MEMORY && transfer->response.status != 0) {
        error_set(error, "a header is too long");
        return HTTP_AGAIN;
    }
    if (transfer->has_long_redirect)
        error_set(error, "the text of a redirect is longer than %d KiB", REDIRECT_BYTES_MAX >> 10);
    else if (transfer->header_bytes > HEADERS_BYTES_MAX)
        error_set(error, "the headers are longer than %d KiB", HEADERS_BYTES_MAX >> 10);
    else if (code == CURLE_OK)
        error_set(error, "the file ends after %llu bytes, expected %llu",
                  (unsigned long long)*ret_end, (unsigned long long)stream->size_bytes);
    else
        error_set(error, "%s",
                  transfer->curl_reason[0] ? transfer->curl_reason : curl.strerror(code));
    return outcome_of(code);
}

static bool set_all(CURL *handle, struct transfer *transfer, const struct http_source *source,
                    struct curl_slist **headers)
{
    return set_limits(handle, transfer->settings->limits, source->least_rate) &&
           set_callbacks(handle, transfer) && set_trust(handle, transfer->settings->certificates) &&
           set_request(handle, source, transfer->wish.offset, headers);
}

/* Each request has a handle of its own, because libcurl keeps things in one: the addresses of names,
 * which may have been wrong, and, after a name was not found, a buffer (7.88). */
enum http_outcome http_get(const struct http_settings *settings, struct http_source *source,
                           struct stream *stream, struct error *error)
{
    cleanup(own_free_headers) struct curl_slist *headers = NULL;
    cleanup(own_free_handle) CURL *handle = curl.init();
    struct transfer transfer = { .settings = settings, .stream = stream };
    transfer.wish = (struct response_wish){ stream->kept_bytes, stream->size_bytes };
    assert(transfer.wish.offset < transfer.wish.size_bytes);
    if (!handle || !set_all(handle, &transfer, source, &headers)) {
        error_set(error, LIBCURL " refuses an option: it is too old, or memory is exhausted");
        return HTTP_FAILED;
    }
    CURLcode code = curl.perform(handle);
    source->wait_seconds = transfer.response.has_retry ? transfer.response.retry_seconds : 0;
    enum http_outcome outcome = conclude(&transfer, code, &source->end, error);
    if (transfer.is_judged && transfer.verdict == RESPONSE_USE)
        memcpy(source->etag, transfer.response.etag, sizeof source->etag);
    return outcome;
}
