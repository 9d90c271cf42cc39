/* system_draft.h — copies the files of a tree, except its images, to the draft of a system.
 */
#pragma once

#include "builder/publish/publish.h"

/* Copies a file and compares the copy with its hash. */
must_check bool system_draft_copy(struct file source, struct file target, const struct hash *hash,
                                  struct arena scratch, uint64_t *ret_size_bytes,
                                  struct error *error);

/* Writes all files that SHA256SUMS lists, itself, and the link to the images. A file is for all to read, and
 * executable if that of the tree is. Files of one hash are one file, as in a tree. */
must_check bool system_draft_write(const struct publish_request *request, int draft,
                                   struct arena scratch, struct error *error);
