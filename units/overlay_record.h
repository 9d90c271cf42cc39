/* overlay_record.h — keeps an upper layer of overlayfs from other layers than those it was written
 * above.
 *
 * What overlayfs then shows is undefined: files of one image with names of another. So a record beside
 * the upper layer has the layers below it, and is compared before each mount.
 *
 * Shape    of the directory:
 *            store, work     what overlayfs requires
 *            layers          the record: for each layer, topmost first, the SHA-256 of its manifest,
 *                            64 hex digits, and '\n'
 *            old.1, old.2 …  upper layers that were moved away, each with its record
 * Layer    Its manifest has the hash of every path, so it identifies what the image has, however that
 *          is compressed, and wherever it is read from.
 * Crash    The record is on disk before the upper layer has its first file. A reset that is cut off is
 *          an upper layer without a record, which is that of other layers.
 * Source   Linux, Documentation/filesystems/overlayfs.rst, "Changes to underlying filesystems".
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/file.h"

#define OVERLAY_RECORD_NAME "layers"

/* The layers that lie below now. */
struct overlay_lower {
    const char *const *layers; /* where each is mounted, topmost first */
    size_t count;              /* at least 1 */
    bool resets;               /* move an upper layer away that was written above others */
};

/* Creates `store` and `work`, unless they exist. Fails if one is not a directory. */
must_check bool overlay_directories_make(struct file directory, struct error *error);

/* Creates `store` and `work` in a directory of somebody who is trusted, whose name in sentences is
 * that of the device, unless they are there and were made above the same layers. An upper layer without
 * a file counts as none. *ret_moved is the name that the old one has now, or null. Fails, and changes
 * nothing, if the upper layer was written above others, or a layer has no manifest. */
must_check bool overlay_record_prepare(struct file directory, const struct overlay_lower *lower,
                                       struct arena *arena, const char **ret_moved,
                                       struct error *error);
