/* published_tree.h — what publishing knows of a tree: its SHA256SUMS and its boot.json, read and checked.
 *
 * Stores   The files stores/HEX.squashfs and stores/HEX.verity that SHA256SUMS lists, where HEX is the root
 *          hash of the image. A tree whose ramdisk has its images lists none.
 */
#pragma once

#include "builder/output/checksums.h"
#include "builder/tree/tree_place.h"

struct published_tree {
    struct checksums sums;
    struct str sums_text;
    struct hash hash;     /* SHA-256 of sums_text */
    const char *toplevel; /* a store path */
    const char *base_url; /* of boot.json, or null */
    struct hash *roots;   /* of the images in stores/, in ascending order */
    size_t root_count;
};

/* Reads the tree in an open directory. Refuses one without boot.json in its SHA256SUMS; a file in
 * stores/ whose name is not a root hash; and an image there without verity data, or the other way
 * round. */
must_check bool published_tree_read(int directory, struct arena *arena,
                                    struct published_tree *ret_tree, struct error *error);

/* Is it the name of a file in the tree's stores/? */
bool published_tree_is_store(const char *name);

/* The names of an image, of its verity data and of its checksum in stores/, and what they end in. The
 * last is where systemd-pull(8) looks for it. */
#define STORE_IMAGE_SUFFIX  ".squashfs"
#define STORE_VERITY_SUFFIX ".verity"
#define STORE_SUM_SUFFIX    STORE_IMAGE_SUFFIX ".sha256"

struct store_names {
    char image[HASH_HEX_LENGTH + sizeof STORE_IMAGE_SUFFIX];
    char verity[HASH_HEX_LENGTH + sizeof STORE_VERITY_SUFFIX];
    char sum[HASH_HEX_LENGTH + sizeof STORE_SUM_SUFFIX];
};

struct store_names store_names_of(const struct hash *root);

/* Parses one of these. Returns false, without a sentence, if it is another name. */
bool store_name_parse(struct str name, struct hash *ret_root);

/* Returns what the checksum's file must hold: the image's line in the tree's SHA256SUMS, without the
 * directory. The tree must have the image. */
struct str published_tree_sum(const struct published_tree *tree, const struct hash *root,
                              struct arena *arena);
