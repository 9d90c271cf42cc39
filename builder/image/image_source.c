#include "builder/image/image_source.h"

#include "builder/reader/base_images.h"
#include "schema/base/text_stream.h"
#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json.h"
#include "schema/nix/path_info_json_write.h"

void image_source_release(const struct image_source *source)
{
    inventory_release(&source->inventory);
}

/* Formats the manifest or, if `as_json`, the description beside it. */
static bool format(const struct path_list *paths, struct str store_dir, bool as_json,
                   struct arena *arena, struct str *ret_text, struct error *error)
{
    cleanup(text_stream_close) struct text_stream text = TEXT_STREAM_CLOSED;
    if (!text_stream_open(&text, arena, error))
        return false;
    if (as_json)
        path_info_json_write(text.stream, paths, store_dir, *arena);
    else
        manifest_write(text.stream, paths, store_dir);
    return text_stream_finish(&text, ret_text, error);
}

enum { EXTRA_MAX = 3 };

/* A store on a read-only file system must have .links, which Nix otherwise creates, and see MANIFEST_PATH_NAME. */
static size_t list_extra(const struct image_options *options, struct arena *arena,
                         struct extra_file *ret_files)
{
    const char *manifest = options->is_lower ? MANIFEST_PATH_NAME : MANIFEST_NAME;
    size_t count = 0;
    if (options->is_lower)
        ret_files[count++] =
            (struct extra_file){ .name = STR(STORE_LINKS_NAME), .is_directory = true };
    ret_files[count++] = (struct extra_file){ .name = str_from(manifest) };
    if (options->with_signatures)
        ret_files[count++] =
            (struct extra_file){ .name =
                                     arena_format(arena, "%s" PATH_INFO_JSON_SUFFIX, manifest) };
    return count;
}

bool image_source_take(const struct closure_request *request, const struct image_options *options,
                       struct arena *arena, struct image_source *ret_source, struct error *error)
{
    struct image_source source = IMAGE_SOURCE_NONE;
    const struct path_list *paths = &source.closure.paths;
    struct str store_dir = request->store->store_dir;
    struct extra_file files[EXTRA_MAX];
    struct extra_files extra = { files, list_extra(options, arena, files) };
    if (!closure_find(request, arena, &source.closure, error))
        return false;
    for (size_t i = 0; i < extra.count; i++)
        if (!files[i].is_directory &&
            !format(paths, store_dir, str_ends(files[i].name, STR(PATH_INFO_JSON_SUFFIX)), arena,
                    &files[i].content, error))
            return false;
    bool *held = arena_new(arena, bool, paths->count);
    if (!base_images_find(&options->bases, store_dir, paths, *arena, held, error))
        return false;
    for (size_t i = 0; i < paths->count; i++)
        source.held_count += held[i];
    struct inventory_request walk = {
        .store = request->store,
        .paths = paths,
        .left_out = held,
        .extra = extra,
        .crew = options->content.crew,
    };
    if (!inventory_take(&walk, arena, &source.inventory, error))
        return false;
    if (!content_read(&source.inventory, paths, &options->content, *arena, error)) {
        image_source_release(&source);
        return error_in(error, "%s", store_dir.data);
    }
    *ret_source = source;
    return true;
}
