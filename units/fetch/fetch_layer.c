#include "units/fetch/fetch_layer.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "units/fetch/cache.h"

#include <sys/mman.h>

/* Starts on a file: the mirrors have it, or the layer has its own URL. */
static void choose_mirrors(struct fetching *fetching, const struct fetch_layer *layer,
                           bool is_verity)
{
    struct arena *arena = fetching->arena;
    struct str name =
        is_verity ? layer_verity_name(&layer->pin, arena) : layer_image_name(&layer->pin, arena);
    const char *url = layer->url;
    if (url && is_verity)
        url = verity_name(str_from(url), arena).data;
    mirrors_begin(&fetching->mirrors, name.data, url, arena);
}

static bool fetch_verity(struct fetching *fetching, const struct fetch_layer *layer,
                         struct file target, struct error *error)
{
    struct stream stream = {
        .layer = &layer->pin,
        .target = target,
        .size_bytes = layer->pin.shape.size_bytes,
        .check = verity_stream_check,
        .check_writes = true,
    };
    choose_mirrors(fetching, layer, true);
    return fetch_file(fetching, &stream, error);
}

static bool fetch_image(struct fetching *fetching, const struct fetch_layer *layer,
                        struct file target, struct file verity, struct error *error)
{
    struct stream stream = {
        .layer = &layer->pin,
        .target = target,
        .verity = verity,
        .size_bytes = layer->pin.size_bytes,
        .check = image_stream_check,
    };
    choose_mirrors(fetching, layer, false);
    return fetch_file(fetching, &stream, error);
}

/* On a tmpfs the verity data has served its purpose when the image is complete. */
static bool fetch_to_memory(struct fetching *fetching, const struct fetch_layer *layer,
                            int directory, struct error *error)
{
    cleanup(draft_release) struct draft image = { .fd = -1 };
    cleanup(own_close) int verity = memfd_create("verity", MFD_CLOEXEC);
    if (verity < 0)
        return error_errno(error, errno, "create a file in memory");
    const char *name = fetch_image_name(&layer->pin, fetching->arena);
    struct file verity_file = { verity, "the verity data" };
    return draft_open(directory, name, &image, error) &&
           fetch_verity(fetching, layer, verity_file, error) &&
           fetch_image(fetching, layer, (struct file){ image.fd, name }, verity_file, error) &&
           draft_publish(&image, 0444, error);
}

static bool fetch_to_disk(struct fetching *fetching, const struct fetch_layer *layer, int directory,
                          struct error *error)
{
    struct arena *arena = fetching->arena;
    cleanup(draft_release) struct draft image = { .fd = -1 };
    cleanup(draft_release) struct draft verity = { .fd = -1 };
    const char *image_name = fetch_image_name(&layer->pin, arena);
    const char *verity_file_name = fetch_verity_name(&layer->pin, arena);
    if (!draft_open(directory, verity_file_name, &verity, error) ||
        !draft_open(directory, image_name, &image, error))
        return false;
    struct file verity_file = { verity.fd, verity_file_name };
    return fetch_verity(fetching, layer, verity_file, error) &&
           fetch_image(fetching, layer, (struct file){ image.fd, image_name }, verity_file,
                       error) &&
           draft_publish_pair(&verity, &image, 0444, error);
}

bool fetch_layer(const struct fetching *fetching, const struct fetch_layer *layer,
                 const struct fetch_target *target, struct error *error)
{
    struct mirror own = { 0 };
    struct fetching with_url = *fetching;
    if (layer->url)
        with_url.mirrors = (struct mirror_list){ &own, 1 };
    bool is_done = target->is_memory ? fetch_to_memory(&with_url, layer, target->directory, error)
                                     : fetch_to_disk(&with_url, layer, target->directory, error);
    return is_done || error_in(error, "fetch %.*s", STR_SHOWN(layer->pin.name));
}
