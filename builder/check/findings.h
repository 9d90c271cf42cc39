/* findings.h — what a verification found wrong, and how it is reported.
 *
 * One line each on standard output, "kind: subject: text", or one JSON object with an array per
 * kind.
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
    FINDING_KIND_COUNT
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
void findings_add_json(const struct findings *findings, cJSON *object);

/* "2 missing, 1 stray", or empty. */
struct str findings_summary(const struct findings *findings, struct arena *arena);
