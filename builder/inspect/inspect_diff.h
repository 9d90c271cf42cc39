/* inspect_diff.h — prints what changed between two images.
 *
 * Text  Counts and sizes, each before and after; then the packages of which versions were added or
 *       removed, or whose size changed by INSPECT_DIFF_SHOWN_BYTES or more.
 * JSON  All paths and packages that differ.
 * Only paths in the images count, not those that their manifests list in base images.
 */
#pragma once

#include "builder/inspect/inspection.h"

/* That of `nix store diff-closures`. */
enum { INSPECT_DIFF_SHOWN_BYTES = 8 << 10 };

must_check bool inspect_print_diff(const struct inspection *old, const struct inspection *new,
                                   struct error *error);
