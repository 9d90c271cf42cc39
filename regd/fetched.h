/* fetched.h — where the layers of the store came from, if the initial ramdisk fetched them.
 *
 * Reads /run/regd/fetch.json, see schema/boot/fetch_report.h.
 */
#pragma once

#include "schema/boot/fetch_report.h"
#include "schema/nix/store.h"

/* Reads the report; *ret_report is null if there is none: the layers were not fetched. The sentence of
 * a failure names the file. */
must_check bool fetched_read(const struct store *store, struct arena *arena,
                             const struct fetch_report **ret_report, struct error *error);

/* Returns how many layers and bytes in which time, or that it failed. */
struct str fetched_summary(const struct fetch_report *report, struct arena *arena);

/* Returns the layer's name and where it is from. */
struct str fetched_layer(const struct fetch_report_layer *layer, struct arena *arena);
