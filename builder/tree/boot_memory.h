/* boot_memory.h — how much memory a machine needs to boot a ramdisk.
 *
 * While the kernel unpacks a ramdisk, the ramdisk and what it unpacks to are both in memory. It
 * unpacks to one of two file systems:
 *
 * tmpfs    which may fill half of the memory, not counting the kernel and the ramdisk; or as much as
 *          the parameter initramfs_options=size= says, which Linux knows since October 2025
 * ramfs    which has no limit. The kernel takes it if there is a parameter root= with a value (as on
 *          NixOS with systemd in its initial ramdisk: root=fstab), or a rootfstype= without tmpfs
 *
 * Measured with Debian's Linux 6.1, 6.12 and 7.2 on x86_64, on machines that differ by 2 MiB, with
 * ramdisks of 61, 161 and 461 MiB that unpack to 1 MiB more. The constants are those of Linux 6.1,
 * which needs most: 6.12 boots with 8 to 20 MiB less, 7.2 with 1 to 3. tests/boot/memory.sh tests them.
 * What the system needs when it is up is its own.
 *
 * A tree by URL has a small ramdisk. When it fetches the store, the ramdisk itself is free again; then
 * there are what it unpacked to, the store images with their verity data in a tmpfs, and what runs in
 * stage 1. regd-fetch refuses to begin if less is available, by MemAvailable, which leaves out what the
 * kernel keeps free.
 *
 * Measured with Linux 6.1, iPXE on BIOS, a ramdisk that unpacks to 41 MiB, and images of 60 and 460 MiB
 * (tests/bench/boot.sh): 253 MiB boot, 250 do not; 741 do, 734 do not.
 *
 * Source   init_rootfs() in the kernel's init/do_mounts.c, and shmem_parse_one() in mm/shmem.c;
 *          set_recommended_min_free_kbytes() and hugepage_init() in mm/khugepaged.c and mm/huge_memory.c.
 */
#pragma once

#include "schema/base/str.h"

enum {
    /* Of the memory, the kernel itself takes so many bytes, and one part of so many: it has a record
     * for each page. First what counts against the limit of the tmpfs, then all. */
    BOOT_MEMORY_LIMITED_BYTES = 56 << 20,
    BOOT_MEMORY_LIMITED_PART = 56,
    BOOT_MEMORY_FREE_BYTES = 79 << 20,
    BOOT_MEMORY_FREE_PART = 46,
    /* The same by what a running kernel reports, MemTotal, which leaves out the records and most of
     * the kernel; for kexec-boot. */
    BOOT_MEMORY_LIMITED_REPORTED_BYTES = 10 << 20,
    BOOT_MEMORY_FREE_REPORTED_BYTES = 31 << 20,
    BOOT_MEMORY_FREE_REPORTED_PART = 100,
    /* What regd-fetch leaves for the rest of the boot (units/fetch/place.h), and what runs in stage 1
     * meanwhile. */
    BOOT_MEMORY_FETCH_BYTES = 68 << 20,
    /* With this memory the kernel uses huge pages, and keeps so much free for them. */
    BOOT_MEMORY_HUGE_FROM_BYTES = 512 << 20,
    BOOT_MEMORY_HUGE_BYTES = 72 << 20,
};

/* The limit of the file system that a ramdisk is unpacked to. */
struct boot_root {
    uint64_t percent;   /* of the memory that is left; 0: no such limit */
    uint64_t max_bytes; /* 0: no such limit */
};

/* Returns the limit with that command line of the kernel. */
struct boot_root boot_root_of(struct str command_line);

/* Returns the memory that a machine needs, or UINT64_MAX if none is enough. */
uint64_t boot_memory_bytes(uint64_t ramdisk_bytes, uint64_t unpacked_bytes, struct boot_root root);

/* Returns the memory that a machine needs to fetch the store, after it has unpacked its ramdisk. */
uint64_t boot_memory_fetch_bytes(uint64_t unpacked_bytes, uint64_t layer_bytes);
