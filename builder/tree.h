/* tree.h — everything that a machine needs to netboot or kexec into a system, in one directory.
 *
 * Shape    bzImage       the kernel, under its own name (Image on aarch64)
 *          initrd        initial ramdisk(s) and store image
 *          initrd.gz     the same file, under the name that existing tools expect
 *          netboot.ipxe  for iPXE
 *          kexec-boot    for a running Linux
 *          boot.json     names, sizes in bytes, SHA-256, command line, toplevel, image offset
 *          SHA256SUMS    of all the others
 */
#pragma once

#include "builder/output.h"
#include "builder/squashfs.h"
#include "schema/boot_spec.h"

#define TREE_IPXE_NAME      "netboot.ipxe"
#define TREE_KEXEC_NAME     "kexec-boot"
#define TREE_BOOT_JSON_NAME "boot.json"

struct tree_request {
    const struct boot_spec *spec;
    const struct inventory *inventory;
    const struct squashfs_options *squashfs;
    const int *prepends; /* open ramdisks, in order */
    const char *const *prepend_names;
    size_t prepend_count;
    const int *bases; /* open store images that lie below the new one, in order */
    const char *const *base_names;
    size_t base_count;
    const char *toplevel; /* full path of the system */
};

struct tree_result {
    uint64_t ramdisk_bytes;
    struct squashfs_result image;
    uint64_t unpacked_bytes; /* what the ramdisk takes in memory once unpacked: an estimate */
    uint64_t memory_bytes;   /* what the machine needs at least to boot */
};

/* How much an initial ramdisk grows by unpacking, where it is not known: NixOS' shrink to a third
 * or a quarter. */
enum { TREE_UNPACK_FACTOR = 4 };

/* What a system needs besides: the kernel unpacks a ramdisk into a tmpfs of half the memory that is
 * left beside it. */
enum { TREE_WORKING_BYTES = 64 << 20 };

/* Writes the whole tree into the draft, the store image straight into its place in the ramdisk. */
must_check bool tree_write(const struct tree_request *request, const struct output_tree *tree,
                           struct arena *arena, struct tree_result *ret_result,
                           struct error *error);
