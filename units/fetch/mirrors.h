/* mirrors.h — which server is asked next, and when.
 *
 * Order    Mirrors are asked in their order. One that fails for now is asked again after a while, the
 *          others meanwhile; the first one that need not wait comes first.
 * Wait     1 s after the first failure, doubled after each further one, up to 30 s, or as long as the
 *          server asked for. Of each wait a random part of up to a half is left out, so that machines
 *          that lost their power together do not come back together. A part of the file that arrives
 *          ends the series.
 * Slow     A mirror that sends little, but more than nothing, is left for one that has not failed at
 *          this file. If there is none, it is waited for: something comes.
 * Final    A mirror without the file (404, 403, another size) is not asked for this file again; one
 *          that sent wrong bytes, not for any file. If all are out, fetching has failed.
 * Time     Milliseconds of a clock that is never set.
 */
#pragma once

#include "units/fetch/http.h"

struct mirror {
    struct http_source source; /* for the current file */
    const char *base;          /* its directory, with '/' at the end */
    uint64_t next_ms;          /* when it may be asked again */
    uint64_t short_end;        /* where the last body ended too early; UINT64_MAX: none did */
    unsigned failures;         /* in a row */
    const char *out;           /* why it is not asked any more; null: it is */
    bool is_wrong;             /* its bytes were wrong: it stays out */
};

struct mirror_list {
    struct mirror *items;
    size_t count;
};

/* A new file is wanted: of each mirror, `name` below its directory. If `url` is not null, there is
 * one mirror, and that is its URL. The arena holds the URLs. */
void mirrors_begin(struct mirror_list *mirrors, const char *name, const char *url,
                   struct arena *arena);

/* Returns the mirror to ask now, with *ret_wait_ms 0; or null, if all that are not out must wait for
 * *ret_wait_ms; or null and UINT64_MAX, if all are out. */
struct mirror *mirrors_next(const struct mirror_list *mirrors, uint64_t now_ms,
                            uint64_t *ret_wait_ms);

/* How many bytes a second must come from the mirror? */
unsigned mirror_least_rate(const struct mirror_list *mirrors, const struct mirror *mirror,
                           const struct fetch_limits *limits);

/* The mirror failed for now. `random` is any number. Returns how long it waits, in milliseconds. */
uint64_t mirror_wait(struct mirror *mirror, const struct fetch_limits *limits, uint64_t now_ms,
                     uint32_t random);

/* The mirror is out, for this file, or, if its bytes were wrong, for all. */
void mirror_leave(struct mirror *mirror, bool is_wrong, const char *sentence, struct arena *arena);

/* Lists why each mirror is out: "URL: SENTENCE; URL: SENTENCE". */
struct str mirrors_reasons(const struct mirror_list *mirrors, struct arena *arena);
