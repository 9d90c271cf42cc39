/* package_name.h — splits the name of a store path into package, version and output.
 *
 * Shape    NAME [ "-" VERSION ] [ "-" OUTPUT ]
 *            OUTPUT   lower-case letters, "lib32" or "lib64", after the last '-'; dropped
 *            VERSION  begins after the first '-' that something other than a letter follows
 * Source   Nix: getClosureInfo() in src/nix/diff-closures.cc, and DrvName in src/libstore/names.cc.
 * Limits   The shape is ambiguous, as it is in Nix: the "unwrapped" of "vlc-unwrapped" is taken for
 *          an output.
 */
#pragma once

#include "schema/base/str.h"

struct package_name {
    struct str name, version; /* slices of the text; no version: empty */
};

/* Splits what follows the digest in a store path. */
struct package_name package_name_split(struct str text);

/* Compares by name, then by version. */
int package_name_compare(const struct package_name *left, const struct package_name *right);
