/* tree_check_files.h — checks SHA256SUMS and the files of a tree.
 */
#pragma once

#include "builder/check/tree_check.h"

/* Reads SHA256SUMS and all files that it lists. Other files are findings (stray). */
must_check bool tree_check_files(struct tree_check *check, struct error *error);
