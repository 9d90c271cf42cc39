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
