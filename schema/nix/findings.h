/* findings.h — what a verification of a store or an image found wrong, and how that is printed.
 *
 * Shape    On standard output, one line for each finding, "KIND: SUBJECT: TEXT"; SUBJECT is omitted
 *          if TEXT begins with it. Or, with --json, one object: "paths", the number of paths
 *          verified; "ok", the number of these without a finding; and an array for each kind of
 *          finding.
 * Limits   A hostile image can contain any number of faults. All are counted, but only the first
 *          FINDINGS_KEPT_MAX of a kind are kept, and no more than FINDINGS_BYTES_MAX in all. One
 *          line for each kind, or the object "omitted", says how many more there were.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/nix/hash.h"

#include <cjson/cJSON.h>

/* A new kind also needs a row in the table of findings.c, and a place in one of the sets below. */
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
    FINDING_ODD_ROW, /* a row of a database */
    FINDING_KIND_COUNT
};

/* More than anybody reads. If tens of thousands of paths are wrong, their number says enough. */
enum { FINDINGS_KEPT_MAX = 10000, FINDINGS_BYTES_MAX = 128 << 20 };

/* The kinds that are looked for in an image or a tree, and in a store: bit 1 << KIND for each. Every kind
 * is in one of the sets at least. */
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
    struct arena arena; /* holds copies of subjects and texts */
    struct finding *items;
    size_t count, capacity; /* findings that are kept */
    size_t counts[FINDING_KIND_COUNT], kept[FINDING_KIND_COUNT];
};

/* Returns an empty collection. Its memory is split off the end of the arena. */
struct findings findings_start(struct arena *arena);

/* Add a finding. Subject and text are copied. */
void findings_add(struct findings *findings, enum finding_kind kind, struct str subject,
                  struct str text);
void findings_add_hash(struct findings *findings, struct str subject, const struct hash *expected,
                       const struct hash *found);
void findings_add_size(struct findings *findings, struct str subject, uint64_t expected_bytes,
                       uint64_t found_bytes);

/* Sorts the findings by subject, those of kind LAYOUT last. */
void findings_sort(struct findings *findings);

void findings_print(const struct findings *findings);

/* Makes the JSON object, with an array for each kind of the set `looked_for`. */
cJSON *findings_json(const struct findings *findings, size_t path_count, size_t ok_count,
                     unsigned looked_for);

/* Returns "2 missing, 1 stray", or an empty text if there are none. */
struct str findings_summary(const struct findings *findings, struct arena *arena);
