/* output.h — where results go: a file or a directory that appears when it is complete.
 */
#pragma once

#include "schema/base/file.h"

/* A path of the user's, taken apart. */
struct output {
    int directory;    /* that holds it; owned */
    const char *name; /* its last component */
};

enum output_kind { OUTPUT_FILE, OUTPUT_DIRECTORY };

/* Opens the directory in which `path` is to appear. What would fail only when the result gets its
 * name is refused here, before the work, with a remedy: "", "/", "." and ".."; a link; something of
 * another kind; a mount point; a place where this process may not make or replace names. */
must_check bool output_open(const char *path, enum output_kind kind, struct arena *arena,
                            struct output *ret_output, struct error *error);

/* For `cleanup`. */
void output_release(const struct output *output);

/* A directory of plain files under construction. `{ .fd = -1 }` is none. */
struct output_tree {
    int fd; /* the draft; owned */
    const struct output *output;
    char temporary_name[256];
};

/* Starts an empty draft of the directory.
 * Refuses to replace what is not a directory, or one that is not empty and not ours to remove: its
 * SHA256SUMS lists all its files, `mark` among them. */
must_check bool output_tree_open(const struct output *output, const char *mark,
                                 struct arena scratch, struct output_tree *ret_tree,
                                 struct error *error);

/* Gives it its final name in place of the former one, which is then removed. */
must_check bool output_tree_publish(struct output_tree *tree, struct error *error);

/* Removes what was not published. For `cleanup`. */
void output_tree_release(struct output_tree *tree);
