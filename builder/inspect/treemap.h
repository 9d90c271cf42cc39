/* treemap.h — draws a treemap: one rectangle for each item, with an area proportional to its size.
 *
 * Shape    SVG 1.1, self-contained, without scripts. Each rectangle has its description as <title>,
 *          which browsers show as a tool tip, and a label if one fits. Each group has a light
 *          colour, and texts are dark, so that they can also be read in print.
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

/* Writes the picture. Items of size 0 are omitted; if there are more than 1000, the smallest are
 * combined. The caller checks the stream for errors. */
void treemap_write(FILE *stream, struct str title, const struct treemap_item *items, size_t count,
                   struct arena scratch);
