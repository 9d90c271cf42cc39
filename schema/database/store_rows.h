/* store_rows.h — the rows to be added to a store's database.
 *
 * Shape    ValidPaths         (id, path, hash, registrationTime, deriver, narSize, ultimate, sigs,
 *                             ca); from deriver on, a column without a value is NULL
 *          Refs               (referrer, reference), ids of ValidPaths
 *          DerivationOutputs  (drv, id, path): id in ValidPaths, output name, full path
 * Source   Nix, LocalStore::addValidPath in src/libstore/local-store.cc.
 */
#pragma once

#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

#include <limits.h>

struct reference_row {
    int64_t referrer, reference;
};

struct output_row {
    int64_t derivation;
    struct str name;
    struct str path; /* full text */
};

struct store_rows {
    const struct store *store;
    const struct path_list *list;
    int64_t *ids;        /* for each name of the list: its row's id, old or new, or 0 */
    uint32_t *new_paths; /* indexes of the paths to be added, ascending */
    size_t new_count;
    int64_t time_seconds;             /* their registration time */
    struct reference_row *references; /* ascending */
    size_t reference_count;
    struct output_row *outputs;
    size_t output_count;
};

/* A store path as in the database. */
struct store_rows_path {
    char text[PATH_MAX];
    int length;
};

void store_rows_format_path(const struct store *store, struct str base,
                            struct store_rows_path *ret_path);

/* A NAR hash as in the database, without a terminator. */
enum { STORE_ROWS_HASH_LENGTH = 7 + HASH_HEX_LENGTH };

void store_rows_format_hash(const struct hash *hash, char ret_text[static STORE_ROWS_HASH_LENGTH]);
