/* initrd_generator.h — writes the units that mount the Nix store, in an initial ramdisk.
 *
 * Reads    /proc/cmdline, the names in the root directory and /etc/initrd-release, all below one root.
 * Writes   the units of initrd_units.h to one directory. No existing file is replaced. Atomic
 *          Everything is checked before the first file is written. If one cannot be written, all
 *          are removed.
 */
#pragma once

#include "schema/base/error.h"

struct arena;

struct initrd_generator {
    const char *root;      /* an unpacked ramdisk; null: the running system */
    const char *directory; /* where to write the units; null with `overlay` */
    const char *overlay;   /* only create the overlay's directories there; or null */
};

enum initrd_answer {
    INITRD_FAILED,  /* `error` says why */
    INITRD_DONE,    /* the units are written; or this is not an initial ramdisk, and none are */
    INITRD_NOTHING, /* there is no store to mount; `error` says that */
};

/* Parses the command line. The strings are those of argv. */
must_check bool initrd_generator_interpret(int argc, char **argv,
                                           struct initrd_generator *ret_generator,
                                           struct error *error);

/* Writes the units. */
enum initrd_answer initrd_generator_run(const struct initrd_generator *generator,
                                        struct arena *arena, struct error *error);

/* Creates in a directory the two directories that overlayfs requires, unless they exist. */
must_check bool initrd_generator_overlay(const char *path, struct error *error);
