/* treemap.h — a picture of where the bytes go: rectangles as large as what they stand for.
 *
 * Shape    SVG 1.1, self-contained, no script. Each rectangle has its description as <title>, which
 *          browsers show as a tool tip, and a label where one fits. The texts are dark on light
 *          colours, one for each group, so that they can be read in print too.
 * Source   M. Bruls, K. Huizing, J. J. van Wijk, Squarified Treemaps (2000).
 */
#pragma once

#include "schema/base/arena.h"

struct treemap_item {
    struct str label;
    struct str note; /* a second, smaller line */
    struct str description;
    struct str group; /* items of one group have one colour */
    uint64_t bytes;
};

/* Writes the picture; items without bytes are left out, and the smallest of more than 1000 are put
 * together. Errors stick to the stream. */
void treemap_write(FILE *stream, struct str title, const struct treemap_item *items, size_t count,
                   struct arena scratch);
