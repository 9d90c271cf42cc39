#include "schema/base/json.h"

#include "schema/base/own.h"
#include "schema/base/show.h"
#include "schema/base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* cJSON takes 80 bytes for a value, five times as much as the 16 bytes of text that must go with
 * it. In the JSON of store paths, hashes and boot specifications a value has 30 bytes or more. */
enum { VALUES_FLOOR = 1 << 16, VALUE_TEXT_BYTES = 16 };

void json_free(cJSON **root)
{
    cJSON_Delete(*root);
}

/* Returns the offset of the first byte that JSON cannot represent; the text's length if all can
 * be. */
static size_t find_unsayable(struct str text)
{
    const char *nul = text.len ? memchr(text.data, '\0', text.len) : NULL;
    size_t wrong = utf8_wrong_from(text), at = nul ? (size_t)(nul - text.data) : text.len;
    return at < wrong ? at : wrong;
}

/* Returns the place where a text stops being JSON; null if it is one value and spaces. cJSON itself
 * would accept bytes that are not UTF-8, and a NUL, at which it would end the text. */
static const char *wrong_byte(struct str text, const cJSON *root, const char *end)
{
    if (!root)
        return end ? end : text.data;
    size_t wrong = find_unsayable(text);
    if (wrong < text.len)
        return text.data + wrong;
    while (end < text.data + text.len && strchr(" \t\r\n", *end))
        end++;
    return end < text.data + text.len ? end : NULL;
}

/* Finds the escape \\u0000; after a backslash that is itself escaped, it is none. Null: not
 * found. */
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

/* Returns an upper bound of the number of values: in JSON, a value follows each of these
 * characters. */
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

bool json_number(const cJSON *object, const char *key, uint64_t *ret_number, struct error *error)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    double number = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(number >= 0 && number < 0x1p53 && (double)(uint64_t)number == number))
        return json_wrong(key, "a whole number", error);
    *ret_number = (uint64_t)number;
    return true;
}

bool json_version(const cJSON *object, uint64_t version, struct error *error)
{
    uint64_t found;
    if (!json_number(object, "version", &found, error))
        return false;
    return found == version ||
           error_set(error, "version %llu is not supported; this program reads version %llu",
                     (unsigned long long)found, (unsigned long long)version);
}

/* --- Writing ------------------------------------------------------------------------------------ */

bool json_can_say(struct str text)
{
    return find_unsayable(text) == text.len;
}

bool json_check(const char *what, struct str text, struct error *error)
{
    size_t at = find_unsayable(text);
    return at == text.len ||
           error_set(error,
                     "%s: byte %zu is 0x%02x, which JSON cannot hold; only UTF-8 is possible", what,
                     at + 1, (unsigned char)text.data[at]);
}

/* If memory is exhausted, cJSON omits a value, and reports that only where a value is created, not
 * where it is added: the printed JSON would lack a member. So its allocator ends the program
 * instead, as an exhausted arena does. */
static void *allocate(size_t size_bytes)
{
    void *memory = malloc(size_bytes);
    if (!memory)
        error_end("out of memory");
    return memory;
}

__attribute__((constructor)) static void set_allocator(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){ .malloc_fn = allocate, .free_fn = free });
}

static void add(cJSON *parent, const char *key, cJSON *value)
{
    if (key)
        cJSON_AddItemToObject(parent, key, value);
    else
        cJSON_AddItemToArray(parent, value);
}

static bool is_hex_digit(char character)
{
    return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'f');
}

/* Does the text begin with what looks like an escaped byte, \xNN? */
static bool looks_like_byte(struct str text)
{
    return text.len >= 4 && text.data[0] == '\\' && text.data[1] == 'x' &&
           is_hex_digit(text.data[2]) && is_hex_digit(text.data[3]);
}

void json_add_text(cJSON *parent, const char *key, struct str text)
{
    enum { SPELLED = 4 };
    char *spelled = cJSON_malloc(text.len * SPELLED + 1), *end = spelled;
    for (struct str rest = text; rest.len > 0;) {
        uint32_t character = 0;
        size_t length = utf8_first(rest, &character);
        if (length == 0 || character == 0 || looks_like_byte(rest)) {
            length = 1;
            end += snprintf(end, SPELLED + 1, "\\x%02x", (unsigned char)rest.data[0]);
        } else {
            end = mempcpy(end, rest.data, length);
        }
        rest = str_skip(rest, length);
    }
    *end = '\0';
    add(parent, key, cJSON_CreateString(spelled));
    cJSON_free(spelled);
}

cJSON *json_exact(struct str text)
{
    assert(json_can_say(text));
    char *copy = cJSON_malloc(text.len + 1);
    *(char *)mempcpy(copy, text.len ? text.data : "", text.len) = '\0';
    cJSON *value = cJSON_CreateString(copy);
    cJSON_free(copy);
    return value;
}

void json_add_exact(cJSON *parent, const char *key, struct str text)
{
    add(parent, key, json_exact(text));
}

/* Writes a character as an escape of JSON, above U+FFFF as two surrogates. Returns the end. */
static char *escape(char *at, uint32_t character)
{
    enum { ESCAPED = 6 };
    uint32_t above = character - 0x10000;
    if (character <= 0xffff)
        return at + snprintf(at, ESCAPED + 1, "\\u%04x", character);
    return at + snprintf(at, 2 * ESCAPED + 1, "\\u%04x\\u%04x", 0xd800 + (above >> 10),
                         0xdc00 + (above & 0x3ff));
}

/* Outside of its strings, JSON is ASCII. Inside of them, cJSON escapes control characters below
 * U+0020; all other characters that are not printable are escaped here. */
char *json_spell(const cJSON *value, enum json_form form)
{
    char *printed = (form == JSON_COMPACT ? cJSON_PrintUnformatted : cJSON_Print)(value);
    if (!printed)
        return NULL;
    struct str rest = str_from(printed);
    char *spelled = cJSON_malloc(rest.len * 6 + 1), *end = spelled;
    while (rest.len > 0) {
        uint32_t character = 0;
        size_t length = utf8_first(rest, &character);
        assert(length > 0);
        if (show_is_printed(character) || character == '\n' || character == '\t')
            end = mempcpy(end, rest.data, length);
        else
            end = escape(end, character);
        rest = str_skip(rest, length);
    }
    *end = '\0';
    cJSON_free(printed);
    return spelled;
}

bool json_print(cJSON *value, struct error *error)
{
    char *text = json_spell(value, JSON_INDENTED);
    cJSON_Delete(value);
    if (!text)
        return error_set(error, "the JSON is longer than cJSON can print, 2 GiB");
    printf("%s\n", text);
    cJSON_free(text);
    return true;
}
