#include "builder/inspect/inspection.h"

#include "builder/output/report.h"

#include "schema/base/json.h"

#include "schema/nix/store_path.h"

bool inspection_open(const struct image_place *place, struct inspection *inspection,
                     struct error *error)
{
    if (!image_open(place, inspection->store_dir, inspection->arena, &inspection->image, error))
        return false;
    inspection->sizes = image_sizes_take(&inspection->image, inspection->arena);
    return image_trailer_read(&inspection->image.file, inspection->arena, &inspection->trailer,
                              error) ||
           error_in(error, "%s", place->name);
}

static uint32_t node_of(const struct inspection *inspection, uint32_t item)
{
    return image_find(&inspection->image, inspection->image.listed.items[item].base);
}

bool inspection_has(const struct inspection *inspection, uint32_t item)
{
    return node_of(inspection, item) != 0;
}

const struct image_size *inspection_size(const struct inspection *inspection, uint32_t item)
{
    static const struct image_size nothing;
    uint32_t node = node_of(inspection, item);
    return node ? image_sizes_of(&inspection->sizes, node) : &nothing;
}

struct str inspection_path(const struct inspection *inspection, uint32_t item, struct arena *arena)
{
    return store_path_format(arena, inspection->store_dir,
                             inspection->image.listed.items[item].base);
}

cJSON *inspection_item_json(const struct inspection *inspection, uint32_t item)
{
    struct arena scratch = *inspection->arena;
    const struct image_size *size = inspection_size(inspection, item);
    struct str path = inspection_path(inspection, item, &scratch);
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "path", path);
    cJSON_AddNumberToObject(object, "narSize",
                            (double)inspection->image.listed.items[item].nar_size_bytes);
    cJSON_AddBoolToObject(object, "inImage", inspection_has(inspection, item));
    cJSON_AddNumberToObject(object, "files", (double)size->file_count);
    cJSON_AddNumberToObject(object, "directories", (double)size->directory_count);
    cJSON_AddNumberToObject(object, "links", (double)size->link_count);
    cJSON_AddNumberToObject(object, "size", (double)size->size_bytes);
    cJSON_AddNumberToObject(object, "packed", (double)size->packed_bytes);
    return object;
}
