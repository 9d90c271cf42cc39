/* source.h — where manifests come from.
 *
 * Without being told, regd reads the first of these that there is:
 *   1. regInfo=PATH on the kernel command line, the convention of NixOS virtual machines
 *   2. nix-path-registration on every mounted layer of the store image, /nix/.ro-store and
 *      /nix/.ro-store.N
 *   3. /nix-path-registration, where images that are unpacked or written to a disk have it, until it
 *      is deleted
 *   4. nix-path-registration in the store: seen through the writable layer, and gone after the
 *      first garbage collection, as it is no valid path; hence last
 * All are looked up below the root.
 */
#pragma once

#include "schema/base/options.h"
#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* Names of the manifests that regd finds by itself; an empty list if there are none. */
must_check bool source_find(const struct store *store, struct arena *arena,
                            struct option_list *ret_names, struct error *error);

/* Reads manifests by the names that source_find gave (`found`) or that the user gave, relative to
 * the working directory, "-" being standard input. Where two have a path, the one that is named
 * first counts: the upper layer. The result is normalised.
 *
 * Beside each may stand a description of the same paths (path_info_json.h), under its name and
 * ".json": signatures, content addresses and `ultimate` come from there, if it gives every path of
 * both the same NAR hash. Otherwise it is not used, and a warning says why. */
must_check bool source_read(const struct store *store, const struct option_list *names, bool found,
                            struct arena *arena, struct path_list *ret_list,
                            struct option_list *ret_warnings, struct error *error);

/* Deletes a manifest that source_read took, after the description beside it: killed in between, the
 * manifest is there. A link is deleted, not what it leads to. *ret_deleted is false where the file
 * system is read-only, as that of a layer is. */
must_check bool source_delete(const struct store *store, const char *name, bool found,
                              struct arena scratch, bool *ret_deleted, struct error *error);

/* What a manifest is called in a sentence. */
const char *source_name(const char *name);

/* The value of NAME= on the kernel command line (the last one counts), or null. */
must_check bool source_kernel_parameter(const struct store *store, const char *name,
                                        struct arena *arena, const char **ret_value,
                                        struct error *error);
