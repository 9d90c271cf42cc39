/* duplicates.h — which files have the same content, so that it is stored once.
 *
 * Only files whose size another one has can be; of hard links to one file one is looked at. While
 * all files are read their CRC-32 is taken, which costs next to nothing. Those that still have a
 * counterpart are nearly all what they seem, and are hashed (SHA-256).
 */
#pragma once

#include "builder/image/inventory.h"
#include "schema/nix/hash.h"

/* A file that may be there twice. */
struct candidate {
    uint32_t node;
    uint32_t leader; /* index of the hard link to the same file that is looked at */
    uint32_t checksum;
    uint64_t size_bytes, device, inode;
    struct hash hash;
};

struct duplicates {
    struct candidate *candidates; /* ascending by size */
    size_t count;
    uint32_t *candidate_of; /* per node: an index plus one, or 0 */
};

/* Lists the files whose size another one has. */
struct duplicates duplicates_list(const struct inventory *inventory, struct arena *arena);

/* Is the file's checksum needed or, after duplicates_narrow, its hash? */
bool duplicates_want(const struct duplicates *duplicates, uint32_t node);

/* Gives the CRC-32 of a file, where it is needed; several threads may, for different files. */
void duplicates_tell_checksum(const struct duplicates *duplicates, uint32_t node,
                              uint32_t checksum);

/* Drops the files whose size and checksum together no other one has. */
void duplicates_narrow(struct duplicates *duplicates);

/* Gives the SHA-256 of a file, where it is needed; several threads may, for different files. */
void duplicates_tell_hash(const struct duplicates *duplicates, uint32_t node,
                          const struct hash *hash);

/* Sets same_as of the inventory's files, once all hashes are there. */
void duplicates_resolve(const struct duplicates *duplicates, struct inventory *inventory);
