#include "builder/image.h"

#include "schema/manifest.h"

#include <stdlib.h>

void image_release(const struct image_source *source)
{
    inventory_release(&source->inventory);
}

/* The manifest as text in the arena. */
static bool format_manifest(const struct path_list *paths, struct str store_dir,
                            struct arena *arena, struct str *ret_text, struct error *error)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (!stream)
        return error_set(error, "out of memory");
    manifest_write(stream, paths, store_dir);
    bool written = !ferror(stream);
    written = fclose(stream) == 0 && written;
    if (written)
        *ret_text = arena_copy(arena, (struct str){ text, length });
    free(text);
    return written || error_set(error, "out of memory");
}

bool image_prepare(const struct closure_request *request, struct arena *arena,
                   struct image_source *ret_source, struct error *error)
{
    struct image_source source = IMAGE_SOURCE_NONE;
    if (!closure_find(request, arena, &source.closure, error) ||
        !format_manifest(&source.closure.paths, request->store->store_dir, arena, &source.manifest,
                         error))
        return false;
    struct extra_file manifest = { STR(MANIFEST_NAME), source.manifest };
    if (!inventory_take(request->store, &source.closure.paths, &manifest, arena, &source.inventory,
                        error))
        return false;
    *ret_source = source;
    return true;
}
