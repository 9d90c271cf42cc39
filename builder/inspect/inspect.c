#include "builder/inspect/inspect.h"

#include "builder/inspect/inspection.h"
#include "builder/inspect/treemap.h"
#include "builder/output/output.h"
#include "builder/tree/tree.h"

#include "schema/base/json.h"
#include "schema/base/order.h"
#include "schema/base/own.h"
#include "schema/base/show.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_SHOWN = 20 };

static void inspection_release(const struct inspection *inspection)
{
    image_close(&inspection->image);
}

/* A ramdisk of the image alone, which unpacks to itself. */
static uint64_t memory_bytes(const struct inspection *inspection)
{
    return tree_memory_bytes(inspection->sizes.image_bytes, inspection->sizes.image_bytes);
}

static const struct image_size nothing;

const struct image_size *inspection_size(const struct inspection *inspection, uint32_t item)
{
    uint32_t node = image_find(&inspection->image, inspection->image.listed.items[item].base);
    return node ? image_sizes_of(&inspection->sizes, node) : &nothing;
}

struct str inspection_path(const struct inspection *inspection, uint32_t item, struct arena *arena)
{
    return store_path_format(arena, inspection->command->store.store_dir,
                             inspection->image.listed.items[item].base);
}

cJSON *inspection_item_json(const struct inspection *inspection, uint32_t item)
{
    struct arena scratch = *inspection->command->arena;
    const struct image_size *size = inspection_size(inspection, item);
    struct str path = inspection_path(inspection, item, &scratch);
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "path", path);
    cJSON_AddNumberToObject(object, "narSize",
                            (double)inspection->image.listed.items[item].nar_size_bytes);
    cJSON_AddBoolToObject(object, "inImage", size != &nothing);
    cJSON_AddNumberToObject(object, "files", (double)size->file_count);
    cJSON_AddNumberToObject(object, "directories", (double)size->directory_count);
    cJSON_AddNumberToObject(object, "links", (double)size->link_count);
    cJSON_AddNumberToObject(object, "size", (double)size->size_bytes);
    cJSON_AddNumberToObject(object, "packed", (double)size->packed_bytes);
    return object;
}

/* --- The picture ------------------------------------------------------------------------------ */

/* The name without its version: up to the first '-' that a digit follows. */
static struct str package_name(struct str base)
{
    struct error ignored;
    struct str name = base;
    if (store_path_check(base, &ignored))
        name = store_path_name(base);
    for (size_t i = 1; i + 1 < name.len; i++)
        if (name.data[i] == '-' && name.data[i + 1] >= '0' && name.data[i + 1] <= '9')
            return (struct str){ name.data, i };
    return name;
}

static struct treemap_item *list_items(const struct inspection *inspection, struct arena *arena)
{
    const struct image_sizes *sizes = &inspection->sizes;
    struct treemap_item *items = arena_new(arena, struct treemap_item, sizes->count + 1);
    for (size_t i = 0; i < sizes->count; i++) {
        const struct image_size *size = &sizes->items[i];
        struct str name = package_name(size->name);
        struct str text =
            arena_format(arena, "%.*s: %.2f MiB of the image, %.2f MiB unpacked (%.0f %%)",
                         STR_SHOWN(size->name), report_mebibytes(size->packed_bytes),
                         report_mebibytes(size->size_bytes),
                         report_percent(size->packed_bytes, size->size_bytes));
        items[i] = (struct treemap_item){
            .label = name,
            .note = arena_format(arena, "%.2f MiB", report_mebibytes(size->packed_bytes)),
            .description = text,
            .group = name,
            .bytes = size->packed_bytes,
        };
    }
    items[sizes->count] = (struct treemap_item){
        .label = STR("tables"),
        .description = arena_format(arena, "names, modes, places: %.2f MiB",
                                    report_mebibytes(sizes->table_bytes)),
        .group = STR("tables"),
        .bytes = sizes->table_bytes,
    };
    return items;
}

static bool write_picture(const struct inspection *inspection, int fd, struct error *error)
{
    const char *path = inspection->command->settings.svg;
    struct arena scratch = *inspection->command->arena;
    const struct image_sizes *sizes = &inspection->sizes;
    cleanup(own_close_file) FILE *stream = fdopen(dup(fd), "w");
    if (!stream)
        return error_errno(error, errno, "write %s", path);
    struct str title =
        arena_format(&scratch, "%s: %.1f MiB, %zu paths of %.1f MiB", inspection->image.name,
                     report_mebibytes(sizes->image_bytes), inspection->image.listed.count,
                     report_mebibytes(sizes->total.size_bytes));
    const struct treemap_item *items = list_items(inspection, &scratch);
    treemap_write(stream, title, items, sizes->count + 1, scratch);
    return (fflush(stream) == 0 && !ferror(stream)) || error_errno(error, errno, "write %s", path);
}

static bool draw(const struct inspection *inspection, struct error *error)
{
    const char *path = inspection->command->settings.svg;
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(draft_release) struct draft draft = { .fd = -1 };
    return !path ||
           (output_open(path, inspection->command->arena, &output, error) &&
            draft_open(output.directory, output.name, &draft, error) &&
            write_picture(inspection, draft.fd, error) && draft_publish(&draft, 0644, error));
}

/* --- The overview ----------------------------------------------------------------------------- */

static int compare_sizes(const void *left, const void *right)
{
    const struct image_size *a = left, *b = right;
    int order = order_numbers(b->packed_bytes, a->packed_bytes);
    return order ? order : str_compare(a->name, b->name);
}

static size_t count_missing(const struct inspection *inspection)
{
    size_t count = 0;
    for (uint32_t i = 0; i < inspection->image.listed.count; i++)
        count += inspection_size(inspection, i) == &nothing;
    return count;
}

static void print_largest(const struct inspection *inspection)
{
    const struct image_sizes *sizes = &inspection->sizes;
    struct arena scratch = *inspection->command->arena;
    struct image_size *order = arena_new(&scratch, struct image_size, sizes->count);
    memcpy(order, sizes->items, sizes->count * sizeof *order);
    qsort(order, sizes->count, sizeof *order, compare_sizes);
    show_line(stdout, "%s", "");
    show_line(stdout, "%10s %10s %6s  the largest", "in image", "unpacked", "ratio");
    for (size_t i = 0; i < sizes->count && i < LARGEST_SHOWN; i++) {
        show_line(stdout, "%6.2f MiB %6.2f MiB %4.0f %%: %.*s",
                  report_mebibytes(order[i].packed_bytes), report_mebibytes(order[i].size_bytes),
                  report_percent(order[i].packed_bytes, order[i].size_bytes),
                  STR_SHOWN(order[i].name));
    }
}

static void print_overview(const struct inspection *inspection)
{
    const struct image *image = &inspection->image;
    const struct image_sizes *sizes = &inspection->sizes;
    const struct image_size *total = &sizes->total;
    size_t missing = count_missing(inspection);
    show_line(stdout, "image     %.1f MiB, %s, blocks of %u KiB",
              report_mebibytes(sizes->image_bytes), image->file.compression_name,
              image->file.super.block_bytes >> 10);
    if (missing)
        show_line(stdout, "paths     %zu, %zu of them not in this image", image->listed.count,
                  missing);
    else
        show_line(stdout, "paths     %zu", image->listed.count);
    show_line(stdout, "files     %llu, and %llu directories, %llu links",
              (unsigned long long)total->file_count, (unsigned long long)total->directory_count,
              (unsigned long long)total->link_count);
    show_line(stdout, "contents  %.1f MiB, in the image %.1f MiB (%.0f %%)",
              report_mebibytes(total->size_bytes), report_mebibytes(total->packed_bytes),
              report_percent(total->packed_bytes, total->size_bytes));
    show_line(stdout, "tables    %.1f MiB", report_mebibytes(sizes->table_bytes));
    show_line(stdout,
              "memory    needs about %.0f MiB to boot, besides the system's own initial ramdisk",
              report_mebibytes(memory_bytes(inspection)));
    print_largest(inspection);
}

static bool print_overview_json(const struct inspection *inspection, struct error *error)
{
    const struct image *image = &inspection->image;
    const struct image_sizes *sizes = &inspection->sizes;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "image", (double)sizes->image_bytes);
    json_add_text(object, "compressor", str_from(image->file.compression_name));
    cJSON_AddNumberToObject(object, "blockSize", image->file.super.block_bytes);
    cJSON_AddNumberToObject(object, "files", (double)sizes->total.file_count);
    cJSON_AddNumberToObject(object, "directories", (double)sizes->total.directory_count);
    cJSON_AddNumberToObject(object, "links", (double)sizes->total.link_count);
    cJSON_AddNumberToObject(object, "size", (double)sizes->total.size_bytes);
    cJSON_AddNumberToObject(object, "packed", (double)sizes->total.packed_bytes);
    cJSON_AddNumberToObject(object, "tables", (double)sizes->table_bytes);
    cJSON_AddNumberToObject(object, "memoryAtBoot", (double)memory_bytes(inspection));
    cJSON *paths = cJSON_AddArrayToObject(object, "paths");
    for (uint32_t i = 0; i < image->listed.count; i++)
        cJSON_AddItemToArray(paths, inspection_item_json(inspection, i));
    return json_print(object, error);
}

static bool answer(const struct inspection *inspection, struct error *error)
{
    const struct settings *settings = &inspection->command->settings;
    if (settings->why)
        return inspection_explain(inspection, error);
    if (settings->closure)
        return inspection_show_closure(inspection, error);
    if (settings->json)
        return print_overview_json(inspection, error);
    print_overview(inspection);
    return true;
}

bool command_inspect(struct command *command, struct error *error)
{
    const char *name = command->arguments.items[0];
    cleanup(inspection_release) struct inspection inspection = { .command = command };
    cleanup(own_close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_errno(error, errno, "open %s", name);
    struct image_place place = { .fd = fd, .name = name };
    if (!image_open(&place, command->store.store_dir, 1, command->arena, &inspection.image, error))
        return false;
    inspection.sizes = image_sizes_take(&inspection.image, command->arena);
    if (!answer(&inspection, error) || !draw(&inspection, error))
        return error_in(error, "%s", name);
    return true;
}
