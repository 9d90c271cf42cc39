/* source.h — finds, reads and deletes manifests.
 *
 * If no manifest is given, regd reads the first of these that exists:
 *   1. regInfo=PATH on the kernel command line, the convention of NixOS virtual machines
 *   2. nix-path-registration in each mounted layer of the store image, /nix/.ro-store and
 *      /nix/.ro-store.N
 *   3. /nix-path-registration, where images that are unpacked or written to a disk have it, until it
 *      is deleted
 *   4. nix-path-registration in the store, seen through the writable layer. It is the last, because
 *      the first garbage collection deletes it: it is not a valid path
 * In a layer and in the store, an image that is a lower store of Nix has it under another name
 * (MANIFEST_PATH_NAME). All are relative to the root.
 */
#pragma once

#include "schema/base/options.h"
#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* Manifests, either all found by source_find, below the root, or all named by the user: then they are
 * relative to the working directory, and "-" is standard input. */
struct source_list {
    struct option_list names;
    bool found;
    bool is_whole; /* found, and no layer lacks its manifest */
};

/* One of them. */
struct source {
    const char *name;
    bool found;
};

struct source_content {
    struct path_list paths; /* normalised */
    struct option_list warnings;
};

/* Finds the manifests in these places; an empty list if there are none. */
must_check bool source_find(const struct store *store, struct arena *arena,
                            struct source_list *ret_list, struct error *error);

/* Reads manifests. If several of them have a path, the first one wins, which is that of the topmost
 * layer.
 *
 * A manifest may be accompanied by a description of the same paths (path_info_json.h), which has
 * its name and ".json". It gives signatures, content addresses and `ultimate`. It is only used if
 * the paths that are in both have the same NAR hash; otherwise a warning says why it is not
 * used. */
must_check bool source_read(const struct store *store, const struct source_list *list,
                            struct arena *arena, struct source_content *ret_content,
                            struct error *error);

/* Deletes the description of a manifest, then the manifest itself: if the program is killed in
 * between, the manifest remains. A link is deleted, not its target. *ret_deleted is false if the
 * file system is read-only, as that of a layer is. */
must_check bool source_delete(const struct store *store, struct source source, struct arena scratch,
                              bool *ret_deleted, struct error *error);

/* Returns the name of a manifest for sentences. */
const char *source_name(const char *name);

/* Returns the value of NAME= on the kernel command line (the last one wins), or null. */
must_check bool source_kernel_parameter(const struct store *store, const char *name,
                                        struct arena *arena, const char **ret_value,
                                        struct error *error);
