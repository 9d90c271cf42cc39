#include "builder/check/tree_check_layers.h"

#include "builder/tree/tree_place.h"
#include "schema/base/own.h"

#include <string.h>

/* Reads the list that the ramdisk has. */
static bool read_list(const struct tree_check *check, struct arena *arena, struct str *ret_text,
                      struct error *error)
{
    const struct tree_image *list = &check->description.layers;
    struct image_place place = { .budget = check->verifier->budget };
    cleanup(own_close) int file = tree_check_open(check, list->file, error);
    if (file < 0 || !tree_place_open(&file, list, &place, error))
        return false;
    cleanup(own_close) int fd = place.fd;
    char *text = arena_room(arena, list->size_bytes);
    size_t got;
    if (!file_read_at((struct file){ fd, LAYERS_NAME }, text, list->size_bytes, place.offset, &got,
                      error))
        return false;
    *ret_text = (struct str){ text, got };
    return true;
}

/* Compares the list with the images of boot.json, which make it. */
static void check_list(struct tree_check *check, const struct layer_list *layers)
{
    struct arena scratch = *check->arena;
    struct str text, wanted = layers_format(layers, &scratch);
    struct error reason;
    if (!read_list(check, &scratch, &text, &reason))
        tree_check_add(check, FINDING_UNREADABLE, LAYERS_NAME, reason.sentence);
    else if (!str_equal(text, wanted))
        tree_check_add(check, FINDING_DISAGREEING, LAYERS_NAME,
                       "the list in the ramdisk is not what " TREE_BOOT_JSON_NAME " says");
}

/* Verifies the image against the root hash, and the verity data against both. An image that is not there
 * was found already. */
static bool check_verity(struct tree_check *check, const struct layer *layer, struct error *error)
{
    struct arena scratch = *check->arena;
    struct error reason;
    struct verity_files files = { .image.name = layer_image_name(layer, &scratch).data,
                                  .verity.name = layer_verity_name(layer, &scratch).data };
    struct budget *contents = &check->verifier->budget->contents;
    if (!tree_check_find(check, files.verity.name))
        tree_check_add(check, FINDING_MISSING, files.verity.name, "it is not in the tree");
    cleanup(own_close) int image = tree_check_open(check, files.image.name, &reason);
    cleanup(own_close) int verity = tree_check_open(check, files.verity.name, &reason);
    files.image.fd = image;
    files.verity.fd = verity;
    if (image < 0 || verity < 0)
        return true;
    if (!budget_spend(contents, layer->size_bytes, error))
        return false;
    if (!verity_check(&files, &layer->shape, &layer->root, check->verifier->crew, &reason))
        tree_check_add(check, FINDING_LAYOUT, layer->name.data, reason.sentence);
    return true;
}

static bool is_of_layers(struct str name, const struct layer_list *layers, struct arena scratch)
{
    for (size_t i = 0; i < layers->count; i++)
        if (str_equal(name, layer_image_name(&layers->items[i], &scratch)) ||
            str_equal(name, layer_verity_name(&layers->items[i], &scratch)))
            return true;
    return false;
}

/* Files that SHA256SUMS does not list were found already. */
static void check_strays(struct tree_check *check, const struct layer_list *layers)
{
    for (size_t i = 0; i < check->sums.count; i++) {
        const char *name = check->sums.items[i].name;
        if (str_starts(str_from(name), STR(LAYERS_DIRECTORY "/")) &&
            !is_of_layers(str_from(name), layers, *check->arena))
            tree_check_add(check, FINDING_STRAY, name, "it belongs to none of the layers");
    }
}

bool tree_check_layers(struct tree_check *check, struct error *error)
{
    struct layer_list layers;
    if (!tree_is_by_url(&check->description))
        return true;
    if (!tree_layers(&check->description, check->arena, &layers, error))
        return false;
    check_list(check, &layers);
    for (size_t i = 0; i < layers.count; i++)
        if (!check_verity(check, &layers.items[i], error))
            return false;
    check_strays(check, &layers);
    return true;
}
