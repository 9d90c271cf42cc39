/* content.h — reading every file: is the store what the manifest says, and what is in it twice?
 *
 * Threads take the store paths one by one, the largest first. What is read goes into the NAR hash of
 * its path and, if another file has the same size, into a checksum of its own; the few files that
 * have the same one are then hashed (duplicates.h). Small files are in memory already (inventory.h).
 */
#pragma once

#include "builder/image/inventory.h"
#include "builder/output/progress.h"
#include "schema/base/crew.h"

struct content_options {
    bool check; /* compute the NAR hashes; else only what may repeat is read */
    const struct crew *crew;
    struct progress *progress; /* or null */
};

/* Sets same_as of the inventory's files.
 * Refuses a path whose NAR hash or size is not the one in the list; files that change while they are
 * read, or cannot be read. */
must_check bool content_read(struct inventory *inventory, const struct path_list *paths,
                             const struct content_options *options, struct arena scratch,
                             struct error *error);
