#include "builder/tree/tree_description.h"

#include "builder/output/checksums.h"
#include "schema/base/file.h"
#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/base/str.h"
#include "schema/base/utf8.h"
#include "schema/nix/digest.h"
#include "schema/nix/store_path.h"

#include <string.h>

enum { VERSION = 1, RAMDISKS_MAX = 4096 };

#define OFFSET        "offset"
#define PACKED_OFFSET "archiveOffset"
#define MEMORY        "memoryAtBoot"
#define LAYERS        "layers"
#define PIECES        "storePieces"
#define ROOT_HASH     "rootHash"

bool tree_description_is_path(struct str path)
{
    struct cut cut = { .tail = path, .found = true };
    while (cut.found) {
        cut = str_cut(cut.tail, '/');
        if (!boot_spec_is_plain_name(cut.head))
            return false;
    }
    return path.len <= CHECKSUMS_NAME_MAX;
}

struct tree_description tree_describe(const struct boot_spec *spec, struct str store_dir,
                                      const char *base_url, struct arena *arena)
{
    return (struct tree_description){
        .toplevel = store_path_format(arena, store_dir, spec->toplevel).data,
        .label = arena_copy(arena, spec->label).data,
        .system = arena_copy(arena, spec->system).data,
        .init = arena_copy(arena, spec->init).data,
        .params = arena_copy(arena, spec->params).data,
        .command_line = spec->command_line.data,
        .base_url = base_url,
        .kernel = { .name = spec->kernel_name.data },
    };
}

struct str tree_from(const struct tree_description *description, const char *place,
                     struct arena *arena)
{
    const char *base = description->base_url;
    if (!tree_is_by_url(description) || !(base || place))
        return STR("");
    return arena_format(arena, " regd.from=%s%s", base ? base : place, base ? "/" : "");
}

bool tree_layers(const struct tree_description *description, struct arena *arena,
                 struct layer_list *ret_layers, struct error *error)
{
    struct layer_list layers = { 0 };
    for (size_t i = 0; i < description->image_count; i++)
        if (!layers_add(&layers, description->images[i].size_bytes, &description->images[i].root,
                        arena, error))
            return false;
    *ret_layers = layers;
    return true;
}

bool tree_file_read(int fd, const char *name, struct arena scratch, struct tree_file *ret_file,
                    struct error *error)
{
    enum { BUFFER_BYTES = 1 << 20 };
    char *buffer = arena_room(&scratch, BUFFER_BYTES);
    uint64_t size = 0;
    cleanup(digest_release) struct digest digest = digest_start();
    for (size_t got = BUFFER_BYTES; got == BUFFER_BYTES; size += got) {
        if (!file_read_at((struct file){ fd, name }, buffer, BUFFER_BYTES, size, &got, error))
            return false;
        digest_add(&digest, buffer, got);
    }
    *ret_file = (struct tree_file){ name, digest_finish(&digest), size };
    return true;
}

/* --- Writing ------------------------------------------------------------------------------------ */

static cJSON *file_json(const struct tree_file *file)
{
    cJSON *object = cJSON_CreateObject();
    json_add_exact(object, "name", str_from(file->name));
    cJSON_AddNumberToObject(object, "size", (double)file->size_bytes);
    json_add_exact(object, "sha256", str_from(hash_to_hex(&file->hash).text));
    return object;
}

static cJSON *image_json(const struct tree_image *image)
{
    cJSON *object = cJSON_CreateObject();
    json_add_exact(object, "name", str_from(image->name));
    json_add_exact(object, "file", str_from(image->file));
    cJSON_AddNumberToObject(object, image->is_packed ? PACKED_OFFSET : OFFSET,
                            (double)image->offset);
    cJSON_AddNumberToObject(object, "size", (double)image->size_bytes);
    return object;
}

static void add_files(cJSON *object, const char *key, const struct tree_file *files, size_t count)
{
    cJSON *list = cJSON_AddArrayToObject(object, key);
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(list, file_json(&files[i]));
}

/* What only a tree by URL has. */
static void add_layers(cJSON *object, const struct tree_description *description)
{
    cJSON_AddItemToObject(object, LAYERS, image_json(&description->layers));
    if (description->piece_count > 0)
        add_files(object, PIECES, description->ramdisks + description->ramdisk_count,
                  description->piece_count);
}

static cJSON *to_json(const struct tree_description *description)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", VERSION);
    json_add_exact(object, "toplevel", str_from(description->toplevel));
    json_add_exact(object, "label", str_from(description->label));
    json_add_exact(object, "system", str_from(description->system));
    json_add_exact(object, "init", str_from(description->init));
    json_add_exact(object, "kernelParams", str_from(description->params));
    json_add_exact(object, "commandLine", str_from(description->command_line));
    if (description->base_url)
        json_add_exact(object, "baseUrl", str_from(description->base_url));
    cJSON_AddItemToObject(object, "kernel", file_json(&description->kernel));
    add_files(object, "initrd", description->ramdisks, description->ramdisk_count);
    cJSON *images = cJSON_AddArrayToObject(object, "storeImages");
    for (size_t i = 0; i < description->image_count; i++) {
        const struct tree_image *image = &description->images[i];
        cJSON *item = image_json(image);
        if (tree_is_by_url(description))
            json_add_exact(item, ROOT_HASH, str_from(hash_to_hex(&image->root).text));
        cJSON_AddItemToArray(images, item);
    }
    if (tree_is_by_url(description))
        add_layers(object, description);
    cJSON_AddNumberToObject(object, "unpackedSize", (double)description->unpacked_bytes);
    cJSON_AddNumberToObject(object, MEMORY, (double)description->memory_bytes);
    if (description->device_tree)
        json_add_exact(object, "deviceTree", str_from(description->device_tree));
    if (description->uki.name) {
        cJSON *uki = file_json(&description->uki);
        cJSON_AddNumberToObject(uki, MEMORY, (double)description->uki_memory_bytes);
        cJSON_AddItemToObject(object, "uki", uki);
    }
    return object;
}

bool tree_description_format(const struct tree_description *description, struct arena *arena,
                             struct str *ret_text, struct error *error)
{
    cJSON *object = to_json(description);
    char *text = json_spell(object, JSON_INDENTED);
    cJSON_Delete(object);
    if (!text)
        return error_set(error, "out of memory");
    *ret_text = arena_format(arena, "%s\n", text);
    cJSON_free(text);
    return true;
}

/* --- Reading ------------------------------------------------------------------------------------ */

/* Is it the name of a file beside boot.json, or below stores/ there? */
static bool is_file_of_tree(struct str name)
{
    struct str stores = STR(LAYERS_DIRECTORY "/");
    return boot_spec_is_plain_name(str_starts(name, stores) ? str_skip(name, stores.len) : name);
}

/* Reads the name of a file of the tree. */
static bool read_name(const cJSON *object, const char *key, struct arena *arena,
                      const char **ret_name, struct error *error)
{
    if (!json_text(object, key, arena, ret_name, error))
        return false;
    return is_file_of_tree(str_from(*ret_name)) ||
           json_wrong(key, "the name of a file of the tree", error);
}

/* Reads a text that is written into scripts. It must be one line: a second line would be run as a
 * command. */
static bool read_line(const cJSON *object, const char *key, struct arena *arena,
                      const char **ret_line, struct error *error)
{
    if (!json_text(object, key, arena, ret_line, error))
        return false;
    struct str line = str_from(*ret_line);
    return utf8_control_from(line) == line.len ||
           json_wrong(key, "a text without control characters", error);
}

static bool read_file(const cJSON *object, struct arena *arena, struct tree_file *file,
                      struct error *error)
{
    const char *hash;
    if (!read_name(object, "name", arena, &file->name, error) ||
        !json_number(object, "size", &file->size_bytes, error) ||
        !json_text(object, "sha256", arena, &hash, error))
        return false;
    return hash_parse(str_from(hash), &file->hash, error) || error_in(error, "sha256");
}

static bool read_root(const cJSON *object, struct hash *ret_root, struct error *error)
{
    const char *text;
    if (!json_optional_text(object, ROOT_HASH, &text, error))
        return false;
    if (!text)
        return json_wrong(ROOT_HASH, "64 hex digits", error);
    return hash_parse(str_from(text), ret_root, error) || error_in(error, ROOT_HASH);
}

static bool read_image(const struct tree_description *description, const cJSON *object,
                       struct arena *arena, struct tree_image *image, struct error *error)
{
    image->is_packed = cJSON_HasObjectItem(object, PACKED_OFFSET);
    if (!read_name(object, "name", arena, &image->name, error) ||
        !read_name(object, "file", arena, &image->file, error) ||
        !json_number(object, image->is_packed ? PACKED_OFFSET : OFFSET, &image->offset, error) ||
        !json_number(object, "size", &image->size_bytes, error))
        return false;
    if (tree_is_by_url(description))
        return read_root(object, &image->root, error);
    for (size_t i = 0; i < description->ramdisk_count; i++)
        if (strcmp(description->ramdisks[i].name, image->file) == 0)
            return true;
    return json_wrong("file", "a file of the ramdisk", error);
}

static bool read_list(const cJSON *object, const char *key, size_t *ret_count,
                      const cJSON **ret_first, struct error *error)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key);
    int count = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || count == 0 || count > RAMDISKS_MAX)
        return json_wrong(key, "a list of files", error);
    *ret_count = (size_t)count;
    *ret_first = list->child;
    return true;
}

static bool read_files(const cJSON *item, const char *key, struct arena *arena,
                       struct tree_file *files, struct error *error)
{
    for (; item; item = item->next)
        if (!read_file(item, arena, files++, error))
            return error_in(error, "%s", key);
    return true;
}

static bool read_ramdisks(const cJSON *object, struct arena *arena,
                          struct tree_description *description, struct error *error)
{
    const cJSON *loaded, *pieces = NULL;
    size_t count, piece_count = 0;
    bool has_pieces = cJSON_HasObjectItem(object, PIECES);
    if (!read_list(object, "initrd", &count, &loaded, error) ||
        (has_pieces && !read_list(object, PIECES, &piece_count, &pieces, error)))
        return false;
    description->ramdisk_count = count;
    description->piece_count = piece_count;
    description->ramdisks = arena_new(arena, struct tree_file, count + piece_count);
    return read_files(loaded, "initrd", arena, description->ramdisks, error) &&
           read_files(pieces, PIECES, arena, description->ramdisks + count, error);
}

static bool read_images(const cJSON *object, struct arena *arena,
                        struct tree_description *description, struct error *error)
{
    const cJSON *item;
    size_t count;
    if (!read_list(object, "storeImages", &count, &item, error))
        return false;
    description->images = arena_new(arena, struct tree_image, count);
    for (; item; item = item->next)
        if (!read_image(description, item, arena, &description->images[description->image_count++],
                        error))
            return error_in(error, "storeImages");
    return true;
}

static bool read_device_tree(const cJSON *object, struct arena *arena,
                             struct tree_description *description, struct error *error)
{
    static const char key[] = "deviceTree";
    return !cJSON_HasObjectItem(object, key) ||
           (json_text(object, key, arena, &description->device_tree, error) &&
            (tree_description_is_path(str_from(description->device_tree)) ||
             json_wrong(key, "the path of a file of the tree", error)));
}

/* Reads where the list of layers is, before the images are read. */
static bool read_place_of_layers(const cJSON *object, struct arena *arena,
                                 struct tree_description *description, struct error *error)
{
    struct tree_image layers = { .name = NULL };
    if (!object)
        return true;
    if (!read_image(description, object, arena, &layers, error))
        return false;
    if (strcmp(layers.name, LAYERS_NAME) != 0)
        return json_wrong("name", LAYERS_NAME, error);
    description->layers = layers;
    return layers.size_bytes <= LAYERS_BYTES_MAX ||
           error_set(error, "size: at most %d bytes expected", LAYERS_BYTES_MAX);
}

/* The images of a tree by URL make the list: each file has its name from there. */
static bool check_layers(struct tree_description *description, struct arena *arena,
                         struct error *error)
{
    struct layer_list layers;
    if (!tree_is_by_url(description))
        return true;
    if (!tree_layers(description, arena, &layers, error))
        return error_in(error, "storeImages");
    description->layer_bytes = layers_bytes(&layers);
    for (size_t i = 0; i < layers.count; i++) {
        struct str file = layer_image_name(&layers.items[i], arena);
        if (!str_equal(file, str_from(description->images[i].file)))
            return json_wrong("file", file.data, error) || error_in(error, "storeImages");
    }
    return true;
}

static bool read_uki(const cJSON *object, struct arena *arena, struct tree_description *description,
                     struct error *error)
{
    return !object || (read_file(object, arena, &description->uki, error) &&
                       json_number(object, MEMORY, &description->uki_memory_bytes, error));
}

bool tree_description_parse(struct str text, struct arena *arena,
                            struct tree_description *ret_description, struct error *error)
{
    cleanup(json_free) cJSON *root = NULL;
    struct tree_description description = { 0 };
    if (!json_parse(text, &root, error) || !json_version(root, VERSION, error))
        return false;
    if (cJSON_HasObjectItem(root, "baseUrl") &&
        !read_line(root, "baseUrl", arena, &description.base_url, error))
        return false;
    if (!read_line(root, "toplevel", arena, &description.toplevel, error) ||
        !json_text(root, "label", arena, &description.label, error) ||
        !json_text(root, "system", arena, &description.system, error) ||
        !json_text(root, "init", arena, &description.init, error) ||
        !json_text(root, "kernelParams", arena, &description.params, error) ||
        !read_line(root, "commandLine", arena, &description.command_line, error) ||
        !json_number(root, "unpackedSize", &description.unpacked_bytes, error) ||
        !json_number(root, MEMORY, &description.memory_bytes, error) ||
        !read_device_tree(root, arena, &description, error) ||
        !read_ramdisks(root, arena, &description, error))
        return false;
    if (!read_place_of_layers(cJSON_GetObjectItemCaseSensitive(root, LAYERS), arena, &description,
                              error))
        return error_in(error, LAYERS);
    if (!read_images(root, arena, &description, error) || !check_layers(&description, arena, error))
        return false;
    if (!read_file(cJSON_GetObjectItemCaseSensitive(root, "kernel"), arena, &description.kernel,
                   error))
        return error_in(error, "kernel");
    if (!read_uki(cJSON_GetObjectItemCaseSensitive(root, "uki"), arena, &description, error))
        return error_in(error, "uki");
    *ret_description = description;
    return true;
}
