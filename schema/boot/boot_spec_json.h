/* boot_spec_json.h — parses Bootspec, version 1: a NixOS system's description of how it is booted.
 *
 * Shape    boot.json of a NixOS system, an object:
 *            "org.nixos.bootspec.v1"        init, kernel, initrd, kernelParams (a list), which may
 *                                           be missing; label, system, toplevel
 *            "org.nixos.specialisation.v1"  for each specialisation, by name, such an object
 *            "org.xenproject.bootspec.v1"   or ".v2", beside the first: the system runs below Xen
 *          Other members are extensions and ignored.
 * Source   NixOS RFC 125, and nixos/modules/system/activation/bootspec.cue; for Xen,
 *          nixos/modules/virtualisation/xen-dom0.nix.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/options.h"

enum { BOOT_SPEC_JSON_BYTES_MAX = 1 << 20 };

/* Absolute paths in the booted system. */
struct boot_spec_json {
    const char *toplevel;               /* null: there is no such description */
    const char *init, *kernel, *initrd; /* or null */
    struct str params;                  /* joined by spaces; null data: not given */
    const char *label;                  /* for people */
    const char *system;                 /* the platform in Nix's words, such as x86_64-linux */
    bool has_xen;                       /* it is meant to run below the hypervisor */
    struct option_list specialisations; /* their names */
};

/* Parses the description of the system itself, or, if `specialisation` is not null, of that
 * specialisation. If there is no description of version 1, or no such specialisation, only
 * `specialisations` is set. Refuses a text that is not JSON, and members of the wrong type. */
must_check bool boot_spec_json_parse(struct str text, const char *specialisation,
                                     struct arena *arena, struct boot_spec_json *ret_spec,
                                     struct error *error);
