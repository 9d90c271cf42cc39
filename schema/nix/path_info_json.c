#include "schema/nix/path_info_json.h"

#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/nix/content_address.h"
#include "schema/nix/signatures.h"
#include "schema/nix/store_path.h"

/* A minimal entry takes the most memory for its text: for 140 bytes, the list grows by an item and
 * a name, and while an array is copied to one twice as large, they take up to four times as much.
 * The fuzz target parses in an arena of exactly this size. */
enum { ROOM_FLOOR_BYTES = 1 << 20, ROOM_FACTOR = 16 };

/* How paths are spelled in a description. */
struct reader {
    struct str store_dir;
    bool is_base; /* versions 2 and 3: base names */
    struct arena *arena;
    struct path_list *list;
    struct error *error;
};

/* Parses a path. *ret_base is a slice of the text. */
static bool read_path(const struct reader *reader, const char *text, struct str *ret_base)
{
    struct str base = str_from(text);
    if (!reader->is_base)
        return store_path_parse(base, reader->store_dir, ret_base, reader->error);
    *ret_base = base;
    return store_path_check(base, reader->error);
}

static bool read_name(const struct reader *reader, const char *text, uint32_t *ret_name)
{
    struct str base;
    if (!read_path(reader, text, &base))
        return false;
    *ret_name = name_table_add(&reader->list->names, base, reader->arena);
    return true;
}

static bool read_deriver(const struct reader *reader, const cJSON *entry, struct path_info *info)
{
    const char *text;
    struct str base;
    if (!json_optional_text(entry, "deriver", &text, reader->error))
        return false;
    if (!text)
        return true;
    if (!read_path(reader, text, &base))
        return false;
    info->deriver = arena_copy(reader->arena, base);
    return true;
}

static bool read_hash(const struct reader *reader, const cJSON *entry, struct path_info *info)
{
    const char *text;
    if (!json_text(entry, "narHash", reader->arena, &text, reader->error))
        return false;
    return hash_parse(str_from(text), &info->nar_hash, reader->error) ||
           error_in(reader->error, "narHash");
}

static bool read_size(const struct reader *reader, const cJSON *entry, struct path_info *info)
{
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(entry, "narSize");
    if (!size || cJSON_IsNull(size))
        return true;
    double number = cJSON_GetNumberValue(size);
    if (!(number >= 0 && number < 0x1p63 && (double)(uint64_t)number == number))
        return json_wrong("narSize", "a number of bytes", reader->error);
    info->nar_size_bytes = (uint64_t)number;
    return true;
}

static bool read_references(const struct reader *reader, const cJSON *entry, struct path_info *info)
{
    const cJSON *references = cJSON_GetObjectItemCaseSensitive(entry, "references");
    const cJSON *reference;
    if (!cJSON_IsArray(references))
        return json_wrong("references", "a list", reader->error);
    size_t count = (size_t)cJSON_GetArraySize(references);
    info->references = arena_new(reader->arena, uint32_t, count);
    cJSON_ArrayForEach(reference, references)
    {
        const char *text = cJSON_GetStringValue(reference);
        if (!text)
            return json_wrong("references", "a list of texts", reader->error);
        if (!read_name(reader, text, &info->references[info->reference_count++]))
            return error_in(reader->error, "references");
    }
    return true;
}

static bool read_content_address(const struct reader *reader, const cJSON *entry,
                                 struct path_info *info)
{
    const cJSON *address = cJSON_GetObjectItemCaseSensitive(entry, "ca");
    if (!address || cJSON_IsNull(address))
        return true;
    if (cJSON_IsString(address)) {
        info->content_address = arena_copy(reader->arena, str_from(address->valuestring));
        return signatures_check_word("ca", info->content_address, reader->error);
    }
    const char *method = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(address, "method"));
    const char *hash = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(address, "hash"));
    if (!method || !hash)
        return json_wrong("ca", "a text, or method and hash", reader->error);
    return content_address_format(str_from(method), str_from(hash), reader->arena,
                                  &info->content_address, reader->error) ||
           error_in(reader->error, "ca");
}

static bool read_members(const struct reader *reader, const cJSON *entry, struct path_info *info)
{
    info->is_ultimate = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "ultimate"));
    return read_hash(reader, entry, info) && read_size(reader, entry, info) &&
           read_references(reader, entry, info) && read_deriver(reader, entry, info) &&
           signatures_read(entry, reader->arena, &info->signatures, reader->error) &&
           read_content_address(reader, entry, info);
}

/* Reads an entry. `path` is null if the entry itself has the path. */
static bool read_entry(const struct reader *reader, const char *path, const cJSON *entry)
{
    struct path_info info = { 0 };
    if (cJSON_IsNull(entry) || cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(entry, "valid")))
        return true;
    if (!cJSON_IsObject(entry))
        return error_set(reader->error, "an entry is not an object");
    if (!path && !json_optional_text(entry, "path", &path, reader->error))
        return false;
    if (!path)
        return json_wrong("path", "a text", reader->error);
    if (!read_name(reader, path, &info.name))
        return false;
    info.base = reader->list->names.names[info.name];
    if (!read_members(reader, entry, &info))
        return error_in(reader->error, "%.*s", STR_ARG(info.base));
    *path_list_add(reader->list, reader->arena) = info;
    return true;
}

/* Finds the graph in a derivation's structured attributes: the member that exportReferencesGraph
 * names. */
static bool find_graph(const struct reader *reader, const cJSON *root, const cJSON *graphs,
                       const cJSON **ret_entries)
{
    int count = cJSON_GetArraySize(graphs);
    if (count != 1)
        return error_set(reader->error, "exportReferencesGraph has %d graphs; one is expected",
                         count);
    *ret_entries = cJSON_GetObjectItemCaseSensitive(root, graphs->child->string);
    return cJSON_IsArray(*ret_entries) ||
           json_wrong(graphs->child->string, "a list", reader->error);
}

/* Versions 2 and 3 state their version, and have the entries one level deeper. */
static bool find_entries(struct reader *reader, const cJSON *root, const cJSON **ret_entries)
{
    const cJSON *graphs = cJSON_GetObjectItemCaseSensitive(root, "exportReferencesGraph");
    if (cJSON_IsObject(graphs))
        return find_graph(reader, root, graphs, ret_entries);
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(root, "version");
    const cJSON *info = cJSON_GetObjectItemCaseSensitive(root, "info");
    *ret_entries = root;
    if (!cJSON_IsNumber(version) || !cJSON_IsObject(info))
        return cJSON_IsObject(root) || cJSON_IsArray(root) ||
               error_set(reader->error, "it is neither a list nor an object");
    if (version->valueint != 2 && version->valueint != 3)
        return error_set(reader->error, "format version %d is unknown", version->valueint);
    const char *store_dir;
    if (!json_optional_text(root, "storeDir", &store_dir, reader->error))
        return false;
    if (store_dir && !str_equal(str_from(store_dir), reader->store_dir))
        return error_set(reader->error, "it describes another store, '%s'", store_dir);
    reader->is_base = true;
    *ret_entries = info;
    return true;
}

/* Refuses two descriptions of one path: neither could be trusted. */
static bool check_once(const struct path_list *list, struct arena scratch, struct error *error)
{
    bool *seen = arena_new(&scratch, bool, list->names.count);
    for (size_t i = 0; i < list->count; i++) {
        if (seen[list->items[i].name])
            return error_set(error, "'%.*s' occurs twice", STR_ARG(list->items[i].base));
        seen[list->items[i].name] = true;
    }
    return true;
}

bool path_info_json_parse(struct str text, struct str store_dir, struct arena *arena,
                          struct path_list *ret_list, struct error *error)
{
    struct path_list list = { 0 };
    struct reader reader = {
        .store_dir = store_dir, .arena = arena, .list = &list, .error = error
    };
    const cJSON *entries = NULL, *entry;
    cleanup(json_free) cJSON *root = NULL;
    if (!json_parse(text, &root, error))
        return false;
    if (!find_entries(&reader, root, &entries))
        return false;
    cJSON_ArrayForEach(entry, entries)
    {
        const char *path = cJSON_IsArray(entries) ? NULL : entry->string;
        if (!read_entry(&reader, path, entry))
            return false;
    }
    if (!check_once(&list, *arena, error))
        return false;
    path_list_normalise(&list, *arena);
    *ret_list = list;
    return true;
}

size_t path_info_json_room(size_t text_bytes)
{
    return ROOM_FLOOR_BYTES + ROOM_FACTOR * text_bytes;
}

bool path_info_json_reserve(uint64_t text_bytes, struct arena *ret_arena, struct error *error)
{
    if (text_bytes > path_info_json_bytes_max)
        return error_set(error, "larger than the limit of %zu bytes", path_info_json_bytes_max);
    size_t wanted = path_info_json_room((size_t)text_bytes) + (size_t)text_bytes + 1;
    struct arena arena;
    if (!arena_reserve(&arena, wanted > ARENA_LEAST_BYTES ? wanted : ARENA_LEAST_BYTES, error))
        return false;
    if (arena_left(&arena) < wanted)
        return error_set(
            error,
            "reserve %zu MiB of memory: the system does not allow it; allow more address "
            "space (ulimit -v)",
            wanted >> 20);
    *ret_arena = arena;
    return true;
}
