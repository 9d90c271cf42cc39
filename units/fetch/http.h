/* http.h — gets the rest of a file by HTTP, with libcurl.
 *
 * Only http.c uses libcurl, which is loaded when it is first needed (library.h). It does what a
 * network needs: names, IPv6, proxies (of the environment: http_proxy, https_proxy, no_proxy), TLS,
 * HTTP/2, redirects. Redirects lead to http and https only, and are at most HTTP_REDIRECTS_MAX.
 *
 * Range    A file of which a part is there already is asked for from there on, with If-Range if the
 *          same server gave a strong ETag for it. A server that sends the whole file again is read
 *          from its beginning, and what is there is skipped.
 * TLS      What is fetched is pinned by its content, so a certificate proves nothing more. It is
 *          checked if the ramdisk has certificates of authorities.
 */
#pragma once

#include "units/fetch/limits.h"
#include "units/fetch/response.h"
#include "units/fetch/stream.h"

enum { HTTP_REDIRECTS_MAX = 5 };

struct http_settings {
    const struct fetch_limits *limits;
    struct str certificates; /* PEM; empty: servers are not authenticated */
    /* Called while waiting and receiving, several times a second. */
    void (*tick)(void *context);
    void *tick_context;
};

/* Loads libcurl. To be called once, before http_get. */
must_check bool http_load(struct error *error);

enum http_outcome {
    HTTP_WHOLE,  /* the file is complete */
    HTTP_AGAIN,  /* not now: the network, or a server that is busy or broken */
    HTTP_SHORT,  /* the body ended without an error, but too early */
    HTTP_NEVER,  /* this server does not have the file */
    HTTP_WRONG,  /* it sent bytes that are not the file's */
    HTTP_FAILED, /* nothing to do with the server: the file cannot be written, memory is exhausted */
};

struct http_source {
    const char *url;
    unsigned least_rate;              /* a slower transfer is given up; bytes per second */
    char etag[RESPONSE_ETAG_MAX + 1]; /* of the last response; empty: none */
    unsigned wait_seconds;            /* that the server asked for; 0: it did not */
    uint64_t end;                     /* where in the file its last body ended, if HTTP_SHORT */
};

/* Gets what the stream still lacks. `source` is updated. Unless the file is complete, `error` says
 * what happened. */
enum http_outcome http_get(const struct http_settings *settings, struct http_source *source,
                           struct stream *stream, struct error *error);
