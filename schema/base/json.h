/* json.h — JSON: read through cJSON, and written for every byte that a text can hold.
 *
 * JSON is UTF-8 and has no way to say another byte. So there are two kinds of text:
 *
 *   for people and their scripts   json_add_text. What `--json` prints. Every text can be told: a byte
 *                                  that is no UTF-8, and NUL, is \xNN (two lower-case hex digits); a
 *                                  backslash in front of what reads "xNN" is \x5c. Replace each \xNN
 *                                  by its byte, and the text is back.
 *   for programs                   json_add_exact. boot.json, path-info JSON: the text itself, or a
 *                                  refusal. What is read back is what was written.
 *
 * Written  Characters that a terminal obeys or hides (show.h) are escapes of JSON, \uNNNN, so JSON that
 *          is printed on a terminal is harmless, and means the same.
 */
#pragma once

#include "schema/base/arena.h"

#include <cjson/cJSON.h>

/* --- Reading ------------------------------------------------------------------------------------ */

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

/* --- Writing ------------------------------------------------------------------------------------ */

/* Can JSON say the text as it is? It is UTF-8 without NUL. */
bool json_can_say(struct str text);

/* Refuses the others, naming the byte. */
must_check bool json_check(const char *what, struct str text, struct error *error);

/* Adds any text for people under `key`; with a null key to an array. */
void json_add_text(cJSON *parent, const char *key, struct str text);

/* A text for programs, of which json_can_say is true; see json_check. */
cJSON *json_exact(struct str text);

/* Adds one. */
void json_add_exact(cJSON *parent, const char *key, struct str text);

enum json_form {
    JSON_INDENTED,
    JSON_COMPACT, /* on one line */
};

/* The value as text, terminated; null: no memory is left. Give it back with cJSON_free. */
char *json_spell(const cJSON *value, enum json_form form);

/* Prints the value on standard output, with a newline, and frees it. */
must_check bool json_print(cJSON *value, struct error *error);
