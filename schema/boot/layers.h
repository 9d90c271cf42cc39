/* layers.h — nix-store.layers.json: the store images that a ramdisk does not carry, but pins.
 *
 * The images are on a server, as a directory of files that are named by their content. The ramdisk
 * has this file in its root. So whoever trusts the ramdisk need not trust the server: the root hash
 * pins every byte of an image, and its size everything else of its verity data (verity.h).
 *
 * Shape    "version"  1
 *          "layers"   of each image, topmost first:
 *                       "name"         nix-store.squashfs, then nix-store.1.squashfs, and so on: the
 *                                      name that it would have in the root of the ramdisk
 *                       "size"         bytes of the image, which are whole blocks of 4096
 *                       "rootHash"     64 lower-case hex digits
 *                       "dataBlocks"   size / 4096
 *                       "veritySize"   bytes of the verity data
 *          An object has all of its members, each once, and no others: a later version has another
 *          number. The last two follow from the size, for readers that do not compute them.
 * Served   stores/ROOTHASH.squashfs and stores/ROOTHASH.verity.
 */
#pragma once

#include "schema/boot/verity.h"

#define LAYERS_NAME      "nix-store.layers.json"
#define LAYERS_DIRECTORY "stores"

/* The store image in the ramdisk, as NixOS mounts it: ../nix-store.squashfs. */
#define LAYER_STORE_NAME "nix-store.squashfs"

enum {
    LAYERS_MAX =
        500, /* that overlayfs stacks: OVL_MAX_STACK in the kernel's fs/overlayfs/super.c */
    LAYERS_BYTES_MAX = 1 << 20, /* of the text */
};

struct layer {
    struct str name;
    uint64_t size_bytes; /* of the image */
    struct hash root;
    struct verity_shape shape; /* follows from the size */
};

struct layer_list {
    struct layer *items; /* topmost first */
    size_t count, capacity;
};

/* Returns the name of the layer at an index, from the top: nix-store.squashfs, then
 * nix-store.1.squashfs, and so on. */
const char *layer_store_name(struct arena *arena, size_t index);

/* Appends a layer, and gives it the name and the shape that follow. Fails if the size is not one of
 * whole blocks, for a second layer of the same root hash, and above LAYERS_MAX. */
must_check bool layers_add(struct layer_list *list, uint64_t size_bytes, const struct hash *root,
                           struct arena *arena, struct error *error);

/* Returns the bytes of all images and their verity data. */
uint64_t layers_bytes(const struct layer_list *list);

/* Parses the file. Refuses whatever layers_format does not write, except for spaces, the order of
 * members and the spelling of numbers. The list lives in the arena. */
must_check bool layers_parse(struct str text, struct arena *arena, struct layer_list *ret_list,
                             struct error *error);

/* Formats the file. The list must not be empty. */
struct str layers_format(const struct layer_list *list, struct arena *arena);

/* Return the path of an image, or of its verity data, on the server and in a tree. It is terminated. */
struct str layer_image_name(const struct layer *layer, struct arena *arena);
struct str layer_verity_name(const struct layer *layer, struct arena *arena);
