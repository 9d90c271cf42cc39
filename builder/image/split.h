/* split.h — a closure in several images, none larger than a limit.
 *
 * The whole is packed once, which tells what each path takes. Paths are then dealt out in their order,
 * and each layer is packed from the blocks of the whole, as --reuse does it. Every layer holds the
 * complete manifest; a path is in one layer. How paths are dealt out depends on the closure, the
 * options and the limit alone.
 *
 * Names    of FILE.squashfs: FILE.squashfs, the upper layer, FILE.1.squashfs, FILE.2.squashfs …
 */
#pragma once

#include "builder/image/squashfs.h"
#include "builder/output/output.h"
#include "schema/base/options.h"

enum { SPLIT_LAYERS_MAX = 1000 };

struct split_request {
    const struct inventory *inventory;
    const struct squashfs_options *squashfs;
    uint64_t limit_bytes;
    struct str store_dir;
    const struct output *output; /* the upper layer's name */
};

/* Writes and publishes the layers, the upper one last. *ret_names are their names; *ret_result adds
 * them up. Refuses a path that is larger than the limit alone. */
must_check bool split_write(const struct split_request *request, struct arena *arena,
                            struct option_list *ret_names, struct squashfs_result *ret_result,
                            struct error *error);
