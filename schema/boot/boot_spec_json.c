#include "schema/boot/boot_spec_json.h"

#include "schema/base/json.h"
#include "schema/base/own.h"

#include <string.h>

#define SYSTEM_KEY         "org.nixos.bootspec.v1"
#define SPECIALISATION_KEY "org.nixos.specialisation.v1"
#define XEN_KEY_1          "org.xenproject.bootspec.v1"
#define XEN_KEY_2          "org.xenproject.bootspec.v2"

static bool read_path(const cJSON *object, const char *key, struct arena *arena,
                      const char **ret_path, struct error *error)
{
    return json_text(object, key, arena, ret_path, error) &&
           (**ret_path == '/' || json_wrong(key, "an absolute path", error));
}

/* A member that a system may lack; null then. */
static bool read_path_if_any(const cJSON *object, const char *key, struct arena *arena,
                             const char **ret_path, struct error *error)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);
    *ret_path = NULL;
    return !member || cJSON_IsNull(member) || read_path(object, key, arena, ret_path, error);
}

static bool read_params(const cJSON *object, struct arena *arena, struct str *ret_params,
                        struct error *error)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "kernelParams"), *item;
    size_t room = 1, length = 0;
    if (!list || cJSON_IsNull(list))
        return true;
    if (!cJSON_IsArray(list))
        return json_wrong("kernelParams", "a list", error);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return json_wrong("kernelParams", "a list of texts", error);
        room += strlen(item->valuestring) + 1;
    }
    char *params = arena_room(arena, room);
    cJSON_ArrayForEach(item, list)
    {
        if (item != list->child)
            params[length++] = ' ';
        struct str text = str_from(item->valuestring);
        memcpy(params + length, text.data, text.len);
        length += text.len;
    }
    params[length] = '\0';
    *ret_params = (struct str){ params, length };
    return true;
}

static bool read_system(const cJSON *object, struct arena *arena, struct boot_spec_json *spec,
                        struct error *error)
{
    return read_path_if_any(object, "init", arena, &spec->init, error) &&
           read_path_if_any(object, "kernel", arena, &spec->kernel, error) &&
           read_path_if_any(object, "initrd", arena, &spec->initrd, error) &&
           read_path(object, "toplevel", arena, &spec->toplevel, error) &&
           json_text(object, "label", arena, &spec->label, error) &&
           json_text(object, "system", arena, &spec->system, error) &&
           read_params(object, arena, &spec->params, error);
}

bool boot_spec_json_parse(struct str text, const char *specialisation, struct arena *arena,
                          struct boot_spec_json *ret_spec, struct error *error)
{
    cleanup(json_free) cJSON *root = NULL;
    struct boot_spec_json spec = { 0 };
    const cJSON *child;
    if (!json_parse(text, &root, error))
        return false;
    const cJSON *others = cJSON_GetObjectItemCaseSensitive(root, SPECIALISATION_KEY);
    cJSON_ArrayForEach(child, others)
    {
        if (child->string)
            option_list_add(&spec.specialisations, arena_copy(arena, str_from(child->string)).data,
                            arena);
    }
    const cJSON *holder =
        specialisation ? cJSON_GetObjectItemCaseSensitive(others, specialisation) : root;
    const cJSON *system = cJSON_GetObjectItemCaseSensitive(holder, SYSTEM_KEY);
    if (system && !read_system(system, arena, &spec, error))
        return error_in(error, SYSTEM_KEY);
    spec.has_xen = cJSON_GetObjectItemCaseSensitive(holder, XEN_KEY_1) ||
                   cJSON_GetObjectItemCaseSensitive(holder, XEN_KEY_2);
    *ret_spec = spec;
    return true;
}
