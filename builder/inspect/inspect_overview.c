#include "builder/inspect/inspect_overview.h"

#include "builder/output/report.h"
#include "builder/ramdisk/ramdisk.h"
#include "builder/tree/boot_memory.h"

#include "schema/base/json.h"

#include "schema/base/order.h"
#include "schema/base/show.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST_SHOWN = 20 };

/* For a ramdisk that has only this image, which takes the same space unpacked. Without root= on the
 * command line the kernel needs more memory, so that case is assumed. */
static uint64_t memory_bytes(const struct inspection *inspection)
{
    uint64_t bytes = inspection->sizes.image_bytes;
    return boot_memory_bytes(bytes, ramdisk_member_memory(bytes), boot_root_of(STR("")));
}

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
        count += !inspection_has(inspection, i);
    return count;
}

static void print_largest(const struct inspection *inspection)
{
    const struct image_sizes *sizes = &inspection->sizes;
    struct arena scratch = *inspection->arena;
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

static void print_text(const struct inspection *inspection)
{
    const struct image *image = &inspection->image;
    const struct image_sizes *sizes = &inspection->sizes;
    const struct image_size *total = &sizes->total;
    size_t missing = count_missing(inspection);
    show_line(stdout, "image     %.1f MiB, %s, blocks of %u KiB",
              report_mebibytes(sizes->image_bytes), image->file.compression_name,
              image->file.super.block_bytes >> 10);
    if (inspection->trailer.record.len)
        show_line(stdout, "made by   %.*s", STR_SHOWN(inspection->trailer.record));
    if (inspection->has_verity)
        show_line(stdout, "verity    root hash %s", hash_to_hex(&inspection->root).text);
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

static bool print_json(const struct inspection *inspection, struct error *error)
{
    const struct image *image = &inspection->image;
    const struct image_sizes *sizes = &inspection->sizes;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "image", (double)sizes->image_bytes);
    json_add_text(object, "compressor", str_from(image->file.compression_name));
    cJSON_AddNumberToObject(object, "blockSize", image->file.super.block_bytes);
    if (inspection->trailer.record.len)
        json_add_text(object, "blocksMadeBy", inspection->trailer.record);
    if (inspection->has_verity)
        json_add_text(object, "rootHash", str_from(hash_to_hex(&inspection->root).text));
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

bool inspect_print_overview(const struct inspection *inspection, struct error *error)
{
    if (inspection->as_json)
        return print_json(inspection, error);
    print_text(inspection);
    return true;
}
