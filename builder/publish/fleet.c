#include "builder/publish/fleet.h"

#include "schema/base/json.h"
#include "schema/base/own.h"

enum { FLEET_VERSION = 1 };

static void add_hash(cJSON *object, const char *key, const struct hash *hash)
{
    json_add_text(object, key, str_from(hash_to_hex(hash).text));
}

static cJSON *store_json(const struct published_store *store)
{
    cJSON *object = cJSON_CreateObject();
    add_hash(object, "rootHash", &store->root);
    cJSON_AddNumberToObject(object, "size", (double)store->size_bytes);
    cJSON_AddNumberToObject(object, "veritySize", (double)store->verity_bytes);
    return object;
}

static cJSON *system_json(const struct published_system *system)
{
    cJSON *object = cJSON_CreateObject();
    json_add_exact(object, "name", str_from(system->name));
    json_add_exact(object, "label", published_label(system->name));
    add_hash(object, "hash", &system->tree.hash);
    json_add_exact(object, "toplevel", str_from(system->tree.toplevel));
    cJSON *stores = cJSON_AddArrayToObject(object, "stores");
    for (size_t i = 0; i < system->tree.root_count; i++)
        cJSON_AddItemToArray(stores, store_json(&system->stores[i]));
    return object;
}

bool fleet_format(const struct published *published, struct arena *arena, struct str *ret_text,
                  struct error *error)
{
    cleanup(json_free) cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", FLEET_VERSION);
    if (published->current)
        json_add_exact(object, "current", str_from(published->current));
    if (published->previous)
        json_add_exact(object, "previous", str_from(published->previous));
    cJSON *systems = cJSON_AddArrayToObject(object, "systems");
    for (size_t i = 0; i < published->count; i++)
        cJSON_AddItemToArray(systems, system_json(&published->items[i]));
    char *text = json_spell(object, JSON_INDENTED);
    if (!text)
        return error_set(error, "not enough memory for " FLEET_NAME);
    *ret_text = arena_format(arena, "%s\n", text);
    cJSON_free(text);
    return true;
}

bool fleet_check(struct str text, struct error *error)
{
    cleanup(json_free) cJSON *object = NULL;
    if (!json_parse(text, &object, error))
        return false;
    return json_version(object, FLEET_VERSION, error) &&
           (cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(object, "systems")) ||
            json_wrong("systems", "a list", error));
}
