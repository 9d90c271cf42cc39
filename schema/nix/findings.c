#include "schema/nix/findings.h"

#include "schema/base/json.h"
#include "schema/base/show.h"

#include <assert.h>
#include <stdlib.h>

/* The words of each kind, and its key in JSON. */
static const struct {
    const char *words, *key;
} kinds[FINDING_KIND_COUNT] = {
    [FINDING_MISMATCHED] = { "mismatched", "mismatched" },
    [FINDING_WRONG_SIZE] = { "wrong size", "wrongSize" },
    [FINDING_MISSING] = { "missing", "missing" },
    [FINDING_UNREADABLE] = { "unreadable", "unreadable" },
    [FINDING_STRAY] = { "stray", "strays" },
    [FINDING_NOT_CLOSED] = { "not closed", "notClosed" },
    [FINDING_DISAGREEING] = { "disagreeing", "disagreeing" },
    [FINDING_METADATA] = { "metadata", "metadata" },
    [FINDING_LAYOUT] = { "layout", "layout" },
    [FINDING_ODD_ROW] = { "odd row", "oddRows" },
};

/* Bytes that alignment and a text with two hashes need in addition. */
enum { SLACK_BYTES = 1024 };

struct findings findings_start(struct arena *arena)
{
    struct findings findings = { .capacity = (size_t)FINDING_KIND_COUNT * FINDINGS_KEPT_MAX };
    size_t room =
        arena_left(arena) / 2 < FINDINGS_BYTES_MAX ? arena_left(arena) / 2 : FINDINGS_BYTES_MAX;
    if (findings.capacity > room / 2 / sizeof *findings.items)
        findings.capacity = room / 2 / sizeof *findings.items;
    findings.arena = arena_split(arena, room);
    findings.items =
        arena_room(&findings.arena, findings.capacity * sizeof *findings.items + SLACK_BYTES);
    return findings;
}

/* Counts a finding, and returns it if it is kept, otherwise null. */
static struct finding *add(struct findings *findings, enum finding_kind kind, struct str subject,
                           struct str text)
{
    findings->counts[kind]++;
    if (findings->kept[kind] == FINDINGS_KEPT_MAX || findings->count == findings->capacity ||
        arena_left(&findings->arena) < subject.len + text.len + SLACK_BYTES)
        return NULL;
    findings->kept[kind]++;
    struct finding *finding = &findings->items[findings->count++];
    *finding = (struct finding){ .kind = kind,
                                 .subject = arena_copy(&findings->arena, subject),
                                 .text = arena_copy(&findings->arena, text) };
    return finding;
}

void findings_add(struct findings *findings, enum finding_kind kind, struct str subject,
                  struct str text)
{
    add(findings, kind, subject, text);
}

void findings_add_hash(struct findings *findings, struct str subject, const struct hash *expected,
                       const struct hash *found)
{
    struct finding *finding = add(findings, FINDING_MISMATCHED, subject, STR(""));
    if (!finding)
        return;
    finding->text = arena_format(&findings->arena, "expected sha256:%s, found sha256:%s",
                                 hash_to_hex(expected).text, hash_to_hex(found).text);
    finding->expected = *expected;
    finding->found = *found;
}

void findings_add_size(struct findings *findings, struct str subject, uint64_t expected_bytes,
                       uint64_t found_bytes)
{
    struct finding *finding = add(findings, FINDING_WRONG_SIZE, subject, STR(""));
    if (!finding)
        return;
    finding->text =
        arena_format(&findings->arena, "expected %llu bytes, found %llu",
                     (unsigned long long)expected_bytes, (unsigned long long)found_bytes);
    finding->expected_bytes = expected_bytes;
    finding->found_bytes = found_bytes;
}

static int compare(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    int order = (a->kind == FINDING_LAYOUT) - (b->kind == FINDING_LAYOUT);
    order = order ? order : str_compare(a->subject, b->subject);
    order = order ? order : (int)a->kind - (int)b->kind;
    return order ? order : str_compare(a->text, b->text);
}

void findings_sort(struct findings *findings)
{
    if (findings->count)
        qsort(findings->items, findings->count, sizeof *findings->items, compare);
}

void findings_print(const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->items[i];
        struct str subject = finding->subject, text = finding->text;
        if (str_starts(text, subject))
            subject = (struct str){ 0 };
        show_line(stdout, "%s: %.*s%s%.*s", kinds[finding->kind].words, STR_ARG(subject),
                  subject.len && text.len ? ": " : "", STR_ARG(text));
    }
    for (int kind = 0; kind < FINDING_KIND_COUNT; kind++)
        if (findings->counts[kind] > findings->kept[kind])
            show_line(stdout, "%s: %zu more, which are not listed", kinds[kind].words,
                      findings->counts[kind] - findings->kept[kind]);
}

static void add_hash(cJSON *object, const char *key, const struct hash *hash, struct arena scratch)
{
    struct str text = arena_format(&scratch, "sha256:%s", hash_to_hex(hash).text);
    json_add_text(object, key, text);
}

static void add_one(cJSON *array, const struct finding *finding, struct arena scratch)
{
    if (finding->kind == FINDING_MISSING || finding->kind == FINDING_STRAY) {
        json_add_text(array, NULL, finding->subject);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToArray(array, object);
    const char *subject = finding->kind == FINDING_LAYOUT    ? "part"
                          : finding->kind == FINDING_ODD_ROW ? "row"
                                                             : "path";
    json_add_text(object, subject, finding->subject);
    if (finding->kind == FINDING_MISMATCHED) {
        add_hash(object, "expected", &finding->expected, scratch);
        add_hash(object, "found", &finding->found, scratch);
    } else if (finding->kind == FINDING_WRONG_SIZE) {
        cJSON_AddNumberToObject(object, "expected", (double)finding->expected_bytes);
        cJSON_AddNumberToObject(object, "found", (double)finding->found_bytes);
    } else {
        json_add_text(object, finding->kind == FINDING_NOT_CLOSED ? "reference" : "reason",
                      finding->text);
    }
}

cJSON *findings_json(const struct findings *findings, size_t path_count, size_t ok_count,
                     unsigned looked_for)
{
    cJSON *arrays[FINDING_KIND_COUNT] = { 0 };
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "paths", (double)path_count);
    cJSON_AddNumberToObject(object, "ok", (double)ok_count);
    for (int kind = 0; kind < FINDING_KIND_COUNT; kind++)
        if (looked_for & 1U << kind)
            arrays[kind] = cJSON_AddArrayToObject(object, kinds[kind].key);
    for (size_t i = 0; i < findings->count; i++) {
        assert(arrays[findings->items[i].kind]); /* the kind is in the set */
        add_one(arrays[findings->items[i].kind], &findings->items[i], findings->arena);
    }
    cJSON *omitted = cJSON_AddObjectToObject(object, "omitted");
    for (int kind = 0; kind < FINDING_KIND_COUNT; kind++) {
        size_t count = findings->counts[kind] - findings->kept[kind];
        if (count)
            cJSON_AddNumberToObject(omitted, kinds[kind].key, (double)count);
    }
    return object;
}

struct str findings_summary(const struct findings *findings, struct arena *arena)
{
    struct str text = STR("");
    for (int kind = 0; kind < FINDING_KIND_COUNT; kind++)
        if (findings->counts[kind])
            text = arena_format(arena, "%.*s%s%zu %s", STR_ARG(text), text.len ? ", " : "",
                                findings->counts[kind], kinds[kind].words);
    return text;
}
