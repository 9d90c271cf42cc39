/* tree.h — everything that a machine needs to netboot or kexec into a system, in one directory.
 *
 * Shape    bzImage       the kernel; on aarch64 it is Image, its own name, and bzImage the same file, under
 *                        the name that existing tools expect
 *          initrd        initial ramdisk(s), extra files, store images
 *          initrd.gz     the same file, under the name that existing tools expect
 *          netboot.ipxe  for iPXE
 *          kexec-boot    for a running Linux
 *          grub.cfg      for GRUB, unless it would change the command line
 *          boot.json     see tree_description.h
 *          SHA256SUMS    of all the others
 *
 * With a compression the ramdisk's archive is compressed, and no image can be used where it is.
 *
 * With separate_store each image is a file of its own beside initrd, which then goes without them,
 * and its header another (ramdisk.h): nix-store.squashfs.newc and nix-store.squashfs, and so on.
 */
#pragma once

#include "builder/image/squashfs.h"
#include "builder/output/input_files.h"
#include "builder/output/output.h"
#include "builder/ramdisk/ramdisk_compressor.h"
#include "builder/ramdisk/ramdisk_files.h"
#include "builder/tree/tree_description.h"
#include "schema/boot/boot_spec.h"

#define TREE_IPXE_NAME      "netboot.ipxe"
#define TREE_KEXEC_NAME     "kexec-boot"
#define TREE_GRUB_NAME      "grub.cfg"
#define TREE_BOOT_JSON_NAME "boot.json"

struct tree_request {
    const struct boot_spec *spec;
    const struct inventory *inventory;
    const struct squashfs_options *squashfs;
    struct str store_dir;
    struct input_files prepends; /* ramdisks; borrowed */
    struct input_files bases;    /* store images that lie below the new one; borrowed */
    const struct ramdisk_files *extras;
    const char *base_url;    /* or null: scripts load from beside them */
    uint64_t max_size_bytes; /* of an image, 0: no limit */
    uint64_t target_bytes;   /* memory of the machine to boot, 0: unknown */
    struct ramdisk_compression compression;
    bool separate_store; /* the ramdisk is not compressed then */
};

struct tree_result {
    struct tree_description description;
    struct squashfs_result image; /* of all new images */
    uint64_t ramdisk_bytes;
    struct option_list names; /* of all files */
    bool has_grub;
};

/* How much an initial ramdisk grows by unpacking, where it is not known: NixOS' shrink to a third
 * or a quarter. */
enum { TREE_UNPACK_FACTOR = 4 };

/* What a system needs besides: the kernel itself, and a record of each page of memory, which is one
 * part of so many. The kernel unpacks a ramdisk into a tmpfs of half the memory that is left beside
 * all this. Measured with Debian's Linux 6.1 on x86_64, with ramdisks of 59, 159 and 459 MiB: the
 * machines that booted had 60, 66 and 80 MiB besides, those with 4 to 6 MiB less did not. A few MiB
 * are added, as kernels differ. tests/boot/memory.sh tries it. */
enum { TREE_WORKING_BYTES = 60 << 20, TREE_RECORDS_PART = 56 };

/* The memory that a machine needs to boot a ramdisk. */
uint64_t tree_memory_bytes(uint64_t ramdisk_bytes, uint64_t unpacked_bytes);

/* Writes the whole tree into the draft, a store image in the ramdisk straight into its place, or
 * where the ramdisk is compressed into a file beside it that shrinks meanwhile.
 * Refuses a tree that does not boot in the memory the machine has. */
must_check bool tree_write(const struct tree_request *request, const struct output_tree *tree,
                           struct arena *arena, struct tree_result *ret_result,
                           struct error *error);
