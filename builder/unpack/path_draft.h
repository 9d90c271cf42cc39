/* path_draft.h — writes a store path of an image to a store, under a temporary name.
 *
 * A path is hashed while it is written, from the same bytes. It gets its own name only later, once
 * its hash is known to be right and its files are on disk (unpack.h).
 *
 * Names    ".BASE.draft" in the store directory (draft.h); Nix takes no such name for a path.
 * Written  Files with mode 0444 or 0555, directories with 0555, times 1, as Nix makes them,
 *          whatever modes, owners and times the image has. Files are not synced.
 * Links    No link is followed: everything is created by a single name in a directory that was
 *          created by this run.
 */
#pragma once

#include "builder/reader/image_nar.h"

/* Writes the path request->top, and computes its NAR. The request's listener is not called. Fails if something has the temporary name. On failure the draft stays; path_draft_remove removes
 * it. The scratch needs 1 MiB. */
must_check bool path_draft_write(const struct image_nar_request *request, int store,
                                 struct arena scratch, struct nar *ret_nar, struct error *error);

/* Removes the draft of a path, if there is one. */
must_check bool path_draft_remove(int store, const char *temporary_name, struct error *error);

/* Removes all drafts of paths, which a killed run has left. Nobody may be writing one. */
must_check bool path_drafts_remove(int store, struct error *error);
