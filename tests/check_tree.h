/* check_tree.h — a tree of a small store, written into "tree" of the kit's directory.
 *
 * The store is that of check_source.h, the system "-system", the kernel six bytes.
 */
#pragma once

#include "builder/tree/tree.h"
#include "tests/check_source.h"

struct check_tree {
    struct check_source source;
    struct boot_spec spec;
    struct ramdisk_files extras;
    struct tree_request request; /* may be changed before it is written */
    struct output_tree tree;     /* the open directory */
};

/* Makes the store and an empty directory; fails the case where that cannot be. */
bool check_tree_start(struct arena *arena, struct check_tree *ret_tree);

/* Writes it; false and a sentence where that is refused. */
bool check_tree_write(struct check_tree *tree, struct arena *arena, struct tree_result *ret_result);

/* Removes all that is in it. */
void check_tree_empty(struct arena *arena);

/* For `cleanup`. */
void check_tree_release(struct check_tree *tree);

/* What is found in the tree, "KIND SUBJECT: TEXT", each behind a '\n'; a sentence where it is refused. */
struct str check_tree_verify(const struct check_tree *tree, struct arena *arena);
