/* check_tree.h — writes a tree of a small store into "tree" in the kit's directory.
 *
 * The store is that of check_source.h, the system is "-system", the kernel has six bytes.
 */
#pragma once

#include "builder/tree/tree.h"
#include "tests/check_source.h"

struct check_tree {
    struct check_source source;
    struct boot_spec spec;
    struct ramdisk_files extras;
    struct tree_request request; /* may be changed before check_tree_write */
    struct output_tree tree;     /* the open directory */
};

/* Makes the store and an empty directory. The case fails if that is not possible. */
bool check_tree_start(struct arena *arena, struct check_tree *ret_tree);

/* Writes the tree. Returns false and sets check_error on failure. */
bool check_tree_write(struct check_tree *tree, struct arena *arena, struct tree_result *ret_result);

/* Returns a UKI for the tree: its kernel becomes one that UEFI can start. Set it in the request. */
struct uki check_tree_uki(const struct check_tree *tree, struct arena *arena);

/* Removes all files of the tree. */
void check_tree_empty(void);

/* For `cleanup`. */
void check_tree_release(struct check_tree *tree);

/* Verifies the tree. Returns the findings, "KIND SUBJECT: TEXT", each after a '\n', or the error
 * sentence. */
struct str check_tree_verify(const struct check_tree *tree, struct arena *arena);
