#include "schema/base/json.h"

#include "schema/base/own.h"

#include <string.h>

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

bool json_parse(struct str text, cJSON **ret_root, struct error *error)
{
    const char *end = NULL;
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
