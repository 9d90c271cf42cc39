/* check_published.h — publishes trees of a small store in "root" of the kit's directory.
 */
#pragma once

#include "builder/publish/publish.h"
#include "tests/check_tree.h"

struct check_published {
    struct check_tree tree;
    struct published_tree read;
    struct published published;
    const char *path;
};

/* Writes a tree and creates an empty root. The case fails if that is not possible. */
bool check_published_start(struct arena *arena, struct check_published *ret_published);

/* The same with a tree by URL, whose image and verity data are files in stores/. */
bool check_published_layers(struct arena *arena, struct check_published *ret_published);

/* Publishes the tree under that label, links included. Returns false and sets check_error on
 * failure. */
bool check_published_put(struct check_published *published, const char *label, struct arena *arena);

/* For `cleanup`. */
void check_published_release(struct check_published *published);
