#include "builder/inspect/inspect_picture.h"

#include "builder/inspect/package_name.h"
#include "builder/inspect/treemap.h"
#include "builder/output/output.h"
#include "builder/output/report.h"

#include "schema/base/counted.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/nix/store_path.h"

#include <errno.h>

/* A child of the root need not be a store path. */
static struct str package_of(struct str base)
{
    struct error ignored;
    if (!store_path_check(base, &ignored))
        return base;
    return package_name_split(store_path_name(base)).name;
}

static struct treemap_item *list_items(const struct inspection *inspection, struct arena *arena)
{
    const struct image_sizes *sizes = &inspection->sizes;
    struct treemap_item *items = arena_new(arena, struct treemap_item, sizes->count + 1);
    for (size_t i = 0; i < sizes->count; i++) {
        const struct image_size *size = &sizes->items[i];
        struct str name = package_of(size->name);
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

static bool write_picture(const struct inspection *inspection, int fd, const char *path,
                          struct error *error)
{
    struct arena scratch = *inspection->arena;
    const struct image_sizes *sizes = &inspection->sizes;
    cleanup(own_close_file) FILE *stream = fdopen(dup(fd), "w");
    if (!stream)
        return error_errno(error, errno, "write %s", path);
    struct str title = arena_format(&scratch, "%s: %.1f MiB, %s of %.1f MiB",
                                    inspection->image.name, report_mebibytes(sizes->image_bytes),
                                    counted(inspection->image.listed.count, "path").text,
                                    report_mebibytes(sizes->total.size_bytes));
    const struct treemap_item *items = list_items(inspection, &scratch);
    treemap_write(stream, title, items, sizes->count + 1, scratch);
    return (fflush(stream) == 0 && !ferror(stream)) || error_errno(error, errno, "write %s", path);
}

bool inspect_draw(const struct inspection *inspection, const char *path, struct error *error)
{
    cleanup(output_release) struct output output = { .directory = -1 };
    cleanup(draft_release) struct draft draft = { .fd = -1 };
    return output_open(path, OUTPUT_FILE, inspection->arena, &output, error) &&
           draft_open(output.directory, output.name, &draft, error) &&
           write_picture(inspection, draft.fd, path, error) && draft_publish(&draft, 0644, error);
}
