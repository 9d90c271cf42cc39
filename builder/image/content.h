/* content.h — reads every file, to compare the store with the manifest and to find equal files.
 *
 * Threads take the store paths one by one, the largest first. The data read is hashed for the
 * path's NAR hash. If another file has the same size, it also goes into a checksum of the file; the
 * few files with the same checksum are then hashed (duplicates.h). Small files are already in
 * memory (inventory.h).
 */
#pragma once

#include "builder/image/inventory.h"
#include "builder/output/progress.h"
#include "schema/base/crew.h"

struct content_options {
    bool check; /* compare NAR hashes; otherwise only files that may be equal to others are read */
    const struct crew *crew;
    struct progress *progress; /* or null */
};

/* Reads the inventory's files and sets their same_as. Refuses a path whose NAR hash or size differs
 * from that in the list, and files that change while they are read or cannot be read. */
must_check bool content_read(struct inventory *inventory, const struct path_list *paths,
                             const struct content_options *options, struct arena scratch,
                             struct error *error);
