/* boot_spec.h — reads what is needed to boot a system: kernel, initial ramdisk, command line.
 *
 * Shape    A NixOS system (its `toplevel`) is a store path. If it has a boot.json of version 1
 *          (boot_spec_json.h), that is read. Otherwise these files are:
 *            kernel         link to the kernel image, bzImage or Image
 *            initrd         link to the initial ramdisk
 *            kernel-params  the parameters, separated by spaces
 *            init           the program that stage 1 starts
 *            system         the platform; optional
 *            specialisation/NAME  links to other systems
 * Source   NixOS, nixos/modules/system/activation/top-level.nix.
 */
#pragma once

#include "schema/base/options.h"
#include "schema/nix/store.h"

/* Returns the length in bytes of the longest command line that a kernel of that platform reads; it
 * silently cuts a longer one. Platforms have Nix's names; an unknown one has the commonest limit,
 * 2047. Source: COMMAND_LINE_SIZE, which includes the NUL, in Linux,
 * arch/ARCH/include/{uapi/,}asm/setup.h. */
size_t boot_spec_command_line_max(struct str system);

/* Can the file name be used in scripts and lists without quotes? It may have letters, digits and
 * "+._-", and must not start with '-' or '.'. */
bool boot_spec_is_plain_name(struct str name);

/* "init=INIT PARAMS", terminated. */
struct str boot_spec_command_line(struct str init, struct str params, struct arena *arena);

/* What is given by options; null: read it from the system. */
struct boot_spec_override {
    const char *kernel;  /* a file */
    const char *params;  /* the text itself */
    const char *init;    /* a path in the booted system */
    bool without_initrd; /* do not open the system's ramdisk: it is not needed */
};

struct boot_spec {
    struct str toplevel;        /* base name of the store path */
    struct str kernel_name;     /* the kernel's own file name: bzImage, Image */
    int kernel;                 /* open for reading; owned */
    int initrd;                 /* the same; -1 with without_initrd */
    struct str init;            /* path in the booted system */
    struct str params;          /* without a '\n' at the end */
    struct str label;           /* for people; may be empty */
    struct str system;          /* platform; may be empty */
    struct str command_line;    /* "init=INIT PARAMS", terminated */
    bool has_xen;               /* boot.json names a hypervisor, which is not read */
    struct option_list secrets; /* not in the ramdisk, see boot_secrets.h */
};

#define BOOT_SPEC_NONE ((struct boot_spec){ .kernel = -1, .initrd = -1 })

/* Reads the boot specification of the store path `toplevel` (a base name). Refuses a system that
 * lacks a part, an init that does not exist, a boot.json of another system, control characters in
 * the parameters, a command line or platform that is not UTF-8, and a command line that the kernel
 * would cut. */
must_check bool boot_spec_read(const struct store *store, struct str toplevel,
                               const struct boot_spec_override *override, struct arena *arena,
                               struct boot_spec *ret_spec, struct error *error);

/* Finds the store path (a base name) of a specialisation of the system. If there is none of that
 * name, the sentence lists those of boot.json. */
must_check bool boot_spec_find_specialisation(const struct store *store, struct str toplevel,
                                              const char *name, struct arena *arena,
                                              struct str *ret_base, struct error *error);

/* Closes the files. For `cleanup`. */
void boot_spec_release(const struct boot_spec *spec);
