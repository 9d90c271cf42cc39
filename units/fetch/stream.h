/* stream.h — a file that arrives in pieces, of which only what is right is kept.
 *
 * The bytes are collected into spans of VERITY_SPAN_BYTES. A second thread checks each span while the
 * first one receives the next; the first one then writes it to the file. What a server sends before
 * the end of a span, or after a wrong one, is dropped. So everything up to `kept_bytes` is right, from
 * whatever server it came, and the next server continues there.
 *
 * Memory   STREAM_SPANS spans; the file itself is on its file system only.
 * Cost     When a connection is lost, at most one span is received again; after a wrong byte, STREAM_SPANS.
 */
#pragma once

#include "schema/base/file.h"
#include "schema/boot/layers.h"

#include <pthread.h>

/* One is filled while one is checked; the third evens out their speeds. */
enum { STREAM_SPANS = 3, STREAM_ROOM_BYTES = STREAM_SPANS * VERITY_SPAN_BYTES };

enum stream_state {
    STREAM_GOOD,
    STREAM_WRONG,  /* bytes did not match; `reason` says which */
    STREAM_FAILED, /* bytes could not be read or written; `reason` says why */
};

struct stream;

/* Checks a span that starts at `offset` of the file. Runs in the second thread. */
typedef enum stream_state stream_check(const struct stream *stream, uint64_t offset,
                                       struct str bytes, struct error *error);

enum stream_stage { STREAM_FREE, STREAM_FULL, STREAM_CHECKED };

struct stream_span {
    enum stream_stage stage;
    char *bytes;
    size_t size_bytes;
    uint64_t offset;
};

struct stream {
    /* Set by the caller. */
    const struct layer *layer;
    struct file target; /* what is right is written there */
    struct file verity; /* of an image: its checked verity data */
    uint64_t size_bytes;
    stream_check *check;
    bool check_writes; /* the check itself writes a span, because it reads it again */
    char *room;        /* STREAM_ROOM_BYTES */

    /* Of the receiving thread. */
    uint64_t skip_bytes;     /* of the body: they are there already */
    uint64_t received_bytes; /* of all bodies */
    uint64_t kept_bytes;
    size_t filled_bytes, filling; /* of the span that is being filled, and its index */

    /* Shared by both threads, under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct stream_span spans[STREAM_SPANS];
    enum stream_state state;
    struct error reason;
    bool is_closing;

    pthread_t checker;
    bool is_open;
};

/* Starts the second thread. The first seven members are set as far as they apply, the others zero. */
must_check bool stream_open(struct stream *stream, struct error *error);

/* Stops the thread. For `cleanup`. */
void stream_close(struct stream *stream);

/* A body begins, with byte `first` of the file, which must not be behind what is kept. */
void stream_begin(struct stream *stream, uint64_t first);

/* Takes the next bytes of the body. Returns false if no more are wanted: the file is complete, or
 * something is wrong. */
bool stream_take(struct stream *stream, const char *bytes, size_t size_bytes);

/* The body is at its end. Waits until what it brought is checked, writes it, and drops the rest.
 * Returns the state; if it is STREAM_WRONG, the next body may be better, and *ret_reason says what was
 * wrong. *ret_end is where the body ended, in the file. */
enum stream_state stream_settle(struct stream *stream, uint64_t *ret_end, struct error *ret_reason);

/* The two kinds of files. The check of verity data writes. */
stream_check verity_stream_check, image_stream_check;
