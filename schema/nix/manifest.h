/* manifest.h — the registration manifest, `nix-path-registration`: the store paths that an image
 * carries, as `nix-store --load-db` reads them and `nix-store --dump-db` writes them.
 *
 * Shape    One record per path, fields one to a line, '\n' after each:
 *            path       STORE_DIR/<digest>-<name>
 *            hash       SHA-256 of the NAR; any of Nix's spellings is read, 64 hex digits written
 *            size       bytes of the NAR, decimal, 0 (unknown) … 2^63-1
 *            deriver    a store path, or empty
 *            count      number of references, decimal
 *            reference  `count` lines, each a store path
 *          No header, no comments, no blank lines.
 * Order    Written ascending by base name, references too; read in any order. Of several records
 *          of one path the last counts, alone.
 * Refused  What Nix takes by accident: a last line without '\n', a sign before a number, a size of
 *          2^63 or more. A text may end only behind a whole record.
 * Source   Nix, decodeValidPathInfo() in src/libstore/store-api.cc (2.8.0 and today's read the same
 *          text).
 */
#pragma once

#include "schema/nix/path_info.h"

/* The name under which an image carries its manifest, beside its store paths. */
#define MANIFEST_NAME "nix-path-registration"

/* The largest manifest that is read: a million paths take about 0.8 GiB. */
static const size_t manifest_bytes_max = (size_t)4 << 30;

/* Adds the records of a whole manifest to the list, in their order. Nothing in the list refers to
 * the text.
 *
 * store_dir where every path of it must lie.
 * Refuses   a malformed line, naming its number. The list is then of no use. */
must_check bool manifest_parse(struct str text, struct str store_dir, struct arena *arena,
                               struct path_list *list, struct error *error);

/* The same from an open file or pipe, which is never in memory as a whole. `name` is what sentences
 * call it. Refuses also lines of 256 KiB and more, and more than manifest_bytes_max. */
must_check bool manifest_read(int fd, const char *name, struct str store_dir, struct arena *arena,
                              struct path_list *list, struct error *error);

/* Writes the items as they stand (normalise them first). Errors stick to the stream. */
void manifest_write(FILE *stream, const struct path_list *list, struct str store_dir);
