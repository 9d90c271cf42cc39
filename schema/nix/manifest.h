/* manifest.h — the registration manifest, `nix-path-registration`: the list of an image's store
 * paths, in the format that `nix-store --load-db` reads and `nix-store --dump-db` writes.
 *
 * Shape    One record per path, one field per line, each line ended by '\n':
 *            path       STORE_DIR/<digest>-<name>
 *            hash       SHA-256 of the NAR; read in any of Nix's spellings, written as 64 hex
 *                       digits
 *            size       bytes of the NAR, decimal, 0 (unknown) to 2^63-1
 *            deriver    a store path, or empty
 *            count      number of references, decimal
 *            reference  `count` lines, each a store path
 *          There is no header, no comment and no empty line, except for an empty deriver.
 * Order    Records and references are written in the order of their base names, and read in any
 *          order. If a path has several records, the last one replaces the others.
 * Refused  What Nix accepts by accident: a last line without '\n', a sign before a number, a size
 *          of 2^63 or more, and a text that ends inside a record.
 * Source   Nix, decodeValidPathInfo() in src/libstore/store-api.cc (the same from 2.8.0 to today).
 */
#pragma once

#include "schema/base/file.h"
#include "schema/nix/path_info.h"

/* The name under which an image carries its manifest, beside its store paths. */
#define MANIFEST_NAME "nix-path-registration"

/* The same in an image that is a lower store of Nix: the collector of a local-overlay store stops at a
 * name there that no store path could have. (Nix, LocalOverlayStore::deleteStorePath.) */
#define MANIFEST_PATH_NAME "00000000000000000000000000000000-" MANIFEST_NAME

/* In the order in which a directory of store paths is searched for its manifest. The usual name is the last,
 * and so the one that a failure names. */
static const char *const manifest_names[] = { MANIFEST_PATH_NAME, MANIFEST_NAME };
enum { MANIFEST_NAME_COUNT = sizeof manifest_names / sizeof *manifest_names };

/* Larger manifests are refused. A million paths take about 0.8 GiB. */
static const size_t manifest_bytes_max = (size_t)4 << 30;

/* Parses a whole manifest and adds its records to the list, in their order. The list does not refer
 * to the text.
 *
 * store_dir the directory of every path in it.
 * Refuses   a malformed line, with its number. The list must not be used after a failure. */
must_check bool manifest_parse(struct str text, struct str store_dir, struct arena *arena,
                               struct path_list *list, struct error *error);

/* The same for an open file or pipe, which is read in pieces and never held in memory as a whole.
 * Also refuses a line of 256 KiB or more, and a file larger than manifest_bytes_max. */
must_check bool manifest_read(struct file file, struct str store_dir, struct arena *arena,
                              struct path_list *list, struct error *error);

/* Writes the items in their order; normalise the list first. The caller checks the stream for
 * errors. */
void manifest_write(FILE *stream, const struct path_list *list, struct str store_dir);
