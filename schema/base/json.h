/* json.h — reads and writes JSON with cJSON, for texts that can contain any byte.
 *
 * JSON is UTF-8 and cannot represent other bytes. So there are two kinds of text:
 *
 *   for people and their scripts   json_add_text, for the output of `--json`. Takes every text: a
 *                                  byte that is not UTF-8, and NUL, becomes \xNN (two lower-case
 *                                  hex digits); a backslash before an "xNN" of the text becomes
 *                                  \x5c. To get the text back, replace each \xNN by its byte.
 *   for programs                   json_add_exact, for boot.json and path-info JSON: the text
 *                                  itself. A text that JSON cannot represent is an error.
 *
 * Written  Characters that a terminal would obey or hide (show.h) are written as JSON's escapes
 *          \uNNNN. JSON can therefore be printed on a terminal safely, and means the same.
 */
#pragma once

#include "schema/base/arena.h"

#include <cjson/cJSON.h>

/* --- Reading ------------------------------------------------------------------------------------ */

/* Parses a text that is one JSON value. Free it with json_free, which is for `cleanup`. Fails if
 * the text is not JSON, naming the offset; if it contains the character \u0000, at which cJSON
 * would end a string; and if it has more than 65536 values plus one for each 16 bytes, because
 * cJSON takes 80 bytes for each value. */
must_check bool json_parse(struct str text, cJSON **ret_root, struct error *error);
void json_free(cJSON **root);

/* Sets the sentence "KEY: WANTED expected". */
static inline bool json_wrong(const char *key, const char *wanted, struct error *error)
{
    return error_set(error, "%s: %s expected", key, wanted);
}

/* Gets the member `key`, which must be a string, null or missing; the last two make *ret_text null.
 * The text lives as long as the object. */
must_check bool json_optional_text(const cJSON *object, const char *key, const char **ret_text,
                                   struct error *error);

/* Copies the member `key`, which must be a string, into the arena. */
must_check bool json_text(const cJSON *object, const char *key, struct arena *arena,
                          const char **ret_text, struct error *error);

/* Gets the member `key`, which must be a number that is whole, not negative, and below 2^53: up to
 * there each one is exact in JSON's own floating point. */
must_check bool json_number(const cJSON *object, const char *key, uint64_t *ret_number,
                            struct error *error);

/* Fails unless the member "version" has this value. */
must_check bool json_version(const cJSON *object, uint64_t version, struct error *error);

/* --- Writing ------------------------------------------------------------------------------------ */

/* Can JSON represent the text exactly, that is, is it UTF-8 without NUL? */
bool json_can_say(struct str text);

/* Fails if json_can_say is false, and names the offset. `what` is for the sentence. */
must_check bool json_check(const char *what, struct str text, struct error *error);

/* Adds a text for people to the object `parent` as member `key`, or to an array if `key` is
 * null. */
void json_add_text(cJSON *parent, const char *key, struct str text);

/* Makes a text for programs. json_can_say must be true of it; see json_check. */
cJSON *json_exact(struct str text);

/* Adds such a text to the object `parent` as member `key`. */
void json_add_exact(cJSON *parent, const char *key, struct str text);

enum json_form {
    JSON_INDENTED,
    JSON_COMPACT, /* on one line */
};

/* Returns the value as terminated text, to be freed with cJSON_free; null if it is longer than cJSON
 * can print, 2 GiB. */
char *json_spell(const cJSON *value, enum json_form form);

/* Prints the value on standard output, with a newline, and frees it. */
must_check bool json_print(cJSON *value, struct error *error);
