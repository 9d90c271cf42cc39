#include "schema/base/json.h"

#include "schema/base/own.h"

#include <string.h>

/* What cJSON takes for a value is five times as much as the text that pays for it. Store paths,
 * hashes and boot specifications have 30 bytes and more for each value. */
enum { VALUES_FLOOR = 1 << 16, VALUE_TEXT_BYTES = 16 };

void json_free(cJSON **root)
{
    cJSON_Delete(*root);
}

/* Where a text is no JSON any more; null: it is one value and blanks. cJSON takes a NUL in a text,
 * which then ends there. */
static const char *wrong_byte(struct str text, const cJSON *root, const char *end)
{
    if (!root)
        return end ? end : text.data;
    const char *nul = memchr(text.data, '\0', text.len);
    if (nul)
        return nul;
    while (end < text.data + text.len && strchr(" \t\r\n", *end))
        end++;
    return end < text.data + text.len ? end : NULL;
}

/* The escape \\u0000, which is none behind a backslash that is escaped itself; or null. */
static const char *find_nul(struct str text)
{
    for (size_t i = 0; i + 6 <= text.len; i++) {
        if (text.data[i] != '\\')
            continue;
        if (memcmp(text.data + i, "\\u0000", 6) == 0)
            return text.data + i;
        i++;
    }
    return NULL;
}

/* At least as many as there are values, if it is JSON: a value follows each of these. */
static size_t count_values(struct str text)
{
    size_t count = 1;
    bool in_text = false;
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];
        if (byte == '"')
            in_text = !in_text;
        else if (in_text && byte == '\\')
            i++;
        else if (!in_text)
            count += byte == ',' || byte == '[' || byte == '{';
    }
    return count;
}

bool json_parse(struct str text, cJSON **ret_root, struct error *error)
{
    const char *end = NULL;
    size_t most = VALUES_FLOOR + text.len / VALUE_TEXT_BYTES, count = count_values(text);
    if (count > most)
        return error_set(error, "%zu JSON values, and %zu bytes may have %zu", count, text.len,
                         most);
    cleanup(json_free) cJSON *root = cJSON_ParseWithLengthOpts(text.data, text.len, &end, false);
    const char *wrong_from = wrong_byte(text, root, end);
    const char *nul = find_nul(text);
    if (wrong_from)
        return error_set(error, "it is not JSON, from byte %zu on",
                         (size_t)(wrong_from - text.data) + 1);
    if (nul)
        return error_set(error, "a text has the character \\u0000, at byte %zu",
                         (size_t)(nul - text.data) + 1);
    *ret_root = root;
    root = NULL;
    return true;
}

bool json_optional_text(const cJSON *object, const char *key, const char **ret_text,
                        struct error *error)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);
    *ret_text = cJSON_GetStringValue(member);
    return *ret_text || !member || cJSON_IsNull(member) || json_wrong(key, "a text", error);
}

bool json_text(const cJSON *object, const char *key, struct arena *arena, const char **ret_text,
               struct error *error)
{
    const char *text;
    if (!json_optional_text(object, key, &text, error))
        return false;
    if (!text)
        return json_wrong(key, "a text", error);
    *ret_text = arena_copy(arena, str_from(text)).data;
    return true;
}
