/* path_source.h — sources of path information (references, NAR hashes and sizes): the store's
 * database, or a file, because there is no database in a build sandbox.
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
    const char *file;       /* its name in sentences */
    bool has_hashes;        /* and sizes; otherwise both are zero */
};

/* Reads the whole file. Refuses a file of another format; the sentence has the file's name and the
 * place. */
must_check bool path_source_read(const struct path_source *source, struct str store_dir,
                                 struct arena *arena, struct known_paths *ret_known,
                                 struct error *error);
