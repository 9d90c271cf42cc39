/* boot_spec.h — what a system needs to be booted: kernel, initial ramdisk, command line.
 *
 * Shape    A NixOS system (its `toplevel`) is a store path with
 *            kernel         link to the kernel image, bzImage or Image
 *            initrd         link to the initial ramdisk
 *            kernel-params  the parameters, separated by blanks
 *            init           the program that stage 1 starts
 * Limit    The kernel cuts a longer command line without a word: 2048 bytes with the NUL on x86 and
 *          on arm64 (COMMAND_LINE_SIZE in arch/x86/include/asm/setup.h and in
 *          arch/arm64/include/uapi/asm/setup.h).
 * Source   NixOS, nixos/modules/system/activation/top-level.nix.
 */
#pragma once

#include "schema/store.h"

enum { KERNEL_COMMAND_LINE_LENGTH_MAX = 2047 };

/* What was given by option instead of being read; null: read it. */
struct boot_spec_override {
    const char *kernel;  /* a file */
    const char *params;  /* the text itself */
    const char *init;    /* a path in the booted system */
    bool without_initrd; /* ramdisks are given otherwise: do not look for one */
};

struct boot_spec {
    struct str toplevel;     /* base name of the store path */
    struct str kernel_name;  /* the kernel's own file name: bzImage, Image */
    int kernel;              /* open for reading; owned */
    int initrd;              /* likewise; -1 if not looked for */
    struct str init;         /* path in the booted system */
    struct str params;       /* without a '\n' at the end */
    struct str command_line; /* "init=INIT PARAMS", terminated */
};

#define BOOT_SPEC_NONE ((struct boot_spec){ .kernel = -1, .initrd = -1 })

/* Reads the boot specification of the store path `toplevel` (base name).
 * Refuses a system that lacks a part, an init that is not there, control characters in the
 * parameters, and a command line that the kernel would cut. */
must_check bool boot_spec_read(const struct store *store, struct str toplevel,
                               const struct boot_spec_override *override, struct arena *arena,
                               struct boot_spec *ret_spec, struct error *error);

/* Closes the files. For `cleanup`. */
void boot_spec_release(const struct boot_spec *spec);
