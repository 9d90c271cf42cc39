#include "schema/boot/layers.h"

#include "schema/base/json.h"
#include "schema/base/own.h"

enum { VERSION = 1 };

const char *layer_store_name(struct arena *arena, size_t index)
{
    if (index == 0)
        return LAYER_STORE_NAME;
    return arena_format(arena, "nix-store.%zu.squashfs", index).data;
}

struct str layer_image_name(const struct layer *layer, struct arena *arena)
{
    return arena_format(arena, LAYERS_DIRECTORY "/%s.squashfs", hash_to_hex(&layer->root).text);
}

struct str layer_verity_name(const struct layer *layer, struct arena *arena)
{
    return verity_name(layer_image_name(layer, arena), arena);
}

bool layers_add(struct layer_list *list, uint64_t size_bytes, const struct hash *root,
                struct arena *arena, struct error *error)
{
    struct layer layer = { .size_bytes = size_bytes, .root = *root };
    if (list->count == LAYERS_MAX)
        return error_set(error, "there are more than %d layers", LAYERS_MAX);
    for (size_t i = 0; i < list->count; i++)
        if (hash_equal(&list->items[i].root, root))
            return error_set(error, "layers %zu and %zu have the same root hash", i, list->count);
    if (!verity_shape_of(size_bytes, &layer.shape, error))
        return false;
    layer.name = str_from(layer_store_name(arena, list->count));
    list->items = arena_grow(arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = layer;
    return true;
}

/* Each is below 2^53, and there are at most LAYERS_MAX of them. */
uint64_t layers_bytes(const struct layer_list *list)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < list->count; i++)
        bytes += list->items[i].size_bytes + list->items[i].shape.size_bytes;
    return bytes;
}

/* --- Reading ------------------------------------------------------------------------------------ */

/* Fails unless the object has these members, each once, and no others. */
static bool check_members(const cJSON *object, const char *const *keys, int count,
                          struct error *error)
{
    for (int i = 0; i < count; i++)
        if (!cJSON_GetObjectItemCaseSensitive(object, keys[i]))
            return error_set(error, "%s is missing", keys[i]);
    return cJSON_GetArraySize(object) == count ||
           error_set(error, "there is a member too many, or one twice");
}

static bool check_number(const cJSON *object, const char *key, uint64_t wanted, struct error *error)
{
    uint64_t number;
    if (!json_number(object, key, &number, error))
        return false;
    return number == wanted || error_set(error, "%s: it is %llu, expected %llu", key,
                                         (unsigned long long)number, (unsigned long long)wanted);
}

static bool read_root(const cJSON *object, struct hash *ret_root, struct error *error)
{
    const char *text;
    struct hash root = { 0 };
    struct error other;
    if (!json_optional_text(object, "rootHash", &text, error))
        return false;
    if (!text || !hash_parse(str_from(text), &root, &other) ||
        !str_equal(str_from(text), str_from(hash_to_hex(&root).text)))
        return json_wrong("rootHash", "64 lower-case hex digits", error);
    *ret_root = root;
    return true;
}

static bool read_layer(const cJSON *object, struct layer_list *list, struct arena *arena,
                       struct error *error)
{
    static const char *const keys[] = { "name", "size", "rootHash", "dataBlocks", "veritySize" };
    struct hash root;
    const char *name;
    uint64_t size;
    if (!check_members(object, keys, sizeof keys / sizeof *keys, error) ||
        !json_number(object, "size", &size, error) || !read_root(object, &root, error) ||
        !json_optional_text(object, "name", &name, error) ||
        !layers_add(list, size, &root, arena, error))
        return false;
    const struct layer *layer = &list->items[list->count - 1];
    return (str_equal(str_from(name), layer->name) ||
            json_wrong("name", layer->name.data, error)) &&
           check_number(object, "dataBlocks", layer->shape.data_blocks, error) &&
           check_number(object, "veritySize", layer->shape.size_bytes, error);
}

bool layers_parse(struct str text, struct arena *arena, struct layer_list *ret_list,
                  struct error *error)
{
    static const char *const keys[] = { "version", "layers" };
    cleanup(json_free) cJSON *root = NULL;
    struct layer_list list = { 0 };
    const cJSON *item;
    if (text.len > LAYERS_BYTES_MAX)
        return error_set(error, "it has more than %d bytes", LAYERS_BYTES_MAX);
    if (!json_parse(text, &root, error) || !json_version(root, VERSION, error) ||
        !check_members(root, keys, sizeof keys / sizeof *keys, error))
        return false;
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(root, "layers");
    if (!cJSON_IsArray(layers) || cJSON_GetArraySize(layers) == 0)
        return json_wrong("layers", "a list of layers", error);
    cJSON_ArrayForEach(item, layers) if (!read_layer(item, &list, arena, error)) return error_in(
        error, "layer %zu", list.count);
    *ret_list = list;
    return true;
}

/* --- Writing ------------------------------------------------------------------------------------ */

static cJSON *layer_json(const struct layer *layer)
{
    cJSON *object = cJSON_CreateObject();
    json_add_exact(object, "name", layer->name);
    cJSON_AddNumberToObject(object, "size", (double)layer->size_bytes);
    json_add_exact(object, "rootHash", str_from(hash_to_hex(&layer->root).text));
    cJSON_AddNumberToObject(object, "dataBlocks", (double)layer->shape.data_blocks);
    cJSON_AddNumberToObject(object, "veritySize", (double)layer->shape.size_bytes);
    return object;
}

struct str layers_format(const struct layer_list *list, struct arena *arena)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", VERSION);
    cJSON *layers = cJSON_AddArrayToObject(object, "layers");
    for (size_t i = 0; i < list->count; i++)
        cJSON_AddItemToArray(layers, layer_json(&list->items[i]));
    char *text = json_spell(object, JSON_INDENTED);
    cJSON_Delete(object);
    struct str formatted = arena_format(arena, "%s\n", text);
    cJSON_free(text);
    return formatted;
}
