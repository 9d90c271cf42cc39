#include "schema/nix/signatures.h"

#include "schema/base/json.h"

#include <string.h>

bool signatures_is_word(struct str text)
{
    bool plain = text.len > 0;
    for (size_t i = 0; i < text.len && plain; i++)
        plain = text.data[i] > ' ' && text.data[i] < 0x7f;
    return plain;
}

bool signatures_check_word(const char *key, struct str word, struct error *error)
{
    return signatures_is_word(word) ||
           error_set(error, "%s: '%.*s' is not a plain word", key, STR_SHOWN(word));
}

/* A signature in two parts; the second is null if the signature is one text. */
struct signature {
    const char *key, *value;
};

static bool read_signature(const cJSON *item, struct signature *ret_signature, struct error *error)
{
    const char *text = cJSON_GetStringValue(item);
    struct signature signature = { .key = text };
    if (!text) {
        signature.key = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "keyName"));
        signature.value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "sig"));
        if (!signature.key || !signature.value)
            return json_wrong("signatures", "a list of signatures", error);
    }
    *ret_signature = signature;
    return true;
}

static size_t signature_bytes(const struct signature *signature)
{
    return strlen(signature->key) + (signature->value ? 1 + strlen(signature->value) : 0);
}

/* Appends a signature; the caller has made room for it. */
static bool add_signature(const struct signature *signature, char *text, size_t *length,
                          struct error *error)
{
    size_t bytes = signature_bytes(signature);
    if (*length > 0)
        text[(*length)++] = ' ';
    char *word = text + *length;
    snprintf(word, bytes + 1, "%s%s%s", signature->key, signature->value ? ":" : "",
             signature->value ? signature->value : "");
    *length += bytes;
    return signatures_check_word("signatures", (struct str){ word, bytes }, error);
}

/* Reads the signatures twice, the first time for their lengths. To append each to a copy of those
 * before would take time and memory quadratic in their number. */
bool signatures_read(const cJSON *entry, struct arena *arena, struct str *ret_signatures,
                     struct error *error)
{
    const cJSON *signatures = cJSON_GetObjectItemCaseSensitive(entry, "signatures");
    const cJSON *item;
    struct signature signature;
    size_t room = 1, length = 0;
    *ret_signatures = (struct str){ 0 };
    if (!signatures || cJSON_IsNull(signatures))
        return true;
    if (!cJSON_IsArray(signatures))
        return json_wrong("signatures", "a list", error);
    cJSON_ArrayForEach(item, signatures)
    {
        if (!read_signature(item, &signature, error))
            return false;
        room += signature_bytes(&signature) + 1;
    }
    char *text = arena_room(arena, room);
    cJSON_ArrayForEach(item, signatures)
    {
        if (!read_signature(item, &signature, error) ||
            !add_signature(&signature, text, &length, error))
            return false;
    }
    text[length] = '\0';
    *ret_signatures = (struct str){ text, length };
    return true;
}

void signatures_write(struct str text, cJSON *entry)
{
    cJSON *signatures = cJSON_AddArrayToObject(entry, "signatures");
    struct cut cut = { .tail = text, .found = text.len > 0 };
    while (cut.found) {
        cut = str_cut(cut.tail, ' ');
        if (signatures_is_word(cut.head))
            json_add_exact(signatures, NULL, cut.head);
    }
}
