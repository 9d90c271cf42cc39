/* verity.h — the hash tree of dm-verity: one number, the root hash, pins every byte of an image.
 *
 * A reader that has the tree can check each block by itself; whoever has only the root hash can
 * check the tree. The kernel's dm-verity does so at each read.
 *
 * Shape    Blocks of 4 KiB. The first has the superblock, all numbers little-endian, then zeros:
 *              0  "verity" and two NULs
 *              8  version 1 (32 bits), hash type 1 (32 bits)
 *             16  a UUID, made of the root hash
 *             32  "sha256" and NULs, 32 bytes
 *             64  bytes of a data block, of a hash block (32 bits each): 4096
 *             72  number of data blocks (64 bits)
 *             80  bytes of the salt (16 bits): 0
 *          The levels of the tree follow, the topmost one first. A block of a level has the SHA-256
 *          of 128 blocks of the level below, the lowest one those of the image; its end is filled
 *          with NULs. The topmost level is one block, and the root hash is its SHA-256. An image of
 *          one block has no levels.
 * Pins     The root hash does not cover the superblock. So nothing is ever taken from there: whoever
 *          pins a root hash pins the image's size with it, and the superblock follows from both.
 * Source   The kernel's Documentation/admin-guide/device-mapper/verity.rst; cryptsetup's
 *          veritysetup(8), of which `format --salt=-` makes the same bytes.
 */
#pragma once

#include "schema/base/crew.h"
#include "schema/base/file.h"
#include "schema/nix/hash.h"

/* Of a file with the verity data of an image: see verity_name. */
#define VERITY_SUFFIX ".verity"

enum {
    VERITY_BLOCK_BYTES = 4096,
    VERITY_BRANCHES = VERITY_BLOCK_BYTES / HASH_BYTES, /* blocks that one hash block covers */
    VERITY_SPAN_BYTES = VERITY_BRANCHES * VERITY_BLOCK_BYTES, /* of the level below */
    VERITY_LEVELS_MAX = 8, /* an image of 2^64 bytes has no more */
    VERITY_UUID_BYTES = 16,
};

struct verity_level {
    uint64_t offset; /* in the verity data, whose first byte is the superblock's */
    uint64_t block_count;
};

/* Returns the name of the file with an image's verity data, terminated: of IMAGE.squashfs,
 * IMAGE.verity; of another name, NAME.verity. A path and a URL keep what comes before. */
struct str verity_name(struct str image, struct arena *arena);

/* The same without VERITY_SUFFIX. */
struct str verity_stem(struct str image);

/* What follows from the size of an image. */
struct verity_shape {
    uint64_t data_blocks;
    unsigned level_count;
    struct verity_level levels[VERITY_LEVELS_MAX]; /* the lowest one first */
    uint64_t size_bytes;                           /* of the verity data */
};

/* Fails if there are no whole blocks in an image of that size, or none at all. */
must_check bool verity_shape_of(uint64_t image_bytes, struct verity_shape *ret_shape,
                                struct error *error);

/* An RFC 9562 UUID of version 8: the start of the root hash, except for the bits of the version and
 * the variant. */
void verity_uuid(const struct hash *root, uint8_t ret_uuid[static VERITY_UUID_BYTES]);

/* Formats the block with the superblock. */
void verity_superblock(const struct verity_shape *shape, const struct hash *root,
                       uint8_t ret_block[static VERITY_BLOCK_BYTES]);

/* Computes a hash block: of up to VERITY_BRANCHES blocks, at least one; the last one must be whole. */
void verity_hash_blocks(struct str blocks, uint8_t ret_block[static VERITY_BLOCK_BYTES]);

/* An image and its verity data, which may be in one file. */
struct verity_files {
    struct file image, verity;
    uint64_t image_offset, verity_offset;
};

/* Computes the tree of an image and writes the verity data, with all threads of the crew, whose
 * arenas are used only during the call. Any number of threads gives the same bytes. */
must_check bool verity_write(const struct verity_files *files, const struct verity_shape *shape,
                             const struct crew *crew, struct hash *ret_root, struct error *error);

/* Computes the root hash of an image alone; `files` need not name verity data. The tree takes memory
 * while the function runs: 8 MiB for each GiB of the image. */
must_check bool verity_compute(const struct verity_files *files, const struct verity_shape *shape,
                               const struct crew *crew, struct hash *ret_root, struct error *error);

/* Reads the root hash: that of the topmost block. Fails if the superblock is not the one that
 * verity_write writes, for this image and root hash. */
must_check bool verity_root(const struct verity_files *files, const struct verity_shape *shape,
                            struct hash *ret_root, struct error *error);

/* Computes the tree again and compares it, from the image up to the root hash and the superblock.
 * The sentence has a place of the image, or of the verity data, that differs. */
must_check bool verity_check(const struct verity_files *files, const struct verity_shape *shape,
                             const struct hash *root, const struct crew *crew, struct error *error);
