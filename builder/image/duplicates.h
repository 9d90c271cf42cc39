/* duplicates.h — finds files with equal content, which is then stored only once.
 *
 * Candidates are files that have the size of another file; of several hard links to a file, only
 * one is read. When a candidate is read, its CRC-32 is computed, which takes almost no time.
 * Candidates with the same size and CRC-32 are almost always equal; these are read again and hashed
 * (SHA-256).
 */
#pragma once

#include "builder/image/inventory.h"
#include "schema/nix/hash.h"

/* A file that may be equal to another. */
struct candidate {
    uint32_t node;
    uint32_t leader; /* index of the hard link that is read for this file */
    uint32_t checksum;
    uint64_t size_bytes, device, inode;
    struct hash hash;
};

struct duplicates {
    struct candidate *candidates; /* ascending by size */
    size_t count;
    uint32_t *candidate_of; /* for each node: the index of its candidate plus one, or 0 */
};

/* Lists the files that have the size of another file. */
struct duplicates duplicates_list(const struct inventory *inventory, struct arena *arena);

/* Is the checksum of the file needed, or, after duplicates_narrow, its hash? */
bool duplicates_want(const struct duplicates *duplicates, uint32_t node);

/* Sets the CRC-32 of a file, if it is needed. Threads may call it for different files. */
void duplicates_tell_checksum(const struct duplicates *duplicates, uint32_t node,
                              uint32_t checksum);

/* Drops the candidates whose size and checksum no other candidate has. */
void duplicates_narrow(struct duplicates *duplicates);

/* Sets the SHA-256 of a file, if it is needed. Threads may call it for different files. */
void duplicates_tell_hash(const struct duplicates *duplicates, uint32_t node,
                          const struct hash *hash);

/* Sets same_as of the inventory's files. All hashes must have been set. */
void duplicates_resolve(const struct duplicates *duplicates, struct inventory *inventory);
