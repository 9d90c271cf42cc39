/* response.h — what the headers of an HTTP response say, as far as a pinned file needs it.
 *
 * Shape    The status line, then "Name: value" lines. Read are:
 *            Content-Length    bytes of the body
 *            Content-Range     bytes FIRST-LAST/TOTAL, where TOTAL may be '*'
 *            ETag              a strong one, for If-Range
 *            Retry-After       seconds. A date is ignored: the clock of a ramdisk may be wrong
 *          A value that is malformed counts as missing. A later line replaces an earlier one.
 * Source   RFC 9110, sections 8.6, 8.8.3, 10.2.3, 13.1.5 and 14.4.
 * Trust    None. Headers only decide where to put the body, whose bytes are checked one by one.
 */
#pragma once

#include "schema/base/str.h"

enum { RESPONSE_ETAG_MAX = 200 };

struct response {
    unsigned status; /* 0: no status line yet */
    bool has_length, has_range, has_total, has_retry;
    uint64_t length_bytes;
    uint64_t first, total_bytes; /* of Content-Range */
    unsigned retry_seconds;
    char etag[RESPONSE_ETAG_MAX + 1]; /* with its quotes; empty: none that can be used */
};

/* Reads one line, with or without its end. A status line starts a new response: redirects and
 * interim responses precede the one that counts. */
void response_line(struct response *response, struct str line);

enum response_verdict {
    RESPONSE_USE,   /* the body is the file, or its end */
    RESPONSE_AGAIN, /* the server may answer otherwise later */
    RESPONSE_NEVER, /* this server does not have the file */
};

/* What was asked for. */
struct response_wish {
    uint64_t offset;     /* of the first byte */
    uint64_t size_bytes; /* of the whole file */
};

/* Decides what a whole response means. If it is used, the body starts at *ret_first of the file,
 * which is 0 or the offset; else `error` says why not. */
enum response_verdict response_judge(const struct response *response,
                                     const struct response_wish *wish, uint64_t *ret_first,
                                     struct error *error);
