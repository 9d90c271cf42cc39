/* findings.h — what a verification of a store or an image found wrong, and how it is reported.
 *
 * Shape    One line each on standard output, "KIND: SUBJECT: TEXT"; a text that begins with the
 *          subject stands alone. Or one JSON object: "paths" and "ok", how many were verified and how many of
 *          them are as they should be, and an array for each kind that was looked for.
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
    struct arena *arena;
    struct finding *items;
    size_t count, capacity;
    size_t counts[FINDING_KIND_COUNT];
};

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
