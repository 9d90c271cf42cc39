/* output_tree.h — a directory as the result of a command: a draft that replaces the former one in one step.
 */
#pragma once

#include "builder/output/output.h"

/* A directory that is being written. `{ .fd = -1 }` stands for none. */
struct output_tree {
    int fd; /* the draft; owned */
    const struct output *output;
    const char *mark; /* a file that every tree of ours has */
    char temporary_name[256];
    bool has_final_name; /* then it is no draft any more, and stays */
};

/* Starts an empty draft of the directory. An existing directory is replaced only if it is empty, or
 * if an earlier run made it: its SHA256SUMS lists all its files, including `mark`. All else is
 * refused. */
must_check bool output_tree_open(const struct output *output, const char *mark,
                                 struct arena scratch, struct output_tree *ret_tree,
                                 struct error *error);

/* Gives the draft its final name. A directory that has this name by now is replaced on the same
 * conditions, and then removed. On failure the final name is as before, or the draft has it, whole; unless
 * another process renamed the draft or that directory meanwhile; nothing is removed then. */
must_check bool output_tree_publish(struct output_tree *tree, struct arena scratch,
                                    struct error *error);

/* Removes the draft of a directory that an earlier run has left, which must exist. */
must_check bool output_tree_clear(const struct output *output, struct error *error);

/* Removes a draft that was not published. For `cleanup`. */
void output_tree_release(struct output_tree *tree);
