/* boot_spec_json.h — a system's own description of how it is booted: Bootspec, version 1.
 *
 * Shape    boot.json of a NixOS system, an object:
 *            "org.nixos.bootspec.v1"        init, kernel, initrd, kernelParams (a list), which a
 *                                           system may lack that others boot; label, system, toplevel
 *            "org.nixos.specialisation.v1"  of each specialisation, by name, the same object again
 *          Members under other names are extensions and not looked at.
 * Source   NixOS RFC 125, and nixos/modules/system/activation/bootspec.cue.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/options.h"

enum { BOOT_SPEC_JSON_BYTES_MAX = 1 << 20 };

/* Absolute paths in the booted system. */
struct boot_spec_json {
    const char *toplevel;
    const char *init, *kernel, *initrd; /* or null */
    struct str params;                  /* joined by blanks; null data: there are none */
    const char *label;                  /* for people */
    const char *system;                 /* as Nix names platforms: x86_64-linux */
    struct option_list specialisations; /* their names */
};

/* Reads the description of the system itself, or with a name that of a specialisation, or null.
 * *ret_found is false where there is none of version 1 or no such specialisation; then only
 * `specialisations` is set.
 * Refuses what is no JSON and members of another type. */
must_check bool boot_spec_json_parse(struct str text, const char *specialisation,
                                     struct arena *arena, struct boot_spec_json *ret_spec,
                                     bool *ret_found, struct error *error);
