/* initrd_generator.h — writes the units that mount a Nix store, from what an initial ramdisk says.
 *
 * Reads    /proc/cmdline, the names in the root directory and /etc/initrd-release, all below one root.
 * Writes   the units of initrd_units.h to one directory. Nothing that is there is replaced.
 * Decided  before the first file is written; if one cannot be written, none stays.
 */
#pragma once

#include "schema/base/error.h"

struct arena;

struct initrd_generator {
    const char *root;      /* the ramdisk, unpacked; or null: the running system */
    const char *directory; /* where the units go, or null with `overlay` */
    const char *overlay;   /* make its directories only; or null */
};

enum initrd_answer {
    INITRD_FAILED,  /* `error` is set */
    INITRD_DONE,    /* the units are there; or it is no initial ramdisk, and there are none */
    INITRD_NOTHING, /* there is no store to mount; `error` says so */
};

/* Refuses a wrong command line. The strings are argv's. */
must_check bool initrd_generator_interpret(int argc, char **argv,
                                           struct initrd_generator *ret_generator,
                                           struct error *error);

/* Writes the units. */
enum initrd_answer initrd_generator_run(const struct initrd_generator *generator,
                                        struct arena *arena, struct error *error);

/* Makes the two directories that overlayfs requires in a directory, unless they are there. */
must_check bool initrd_generator_overlay(const char *path, struct error *error);
