/* path_source.h — what tells of store paths: which there are, what they refer to, what their NARs
 * are. It is the store's database, or a file, since in a build sandbox there is no database.
 */
#pragma once

#include "schema/nix/path_info.h"

enum path_source_kind {
    PATH_SOURCE_DATABASE,
    PATH_SOURCE_REGISTRATION, /* manifest.h: closureInfo's, or `nix-store --dump-db` */
    PATH_SOURCE_GRAPH,        /* reference_graph.h: exportReferencesGraph's */
    PATH_SOURCE_PATH_INFO,    /* path_info_json.h: `nix path-info --json` */
};

struct path_source {
    enum path_source_kind kind;
    const char *file; /* "-": standard input; null for the database */
};

struct known_paths {
    struct path_list paths; /* normalised */
    const char *file;       /* as sentences call it */
    bool has_hashes;        /* and sizes; else both are zero */
};

/* Reads all that a file says. Refuses what is not of the kind; the sentence names file and place. */
must_check bool path_source_read(const struct path_source *source, struct str store_dir,
                                 struct arena *arena, struct known_paths *ret_known,
                                 struct error *error);
