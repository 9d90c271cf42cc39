/* output.h — the result of a command: a file or a directory that appears when it is complete.
 */
#pragma once

#include "schema/base/file.h"

/* The parts of a path that the user gave. */
struct output {
    int directory;    /* the directory that will hold the result; owned */
    const char *name; /* its last component */
};

enum output_kind { OUTPUT_FILE, OUTPUT_DIRECTORY };

/* Opens the directory in which `path` will appear. Whatever would make the final rename fail is
 * refused here, before the work, with a remedy: "", "/", "." and ".."; a link; a file of another
 * kind; a mount point; a directory in which this process may not create or replace names;
 * a file whose draft cannot be made. */
must_check bool output_open(const char *path, enum output_kind kind, struct arena *arena,
                            struct output *ret_output, struct error *error);

/* output_open in two steps: the directory and the name, then the checks that the name can be created.
 * `path` is for the sentence. */
must_check bool output_find(const char *path, struct arena *arena, struct output *ret_output,
                            struct error *error);
must_check bool output_try(const struct output *output, const char *path, enum output_kind kind,
                           struct error *error);

/* For `cleanup`. */
void output_release(const struct output *output);

/* A directory that is being written. `{ .fd = -1 }` stands for none. */
struct output_tree {
    int fd; /* the draft; owned */
    const struct output *output;
    const char *mark; /* a file that every tree of ours has */
    char temporary_name[256];
};

/* Starts an empty draft of the directory. An existing directory is replaced only if it is empty, or
 * if an earlier run made it: its SHA256SUMS lists all its files, including `mark`. All else is
 * refused. */
must_check bool output_tree_open(const struct output *output, const char *mark,
                                 struct arena scratch, struct output_tree *ret_tree,
                                 struct error *error);

/* Gives the draft its final name. A directory that has this name by now is replaced on the same
 * conditions, and then removed. On failure the final name is as before, unless another process
 * renamed the draft or that directory meanwhile; nothing is removed then. */
must_check bool output_tree_publish(struct output_tree *tree, struct arena scratch,
                                    struct error *error);

/* Removes the draft of a directory that an earlier run has left, which must exist. */
must_check bool output_tree_clear(const struct output *output, struct error *error);

/* Removes a draft that was not published. For `cleanup`. */
void output_tree_release(struct output_tree *tree);
