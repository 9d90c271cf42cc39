/* split.h — writes a closure as several images, none of which is larger than a limit.
 *
 * First, one image of the whole closure is written, to find out the packed size of each path. Then
 * the paths are distributed in their order, and each layer is written with the blocks of the whole
 * image, as with --reuse. Every layer has the complete manifest; each path is in one layer. The
 * distribution depends only on the closure, the options and the limit.
 *
 * Names    of FILE.squashfs: FILE.squashfs is the topmost layer, then FILE.1.squashfs,
 *          FILE.2.squashfs …
 */
#pragma once

#include "builder/image/image_draft.h"
#include "builder/image/squashfs.h"
#include "builder/output/output.h"
#include "schema/base/options.h"

enum { SPLIT_LAYERS_MAX = 1000 };

struct split_request {
    const struct inventory *inventory;
    const struct squashfs_options *squashfs;
    uint64_t limit_bytes;     /* 0: none; all of the closure is one image */
    enum verity_place verity; /* each layer has its own; what is appended counts for the limit */
    struct str store_dir;
    const struct output *output; /* the name of the topmost layer */
};

struct split_result {
    struct squashfs_result sums;
    struct option_list names; /* of the layers, topmost first */
    struct hash *roots;       /* of their verity data; zeros if there is none */
};

/* Checks the name of each possible layer before the work. Fails if publishing it would fail. */
must_check bool split_try_names(const struct output *output, enum verity_place verity,
                                struct arena scratch, struct error *error);

/* Writes and publishes the layers, the topmost one last; without a limit, the one image. Refuses a path that alone is larger than the
 * limit. */
must_check bool split_write(const struct split_request *request, struct arena *arena,
                            struct split_result *ret_result, struct error *error);
