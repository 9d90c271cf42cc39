/* uki_sbat.h — merges the .sbat sections of a UKI's parts, by which shim revokes old programs.
 *
 * Shape    CSV lines; the first one is of SBAT itself: "sbat,1,...". The merged text has that line once,
 *          then the other lines of the stub and the kernel, then that of UKIs. It ends with "\n\0", as
 *          ukify writes it.
 * Source   shim, SBAT.md; systemd, merge_sbat() in src/ukify/ukify.py.
 */
#pragma once

#include "schema/base/arena.h"

/* Takes the contents of two sections. One that does not start with the line of SBAT is left out, as
 * are the zeros at its end. */
struct str uki_sbat_merge(struct str stub, struct str kernel, struct arena *arena);
