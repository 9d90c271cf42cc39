#include "schema/nix/path_info_json_write.h"

#include "schema/base/json.h"
#include "schema/nix/signatures.h"
#include "schema/nix/store_path.h"

struct writer {
    const struct path_list *list;
    struct str store_dir;
    struct arena scratch;
};

/* Adds a text, or null if it is empty. */
static void add_text(cJSON *object, const char *key, struct str text)
{
    if (text.len > 0)
        json_add_exact(object, key, text);
    else
        cJSON_AddNullToObject(object, key);
}

static void add_references(const struct writer *writer, const struct path_info *info, cJSON *object)
{
    cJSON *references = cJSON_AddArrayToObject(object, "references");
    for (size_t i = 0; i < info->reference_count; i++) {
        struct arena rest = writer->scratch;
        struct str base = writer->list->names.names[info->references[i]];
        json_add_exact(references, NULL, store_path_format(&rest, writer->store_dir, base));
    }
}

static cJSON *entry_json(const struct writer *writer, const struct path_info *info)
{
    enum { PREFIX = sizeof "sha256-" - 1 };
    char hash[PREFIX + HASH_BASE64_LENGTH + 1] = "sha256-";
    struct arena scratch = writer->scratch;
    struct str address = info->content_address, deriver = info->deriver;
    cJSON *object = cJSON_CreateObject();
    add_text(object, "ca", signatures_is_word(address) ? address : STR(""));
    if (deriver.len > 0)
        deriver = store_path_format(&scratch, writer->store_dir, deriver);
    add_text(object, "deriver", deriver);
    hash_format_base64(info->nar_hash.bytes, HASH_BYTES, hash + PREFIX);
    json_add_exact(object, "narHash", str_from(hash));
    cJSON_AddNumberToObject(object, "narSize", (double)info->nar_size_bytes);
    add_references(writer, info, object);
    signatures_write(info->signatures, object);
    cJSON_AddBoolToObject(object, "ultimate", info->is_ultimate);
    return object;
}

/* Writes a value and frees it. */
static void write_value(FILE *stream, cJSON *value)
{
    char *text = json_spell(value, JSON_COMPACT);
    fputs(text ? text : "", stream);
    cJSON_free(text);
    cJSON_Delete(value);
}

void path_info_json_write(FILE *stream, const struct path_list *list, struct str store_dir,
                          struct arena scratch)
{
    struct writer writer = { list, store_dir, scratch };
    fputc('{', stream);
    for (size_t i = 0; i < list->count; i++) {
        struct arena rest = scratch;
        struct str path = store_path_format(&rest, store_dir, list->items[i].base);
        fputs(i ? ",\n" : "\n", stream);
        write_value(stream, json_exact(path));
        fputc(':', stream);
        write_value(stream, entry_json(&writer, &list->items[i]));
    }
    fputs(list->count ? "\n}\n" : "}\n", stream);
}
