/* reporter.h — tells people and programs how fetching goes.
 *
 * Console  Standard output: a line each five seconds, and one for each event.
 * Journal  An entry with fields and a fixed MESSAGE_ID for each event, if standard error is a stream of
 *          the journal; otherwise the line goes there, and not to standard output. units/regd.catalog
 *          explains the ids, which never change.
 * Manager  STATUS=, as often as the line, with a request for more time.
 * File     ROOT/run/regd/fetch.json, written whole as often as the line: schema/boot/fetch_report.h.
 */
#pragma once

#include "units/fetch/limits.h"
#include "units/fetch/stream.h"

#include "schema/base/clock.h"
#include "schema/base/journal.h"

enum reporter_event {
    REPORTER_FETCHED,         /* all layers are there */
    REPORTER_CACHED,          /* a layer of the cache is used */
    REPORTER_CACHE_WRONG,     /* one there is not what it should be */
    REPORTER_CACHE_PRUNED,    /* old ones were removed to make room */
    REPORTER_AGAIN,           /* a request failed for now */
    REPORTER_NEVER,           /* a mirror is not asked any more */
    REPORTER_NO_CERTIFICATES, /* servers are not authenticated */
    REPORTER_FAILED,          /* the store cannot be had */
    REPORTER_EVENT_COUNT,
};

struct reporter_layer {
    const struct layer *layer;
    uint64_t kept_bytes;
    const char *from; /* null: nothing yet */
};

struct reporter {
    const struct fetch_limits *limits;
    struct arena *arena;
    int root; /* fetch.json is below it */
    struct reporter_layer *layers;
    size_t layer_count;

    uint64_t total_bytes; /* to fetch, with verity data; 0: not known yet */
    uint64_t done_bytes;  /* of files that are complete */
    uint64_t received_bytes;
    struct stream *stream; /* the current file; null: none */
    unsigned retries;
    const char *mirror;
    bool is_waiting;

    struct timespec start, shown;
    uint64_t shown_bytes;
};

/* Sets the time of the start. The first five members are set, the others zero. */
void reporter_start(struct reporter *report);

/* Reports progress, if it is time to. `context` is the report. */
void reporter_tick(void *context);

/* Reports an event. `fields` are for the journal, or null. */
void reporter_tell(struct reporter *report, enum reporter_event event,
                   const struct journal_entry *fields, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Reports that all is done, or, with an error, that it failed. `frame` is what the console gets
 * then. */
void reporter_done(struct reporter *report);
void reporter_failed(struct reporter *report, const struct error *error, struct str frame);
