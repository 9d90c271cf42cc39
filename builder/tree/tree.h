/* tree.h — writes a tree: a directory with all files to netboot or kexec into a system.
 *
 * Shape    bzImage the kernel. On aarch64 it is called Image, and bzImage is the same file, under
 *          the name that existing tools expect
 *          initrd        the initial ramdisk: the system's, extra files, store images
 *          initrd.gz     the same file, under the name that existing tools expect
 *          netboot.ipxe  for iPXE
 *          kexec-boot    for a running Linux
 *          kexec/run     for nixos-anywhere: kexec-boot, with keys and networks of the host
 *          grub.cfg      for GRUB, unless the kernel would cut the command line that GRUB gives it
 *          extlinux/extlinux.conf, pxelinux.cfg/default  for Syslinux and U-Boot; see menu.h
 *          dtbs          device trees for U-Boot, if they are asked for (tree_dtbs.h)
 *          boot.efi      for UEFI, if it is asked for (uki.h)
 *          boot.json     see tree_description.h
 *          SHA256SUMS    lists all other files
 *
 * With a compression, the ramdisk's archive is compressed, and images cannot be mounted inside
 * initrd.
 *
 * With separate_store, initrd has no images. Each image is a file next to it, and its cpio header
 * is another file (ramdisk.h): nix-store.squashfs.newc and nix-store.squashfs, and so on.
 *
 * With by_url, initrd has no images either, but a list of them, to be fetched from a server: see
 * tree_layers.h.
 */
#pragma once

#include "builder/image/squashfs.h"
#include "builder/output/input_files.h"
#include "builder/output/output_tree.h"
#include "builder/ramdisk/ramdisk_compressor.h"
#include "builder/ramdisk/ramdisk_files.h"
#include "builder/tree/tree_description.h"
#include "builder/uki/uki.h"
#include "schema/boot/boot_spec.h"

#define TREE_IPXE_NAME      "netboot.ipxe"
#define TREE_KEXEC_NAME     "kexec-boot"
#define TREE_KEXEC_RUN_NAME "kexec/run"
#define TREE_GRUB_NAME      "grub.cfg"
#define TREE_EXTLINUX_NAME  "extlinux/extlinux.conf"
#define TREE_PXELINUX_NAME  "pxelinux.cfg/default"
#define TREE_UKI_NAME       "boot.efi"
#define TREE_DTBS_NAME      "dtbs"
#define TREE_BOOT_JSON_NAME "boot.json"

/* Device trees to be copied. */
struct tree_dtbs {
    int root;              /* of the store; borrowed */
    const char *directory; /* in it */
    struct option_list names;
    bool is_one; /* the loader is to use the only one, not to choose */
};

struct tree_request {
    const struct boot_spec *spec;
    const struct inventory *inventory;
    const struct squashfs_options *squashfs;
    struct str store_dir;
    struct input_files prepends; /* ramdisks; borrowed */
    struct input_files bases;    /* images below the new one; borrowed */
    const struct ramdisk_files *extras;
    const char *base_url;    /* null: scripts load from their own directory */
    uint64_t max_size_bytes; /* of an image; 0: no limit */
    uint64_t target_bytes;   /* memory of the machine to boot; 0: unknown */
    struct ramdisk_compression compression;
    bool separate_store;   /* excludes a compression */
    struct tree_dtbs dtbs; /* may be none */
    bool by_url;           /* excludes separate_store */
    const struct uki *uki; /* to be written, too; null: none */
};

struct tree_result {
    struct tree_description description;
    struct squashfs_result image; /* the sums of all new images */
    uint64_t ramdisk_bytes;
    struct option_list names;    /* of all files */
    struct option_list warnings; /* sentences about what may not boot */
};

/* Writes the whole tree into the draft. A store image is written directly to its place in the
 * ramdisk; if the ramdisk is compressed, the archive is first written to a temporary file, which is
 * freed while it is compressed. Refuses a tree that does not boot in the memory of the machine. */
must_check bool tree_write(const struct tree_request *request, const struct output_tree *tree,
                           struct arena *arena, struct tree_result *ret_result,
                           struct error *error);
