/* image_reader.h — a store image that is open for reading: its tree, its contents, its manifest.
 *
 * Contents are read block by block, by any number of threads, each with a worker of its own. Small
 * files share fragment blocks, and neighbours in the order of paths mostly the same ones: workers that
 * share a cache find what was unpacked last, so that a walk in this order unpacks each about once.
 *
 * Memory   The tables unpacked, about 200 bytes a file; a cache has IMAGE_FRAGMENTS_KEPT blocks. All of it is
 *          within the image's budget (image_budget.h). What is read of contents is paid for, holes too.
 * Refused  Whatever does not fit together: see image_file.h and image_tree.h. The data of a file is
 *          looked at when it is read. What is merely not as the builder makes it is read:
 *          image_check.h finds that.
 */
#pragma once

#include "builder/reader/image_tree.h"
#include "schema/nix/path_info.h"

enum { IMAGE_FRAGMENTS_KEPT = 128, IMAGE_RANGES_MAX = 16 };

/* The tables with an index. */
enum image_table_name { IMAGE_FRAGMENTS, IMAGE_EXPORTS, IMAGE_IDS, IMAGE_TABLE_COUNT };

/* A block in which the ends of files are. */
struct image_fragment {
    struct image_block block;
    uint32_t unused;         /* a field that has to be 0 */
    uint32_t unpacked_bytes; /* 0 until it was read; use image_fragment_bytes */
};

struct image {
    const char *name;
    struct image_file file;
    struct image_tree tree;
    struct image_table tables[IMAGE_TABLE_COUNT];
    struct image_fragment *fragments;
    size_t fragment_count;
    struct image_range ranges[IMAGE_RANGES_MAX]; /* all but file data and what is behind the end */
    size_t range_count;

    uint32_t manifest;       /* its node */
    uint32_t description;    /* that of nix-path-registration.json; 0: none */
    struct path_list listed; /* what the manifest lists, normalised */
};

struct image_cache;

/* What one thread reads with. */
struct image_worker {
    struct image_decoder decoder;
    unsigned char *block;
    struct image_cache
        *cache; /* borrowed; null: each fragment block is unpacked for its own sake */
};

#define IMAGE_WORKER_NONE ((struct image_worker){ .block = NULL })

/* Opens an image. It borrows the place's descriptor, owns nothing but memory, and is not closed.
 * store_dir is where the manifest's paths lie.
 * Refuses an image without a manifest, or with one that is malformed. */
must_check bool image_open(const struct image_place *place, struct str store_dir,
                           struct arena *arena, struct image *ret_image, struct error *error);

/* Makes room for the fragment blocks that were unpacked last, for `jobs` workers to share. */
must_check bool image_share(const struct image *image, unsigned jobs, struct arena *arena,
                            struct image_cache **ret_cache, struct error *error);

must_check bool image_worker_make(const struct image *image, struct arena *arena,
                                  struct image_worker *ret_worker, struct error *error);
void image_worker_release(const struct image_worker *worker);

/* Takes a piece of a file. */
typedef void image_sink(void *context, const void *data, size_t size_bytes);

/* Hands out the file's contents in order, exactly its size_bytes if nothing fails. */
must_check bool image_read_file(const struct image *image, struct image_worker *worker,
                                const struct image_inode *inode, image_sink *sink, void *context,
                                struct error *error);

/* The whole contents of a file, terminated. Refuses more than limit_bytes, and more than the budget has for
 * a text and what is made of it. */
must_check bool image_read_text(const struct image *image, const struct image_inode *inode,
                                size_t limit_bytes, struct arena *arena, struct str *ret_text,
                                struct error *error);

/* How many bytes a fragment block has unpacked; 0 if it was not read. */
uint32_t image_fragment_bytes(const struct image *image, size_t fragment);

const struct image_inode *image_inode_of(const struct image *image, uint32_t node);

/* The child of that name, or 0. */
uint32_t image_find_child(const struct image *image, uint32_t parent, struct str name);

/* The root's child of that name, or 0. */
uint32_t image_find(const struct image *image, struct str name);
