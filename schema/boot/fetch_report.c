#include "schema/boot/fetch_report.h"

#include "schema/base/own.h"

enum { VERSION = 1 };

/* Up to here, each whole number is a number of JSON. */
static const double number_max = 9007199254740992.0;

static const char *const states[] = {
    [FETCH_RUNNING] = "fetching",
    [FETCH_DONE] = "done",
    [FETCH_FAILED] = "failed",
};

/* --- Reading ---------------------------------------------------------------------------------- */

static bool read_seconds(const cJSON *object, const char *key, double *ret_number,
                         struct error *error)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(member) || !(member->valuedouble >= 0) || member->valuedouble > number_max)
        return json_wrong(key, "a number from 0 to 2^53", error);
    *ret_number = member->valuedouble;
    return true;
}

/* Null if the member is missing or null. */
static bool read_text_if_any(const cJSON *object, const char *key, struct arena *arena,
                             const char **ret_text, struct error *error)
{
    const char *text;
    if (!json_optional_text(object, key, &text, error))
        return false;
    *ret_text = text ? arena_copy(arena, str_from(text)).data : NULL;
    return true;
}

static bool read_state(const cJSON *root, struct arena scratch, enum fetch_state *ret_state,
                       struct error *error)
{
    const char *text;
    if (!json_text(root, "state", &scratch, &text, error))
        return false;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (!str_equal(str_from(text), str_from(states[i])))
            continue;
        *ret_state = (enum fetch_state)i;
        return true;
    }
    return json_wrong("state", "fetching, done or failed", error);
}

static bool read_layer(const cJSON *object, struct arena *arena,
                       struct fetch_report_layer *ret_layer, struct error *error)
{
    const char *root;
    if (!cJSON_IsObject(object))
        return json_wrong("layers", "a list of objects", error);
    if (!json_text(object, "name", arena, &ret_layer->name, error) ||
        !json_text(object, "rootHash", arena, &root, error) ||
        !json_number(object, "size", &ret_layer->size_bytes, error) ||
        !json_number(object, "kept", &ret_layer->kept_bytes, error) ||
        !read_text_if_any(object, "from", arena, &ret_layer->from, error))
        return false;
    if (str_from(root).len != HASH_HEX_LENGTH ||
        !hash_parse(str_from(root), &ret_layer->root, error))
        return json_wrong("rootHash", "64 hex digits", error);
    return ret_layer->kept_bytes <= ret_layer->size_bytes ||
           json_wrong("kept", "at most the size", error);
}

static bool read_layers(const cJSON *root, struct arena *arena, struct fetch_report *report,
                        struct error *error)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "layers"), *item;
    if (!cJSON_IsArray(list))
        return json_wrong("layers", "a list", error);
    report->layers = arena_new(arena, struct fetch_report_layer, (size_t)cJSON_GetArraySize(list));
    cJSON_ArrayForEach(item, list)
    {
        if (!read_layer(item, arena, &report->layers[report->layer_count++], error))
            return false;
    }
    return true;
}

bool fetch_report_parse(struct str text, struct arena *arena, struct fetch_report *ret_report,
                        struct error *error)
{
    cleanup(json_free) cJSON *root = NULL;
    struct fetch_report report = { 0 };
    if (!json_parse(text, &root, error))
        return false;
    if (!cJSON_IsObject(root))
        return error_set(error, "an object is expected");
    if (!json_version(root, VERSION, error) || !read_state(root, *arena, &report.state, error) ||
        !read_seconds(root, "seconds", &report.seconds, error) ||
        !json_number(root, "bytes", &report.received_bytes, error) ||
        !json_number(root, "retries", &report.retry_count, error) ||
        !read_text_if_any(root, "mirror", arena, &report.mirror, error) ||
        !read_text_if_any(root, "error", arena, &report.error, error) ||
        !read_layers(root, arena, &report, error))
        return false;
    *ret_report = report;
    return true;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static void add_text_or_null(cJSON *object, const char *key, const char *text)
{
    if (text)
        json_add_text(object, key, str_from(text));
    else
        cJSON_AddNullToObject(object, key);
}

static cJSON *layer_json(const struct fetch_report_layer *layer)
{
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "name", str_from(layer->name));
    json_add_text(object, "rootHash", str_from(hash_to_hex(&layer->root).text));
    cJSON_AddNumberToObject(object, "size", (double)layer->size_bytes);
    cJSON_AddNumberToObject(object, "kept", (double)layer->kept_bytes);
    add_text_or_null(object, "from", layer->from);
    return object;
}

cJSON *fetch_report_json(const struct fetch_report *report)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", VERSION);
    json_add_text(object, "state", str_from(states[report->state]));
    cJSON_AddNumberToObject(object, "seconds", report->seconds);
    cJSON_AddNumberToObject(object, "bytes", (double)report->received_bytes);
    cJSON_AddNumberToObject(object, "retries", (double)report->retry_count);
    add_text_or_null(object, "mirror", report->mirror);
    if (report->error)
        json_add_text(object, "error", str_from(report->error));
    cJSON *layers = cJSON_AddArrayToObject(object, "layers");
    for (size_t i = 0; i < report->layer_count; i++)
        cJSON_AddItemToArray(layers, layer_json(&report->layers[i]));
    return object;
}
