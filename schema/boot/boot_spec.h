/* boot_spec.h — what a system needs to be booted: kernel, initial ramdisk, command line.
 *
 * Shape    A NixOS system (its `toplevel`) is a store path. With boot.json (boot_spec_json.h) that
 *          says all; without one, or without version 1 in it, there are
 *            kernel         link to the kernel image, bzImage or Image
 *            initrd         link to the initial ramdisk
 *            kernel-params  the parameters, separated by blanks
 *            init           the program that stage 1 starts
 *            system         the platform; may be missing
 *            specialisation/NAME  links to other systems
 * Source   NixOS, nixos/modules/system/activation/top-level.nix.
 */
#pragma once

#include "schema/nix/store.h"

/* The longest command line that a kernel reads, in bytes, for a platform as Nix names it; a longer
 * one is cut without a word. Source: COMMAND_LINE_SIZE, which counts the NUL too, in Linux'
 * arch/ARCH/include/{uapi/,}asm/setup.h. An unknown platform has what most have, 2047. */
size_t boot_spec_command_line_max(struct str system);

/* Can scripts and lists have this name of a file without quotes? Letters, digits and "+._-", the first
 * neither '-' nor '.'. */
bool boot_spec_is_plain_name(struct str name);

/* "init=INIT PARAMS", terminated. */
struct str boot_spec_command_line(struct str init, struct str params, struct arena *arena);

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
    struct str label;        /* for people; may be empty */
    struct str system;       /* platform; may be empty */
    struct str command_line; /* "init=INIT PARAMS", terminated */
};

#define BOOT_SPEC_NONE ((struct boot_spec){ .kernel = -1, .initrd = -1 })

/* Reads the boot specification of the store path `toplevel` (base name).
 * Refuses a system that lacks a part, an init that is not there, a boot.json of another system,
 * control characters in the parameters, a command line or platform that is not UTF-8, and a command
 * line that the kernel would cut. */
must_check bool boot_spec_read(const struct store *store, struct str toplevel,
                               const struct boot_spec_override *override, struct arena *arena,
                               struct boot_spec *ret_spec, struct error *error);

/* The store path (base name) of a specialisation of the system. The sentence that refuses a name
 * lists those that boot.json has. */
must_check bool boot_spec_find_specialisation(const struct store *store, struct str toplevel,
                                              const char *name, struct arena *arena,
                                              struct str *ret_base, struct error *error);

/* Closes the files. For `cleanup`. */
void boot_spec_release(const struct boot_spec *spec);
