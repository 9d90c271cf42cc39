/* tree_description.h — boot.json of a tree: all data from which its scripts are made.
 *
 * Shape    "version"      1
 *          "toplevel"     the system, a store path
 *          "label"        for people, "system", the platform; empty if the system has none
 *          "init", "kernelParams", "commandLine"
 *          "baseUrl"      where netboot.ipxe loads files from; missing: from its own directory
 *          "kernel"       { "name", "size", "sha256" } of a file of the tree
 *          "initrd"       the same for each file of the ramdisk, in the order in which they are
 *                         loaded; the kernel gets them concatenated
 *          "deviceTree"   for U-Boot: a file of the tree, or the directory of several; may be missing
 *          "storeImages"  { "name" in the root of the ramdisk, "file" of the tree, "offset" in it,
 *                         "size" } of each, topmost first. An image in a compressed archive has no
 *                         offset, but "archiveOffset": where that archive starts
 *          "layers"       in a tree by URL: where nix-store.layers.json is (schema/boot/layers.h),
 *                         as of an image. Then each image has a "rootHash", its file is
 *                         stores/ROOTHASH.squashfs, and is not a part of "initrd"
 *          "storePieces"  in such a tree: files as in "initrd", to be loaded after these where they
 *                         are at hand; missing if an image is too large for that
 *          "unpackedSize" the memory that the unpacked ramdisk takes
 *          "memoryAtBoot" the least memory with which a machine boots it, see boot_memory.h
 *          "uki"          if there is one: "name", "size" and "sha256" of a file of the tree, and
 *                         "memoryAtBoot", which includes what firmware takes to load it
 *          Sizes and offsets are in bytes, hashes in hex digits.
 */
#pragma once

#include "schema/boot/boot_spec.h"
#include "schema/boot/layers.h"
#include "schema/nix/hash.h"

#include <stdio.h>

enum { TREE_DESCRIPTION_BYTES_MAX = 1 << 20 };

struct tree_file {
    const char *name;
    struct hash hash;
    uint64_t size_bytes;
};

struct tree_image {
    const char *name; /* in the root of the ramdisk */
    const char *file; /* of the tree */
    uint64_t offset, size_bytes;
    bool is_packed;   /* in a compressed archive, whose start `offset` is */
    struct hash root; /* in a tree by URL */
};

struct tree_description {
    const char *toplevel, *label, *system, *init, *params, *command_line;
    const char *base_url;         /* without a final '/'; or null */
    const char *device_tree;      /* or null */
    struct tree_file kernel, uki; /* a null name: there is none */
    struct tree_file *ramdisks;
    size_t ramdisk_count; /* what is loaded by URL */
    size_t piece_count;   /* of a tree by URL: what is loaded after these if it is at hand */
    struct tree_image *images;
    size_t image_count;
    struct tree_image layers; /* the list of a tree by URL; a null name: it is another tree */
    uint64_t layer_bytes;     /* of a tree by URL: what a machine fetches, with verity data */
    uint64_t unpacked_bytes, memory_bytes, uki_memory_bytes;
};

/* Can the path of a file of the tree be written into boot.json and the menus of boot loaders? All
 * its components are plain names (boot_spec.h). */
bool tree_description_is_path(struct str path);

/* Returns a description with what the boot specification says. Of the files, it has only the
 * kernel's name. */
struct tree_description tree_describe(const struct boot_spec *spec, struct str store_dir,
                                      const char *base_url, struct arena *arena);

static inline bool tree_is_by_url(const struct tree_description *description)
{
    return description->layers.name != NULL;
}

/* Returns the kernel parameter that says where the store is to be fetched from, after a space: the
 * base URL if there is one, or `place`. Returns the empty text if the tree is not by URL, or if
 * neither is known. */
struct str tree_from(const struct tree_description *description, const char *place,
                     struct arena *arena);

/* Computes the list of layers from the images of a tree by URL. Fails if layers_add does. */
must_check bool tree_layers(const struct tree_description *description, struct arena *arena,
                            struct layer_list *ret_layers, struct error *error);

/* Computes the size and digest of an open file, from its start. */
must_check bool tree_file_read(int fd, const char *name, struct arena scratch,
                               struct tree_file *ret_file, struct error *error);

/* Formats boot.json. All texts must be UTF-8; those of a boot specification are. */
must_check bool tree_description_format(const struct tree_description *description,
                                        struct arena *arena, struct str *ret_text,
                                        struct error *error);

/* Parses boot.json. Refuses another shape or version; a file name that is not plain (boot_spec.h);
 * control characters in texts for scripts; and an image whose file is not part of the ramdisk. */
must_check bool tree_description_parse(struct str text, struct arena *arena,
                                       struct tree_description *ret_description,
                                       struct error *error);
