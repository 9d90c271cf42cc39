/* findings.h — what a verification of a store or an image found wrong, and how it is reported.
 *
 * Shape    One line each on standard output, "KIND: SUBJECT: TEXT"; a text that begins with the
 *          subject stands alone. Or one JSON object: "paths" and "ok", how many were verified and how many of
 *          them are as they should be, and an array for each kind that was looked for.
 * Limits   Whoever made what is verified can make any number of things wrong in it. All are counted, and
 *          the first FINDINGS_KEPT_MAX of a kind are kept, in FINDINGS_BYTES_MAX: a line for each kind, or
 *          the object "omitted", says how many others there were.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/nix/hash.h"

#include <cjson/cJSON.h>

enum finding_kind {
    FINDING_MISMATCHED,
    FINDING_WRONG_SIZE,
    FINDING_MISSING,
    FINDING_UNREADABLE,
    FINDING_STRAY,
    FINDING_NOT_CLOSED,
    FINDING_DISAGREEING,
    FINDING_METADATA,
    FINDING_LAYOUT,
    FINDING_ODD_ROW, /* of a database */
    FINDING_KIND_COUNT
};

/* More than anybody reads; paths that are lost by the ten thousand are seen by their number. */
enum { FINDINGS_KEPT_MAX = 10000, FINDINGS_BYTES_MAX = 128 << 20 };

/* Sets of kinds: bit 1 << KIND. */
enum {
    FINDING_KINDS_OF_IMAGE = (1 << FINDING_ODD_ROW) - 1,
    FINDING_KINDS_OF_STORE = (1 << (FINDING_STRAY + 1)) - 1 + (1 << FINDING_ODD_ROW),
};

struct finding {
    enum finding_kind kind;
    struct str subject, text;
    struct hash expected, found;          /* of MISMATCHED */
    uint64_t expected_bytes, found_bytes; /* of WRONG_SIZE */
};

struct findings {
    struct arena arena; /* of its own: subjects and texts are copied */
    struct finding *items;
    size_t count, capacity; /* of what is kept */
    size_t counts[FINDING_KIND_COUNT], kept[FINDING_KIND_COUNT];
};

/* None yet; the room for them is taken off the arena's end. */
struct findings findings_start(struct arena *arena);

/* Subjects and texts may be the caller's temporaries. */
void findings_add(struct findings *findings, enum finding_kind kind, struct str subject,
                  struct str text);
void findings_add_hash(struct findings *findings, struct str subject, const struct hash *expected,
                       const struct hash *found);
void findings_add_size(struct findings *findings, struct str subject, uint64_t expected_bytes,
                       uint64_t found_bytes);

/* Orders them: by subject, those of the layout last. */
void findings_sort(struct findings *findings);

void findings_print(const struct findings *findings);

/* With an array for each kind of the set. */
cJSON *findings_json(const struct findings *findings, size_t path_count, size_t ok_count,
                     unsigned kinds);

/* "2 missing, 1 stray", or empty. */
struct str findings_summary(const struct findings *findings, struct arena *arena);
