/* json.h — JSON that somebody else wrote, read through cJSON.
 */
#pragma once

#include "schema/base/arena.h"

#include <cjson/cJSON.h>

/* Reads one value and nothing behind it. Free it with json_free, which is for `cleanup`.
 * Refuses, naming the byte, what is no JSON; the character \u0000, at which cJSON ends a text; and
 * more than 65536 values and another for each 16 bytes, before cJSON takes 80 bytes for each. */
must_check bool json_parse(struct str text, cJSON **ret_root, struct error *error);
void json_free(cJSON **root);

/* "KEY: WANTED expected". */
static inline bool json_wrong(const char *key, const char *wanted, struct error *error)
{
    return error_set(error, "%s: %s expected", key, wanted);
}

/* The member of that name is a text, or missing or null: then *ret_text is null. The text lives as
 * long as the object. */
must_check bool json_optional_text(const cJSON *object, const char *key, const char **ret_text,
                                   struct error *error);

/* A copy of the member of that name, which is a text. */
must_check bool json_text(const cJSON *object, const char *key, struct arena *arena,
                          const char **ret_text, struct error *error);
