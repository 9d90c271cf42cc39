/* initrd_layers.h — the layers that a ramdisk itself says.
 *
 * Images   nix-store.squashfs on top, below it nix-store.1.squashfs, and so on, in the root of the
 *          ramdisk, where regd-build puts them.
 * List     nix-store.layers.json (schema/boot/layers.h): the layers are fetched. If the images are in
 *          the ramdisk, too, nothing is: kexec-boot loads them so.
 */
#pragma once

#include "schema/base/options.h"
#include "units/initrd_source.h"

struct initrd_ramdisk {
    struct option_list names; /* in its root */
    struct str layers;        /* the text of nix-store.layers.json; data null: there is none */
};

struct initrd_source_list {
    struct initrd_source *items; /* topmost first */
    size_t count;
    size_t capacity;
};

/* Finds the layers; there may be none. Refuses a gap in the numbers of the images, a list that
 * layers_parse refuses, and one with another number of layers than there are images, if there are
 * any. */
must_check bool initrd_layers_find(const struct initrd_ramdisk *ramdisk, struct arena *arena,
                                   struct initrd_source_list *ret_sources, struct error *error);
