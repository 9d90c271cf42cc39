/* inspection.h — an image that is inspected, for inspect.c and inspect_references.c alone.
 */
#pragma once

#include "builder/command.h"
#include "builder/inspect/image_sizes.h"
#include "builder/output/report.h"

#include <cjson/cJSON.h>

struct inspection {
    const struct command *command;
    struct image image;
    struct image_sizes sizes;
};

/* What a path of the manifest takes in this image: nothing at all if it is not in it. */
const struct image_size *inspection_size(const struct inspection *inspection, uint32_t item);

struct str inspection_path(const struct inspection *inspection, uint32_t item, struct arena *arena);

cJSON *inspection_item_json(const struct inspection *inspection, uint32_t item);

/* --why: prints a shortest chain of references. */
must_check bool inspection_explain(const struct inspection *inspection, struct error *error);

/* --closure: prints all that a path needs. */
must_check bool inspection_show_closure(const struct inspection *inspection, struct error *error);
