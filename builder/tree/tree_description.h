/* tree_description.h — what a tree's boot.json says, and all that its scripts are made of.
 *
 * Shape    "version"      1
 *          "toplevel"     the system, a store path
 *          "label"        for people, "system", the platform; empty where the system has none
 *          "init", "kernelParams", "commandLine"
 *          "baseUrl"      where netboot.ipxe loads from; missing: from beside it
 *          "kernel"       { "name", "size", "sha256" } of a file of the tree
 *          "initrd"       the same of each file of the ramdisk, in the order in which they are
 *                         loaded; the kernel sees them one behind the other
 *          "storeImages"  { "name" in the root of the ramdisk, "file" of the tree, "offset" in it,
 *                         "size" } of each, the upper one first. In a compressed archive an image
 *                         has no offset; "archiveOffset" is where that archive starts
 *          "unpackedSize" what the ramdisk takes in memory once unpacked: an estimate
 *          "memoryAtBoot" what the machine needs at least to boot
 *          Sizes and offsets are in bytes, hashes in hex digits.
 */
#pragma once

#include "schema/boot/boot_spec.h"
#include "schema/nix/hash.h"

#include <stdio.h>

enum { TREE_DESCRIPTION_BYTES_MAX = 1 << 20 };

struct tree_file {
    const char *name;
    struct hash hash;
    uint64_t size_bytes;
};

struct tree_image {
    const char *name; /* in the root of the ramdisk */
    const char *file; /* of the tree */
    uint64_t offset, size_bytes;
    bool is_packed; /* offset is that of the compressed archive it is in */
};

struct tree_description {
    const char *toplevel, *label, *system, *init, *params, *command_line;
    const char *base_url; /* without '/' at the end; or null */
    struct tree_file kernel;
    struct tree_file *ramdisks;
    struct tree_image *images;
    size_t ramdisk_count, image_count;
    uint64_t unpacked_bytes, memory_bytes;
};

/* What the boot specification says; files are not known yet, but for the kernel's name. */
struct tree_description tree_describe(const struct boot_spec *spec, struct str store_dir,
                                      const char *base_url, struct arena *arena);

/* Takes the size and digest of an open file, from its start on. */
must_check bool tree_file_read(int fd, const char *name, struct arena scratch,
                               struct tree_file *ret_file, struct error *error);

/* Formats boot.json. Its texts are UTF-8, as those of a boot specification are. */
must_check bool tree_description_format(const struct tree_description *description,
                                        struct arena *arena, struct str *ret_text,
                                        struct error *error);

/* Reads one. Refuses what has another shape or version; a name that is not one of a file beside it,
 * or not plain (boot_spec.h); control characters in what stands in scripts; an image whose file is
 * not part of the ramdisk. */
must_check bool tree_description_parse(struct str text, struct arena *arena,
                                       struct tree_description *ret_description,
                                       struct error *error);
