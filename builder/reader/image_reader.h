/* image_reader.h — reads a store image: its tree, its contents and its manifest.
 *
 * Contents are read block by block, by any number of threads, each with its own worker. Small files
 * share fragment blocks, and neighbouring paths mostly use the same ones. Workers share a cache of
 * unpacked blocks, so that a walk in the order of paths unpacks each block about once.
 *
 * Memory   The unpacked tables take about 200 bytes for each file; a cache has IMAGE_FRAGMENTS_KEPT
 *          blocks. All memory is charged to the image's budget (image_budget.h), and so are the
 *          contents that are read, including holes.
 * Refused  Inconsistent images: see image_file.h and image_tree.h. The data of a file is checked
 *          when it is read. An image that only differs from what regd-build would write is
 *          accepted; image_check.h finds such differences.
 */
#pragma once

#include "builder/reader/image_tree.h"
#include "schema/nix/path_info.h"

enum { IMAGE_FRAGMENTS_KEPT = 128, IMAGE_RANGES_MAX = 16 };

/* The tables with an index. */
enum image_table_name { IMAGE_FRAGMENTS, IMAGE_EXPORTS, IMAGE_IDS, IMAGE_TABLE_COUNT };

/* A fragment block: it holds small files and the ends of large ones. */
struct image_fragment {
    struct image_block block;
    uint32_t unused;         /* a field that must be 0 */
    uint32_t unpacked_bytes; /* 0 until the block is read; use image_fragment_bytes */
};

struct image {
    const char *name;
    struct image_file file;
    struct image_tree tree;
    struct image_table tables[IMAGE_TABLE_COUNT];
    struct image_fragment *fragments;
    size_t fragment_count;
    struct image_range ranges[IMAGE_RANGES_MAX]; /* all parts except file data and trailer */
    size_t range_count;

    uint32_t manifest;       /* node of the manifest */
    uint32_t description;    /* node of nix-path-registration.json; 0: none */
    struct path_list listed; /* the paths of the manifest, normalised */
};

struct image_cache;

/* What a thread needs for reading. */
struct image_worker {
    struct image_decoder decoder;
    unsigned char *block;
    struct image_cache *cache; /* borrowed; null: fragment blocks are not cached */
};

#define IMAGE_WORKER_NONE ((struct image_worker){ .block = NULL })

/* Opens an image. It borrows the place's descriptor and owns only memory, so it need not be closed.
 * store_dir is the store directory in the manifest. Refuses an image without a manifest, or with a
 * malformed one. */
must_check bool image_open(const struct image_place *place, struct str store_dir,
                           struct arena *arena, struct image *ret_image, struct error *error);

must_check bool image_worker_make(const struct image *image, struct arena *arena,
                                  struct image_worker *ret_worker, struct error *error);
void image_worker_release(const struct image_worker *worker);

/* Receives a piece of a file. */
typedef void image_sink(void *context, const void *data, size_t size_bytes);

/* Passes the file's contents to `sink`, in order; exactly its size_bytes, unless it fails. */
must_check bool image_read_file(const struct image *image, struct image_worker *worker,
                                const struct image_inode *inode, image_sink *sink, void *context,
                                struct error *error);

/* Reads the whole contents of a file, and terminates them. Refuses more than limit_bytes, and more
 * than the budget allows for a text and the values parsed from it. */
must_check bool image_read_text(const struct image *image, const struct image_inode *inode,
                                size_t limit_bytes, struct arena *arena, struct str *ret_text,
                                struct error *error);

/* Returns the unpacked size of a fragment block; 0 if it has not been read. */
uint32_t image_fragment_bytes(const struct image *image, size_t fragment);

const struct image_inode *image_inode_of(const struct image *image, uint32_t node);

/* Returns the child of that name, or 0. */
uint32_t image_find_child(const struct image *image, uint32_t parent, struct str name);

/* Returns the root's child of that name, or 0. */
uint32_t image_find(const struct image *image, struct str name);
