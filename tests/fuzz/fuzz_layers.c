/* nix-store.layers.json of a ramdisk: what is read can be written, and reads the same again. */
#include "schema/boot/layers.h"
#include "tests/fuzz/fuzz.h"

static void check_layer(const struct layer *layer, size_t index, struct arena scratch)
{
    fuzz_same(layer->name, str_from(layer_store_name(&scratch, index)), "names are in order");
    fuzz_must(layer->size_bytes == layer->shape.data_blocks * VERITY_BLOCK_BYTES,
              "the shape is that of the size");
    fuzz_must(str_is_plain_path(layer_image_name(layer, &scratch)), "no name leads elsewhere");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct layer_list list, again;
    struct error error;
    if (!fuzz_done(layers_parse(fuzz_text(data, size), &arena, &list, &error), &error))
        return 0;
    fuzz_must(list.count > 0 && list.count <= LAYERS_MAX, "there are layers");
    for (size_t i = 0; i < list.count; i++)
        check_layer(&list.items[i], i, arena);
    struct str text = layers_format(&list, &arena);
    fuzz_must(layers_parse(text, &arena, &again, &error), "what was written can be read");
    fuzz_same(layers_format(&again, &arena), text, "it is the same again");
    return 0;
}
