/* fetch_report.h — what regd-fetch says of its work, for `regd status` and for monitoring.
 *
 * Shape    /run/regd/fetch.json, an object that is replaced as a whole while the layers are fetched:
 *            version    1
 *            state      "fetching", "done" or "failed"
 *            seconds    since regd-fetch started
 *            bytes      received, of all servers
 *            retries    how often a request failed for a time
 *            mirror     the URL that was asked last, or null
 *            error      why it failed; missing otherwise
 *            layers     a list, topmost first, of objects:
 *              name       nix-store.squashfs, nix-store.1.squashfs ...
 *              rootHash   64 hex digits
 *              size       bytes of the image
 *              kept       bytes of it that are there, and right
 *              from       where they are from: "cache", a URL, or null if there are none
 *          /run moves to the booted system, so the file does.
 */
#pragma once

#include "schema/base/json.h"
#include "schema/nix/hash.h"

#define FETCH_REPORT_PATH  "/run/regd/fetch.json"
#define FETCH_REPORT_CACHE "cache"

enum { FETCH_REPORT_BYTES_MAX = 1 << 20 };

enum fetch_state { FETCH_RUNNING, FETCH_DONE, FETCH_FAILED };

struct fetch_report_layer {
    const char *name;
    struct hash root;
    uint64_t size_bytes;
    uint64_t kept_bytes;
    const char *from; /* FETCH_REPORT_CACHE, a URL, or null */
};

struct fetch_report {
    enum fetch_state state;
    double seconds;
    uint64_t received_bytes;
    uint64_t retry_count;
    const char *mirror; /* or null */
    const char *error;  /* or null */
    struct fetch_report_layer *layers;
    size_t layer_count;
};

/* Parses the file; the texts are copies in the arena. Refuses another version, a missing member, and
 * one of the wrong type or out of its range. Other members are ignored. */
must_check bool fetch_report_parse(struct str text, struct arena *arena,
                                   struct fetch_report *ret_report, struct error *error);

/* Makes the object. */
cJSON *fetch_report_json(const struct fetch_report *report);
