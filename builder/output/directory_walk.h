/* directory_walk.h — visits all files below a directory.
 *
 * Order    A directory comes after all that it holds, so that a visit may remove it.
 * Links    are not followed; a link is a file.
 * Limits   DIRECTORY_WALK_DEPTH_MAX levels of directories; a deeper one is refused.
 */
#pragma once

#include "schema/base/error.h"

enum { DIRECTORY_WALK_DEPTH_MAX = 8 };

struct directory_entry {
    int directory;    /* the one that has it */
    const char *name; /* in that directory */
    const char *path; /* below the directory in which the walk starts; valid during the visit */
    bool is_directory;
};

/* Returns false, and sets the sentence, to end the walk. */
typedef bool directory_visit(void *context, const struct directory_entry *entry,
                             struct error *error);

/* Calls `visit` for everything below the directory, in no particular order but children first. Files
 * may be removed meanwhile. */
must_check bool directory_walk(int directory, directory_visit *visit, void *context,
                               struct error *error);
