/* duplicates.h — which files have the same content, so that it is stored once.
 *
 * Only files whose size another one has need a hash; of hard links to one file one does.
 */
#pragma once

#include "builder/inventory.h"
#include "schema/hash.h"

/* A file whose size another one has, too. */
struct candidate {
    uint32_t node;
    uint32_t leader; /* index of the hard link to the same file that is hashed */
    uint64_t size_bytes, device, inode;
    struct hash hash;
};

struct duplicates {
    struct candidate *candidates;
    size_t count;
    uint32_t *candidate_of; /* per node: an index plus one, or 0 */
};

/* Lists what may be there twice, and hashes what is in memory. */
struct duplicates duplicates_list(const struct inventory *inventory, struct arena *arena);

/* Does the file need a hash? */
bool duplicates_want(const struct duplicates *duplicates, uint32_t node);

/* Gives the SHA-256 of a file that needs it; several threads may, for different files. */
void duplicates_tell(const struct duplicates *duplicates, uint32_t node, const struct hash *hash);

/* Sets same_as of the inventory's files, once all hashes are there. */
void duplicates_resolve(const struct duplicates *duplicates, struct inventory *inventory);
