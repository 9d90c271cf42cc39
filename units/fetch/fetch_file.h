/* fetch_file.h — fetches one file from whichever mirror has it, however long it takes.
 *
 * A mirror that fails for now is asked again later, see mirrors.h; what it sent before stays. Each such failure
 * is told with the reporter, and so is a mirror that is not asked again.
 */
#pragma once

#include "units/fetch/mirrors.h"
#include "units/fetch/reporter.h"

/* What fetching needs, for all files. */
struct fetching {
    struct reporter *report;
    struct http_settings settings;
    struct mirror_list mirrors;
    struct arena *arena;
    char *room; /* STREAM_ROOM_BYTES */
};

/* Fetches what the stream lacks; its `room` is set here. Fails if no mirror has the file, or if it cannot be
 * written. */
must_check bool fetch_file(struct fetching *fetching, struct stream *stream, struct error *error);
