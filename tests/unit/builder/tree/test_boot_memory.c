#include "tests/check.h"

#include "builder/tree/boot_memory.h"

#define MIB ((uint64_t)1 << 20)

static void the_kernel_unpacks_to_half_of_the_memory_or_to_all(struct arena arena)
{
    (void)arena;
    static const struct {
        const char *line;
        uint64_t percent, max_bytes;
    } cases[] = {
        { "", 50, 0 },
        { "init=/init quiet", 50, 0 },
        { "root=", 50, 0 },
        { "root", 50, 0 },
        { "root=fstab", 0, 0 },
        { "\"root=fstab\"", 0, 0 },
        { "root=fstab root=", 50, 0 },
        { "rootfstype=ramfs", 0, 0 },
        { "rootfstype=ext4", 0, 0 },
        { "rootfstype=tmpfs", 50, 0 },
        { "rootfstype=ext4,tmpfs", 50, 0 },
        { "rootfstype=tmpfs root=/dev/sda", 0, 0 },
        { "initramfs_options=size=90%", 90, 0 },
        { "initramfs_options=mode=0755,size=100%,nr_inodes=0", 100, 0 },
        { "initramfs_options=size=3g", 0, 3072 * MIB },
        { "initramfs_options=size=512M,", 0, 512 * MIB },
        { "initramfs_options=size=512M,size=70%", 70, 0 },
        { "initramfs_options=size=7", 0, 7 },
        { "initramfs_options=size=1k", 0, 1024 },
        { "initramfs_options=nr_blocks=3k", 0, 12 * MIB },
        { "initramfs_options=size=0", 0, 0 },
        { "initramfs_options=size=99999999999999999999999g", 0, UINT64_MAX },
        { "initramfs_options=size=99e", 0, UINT64_MAX },
        { "initramfs_options=nr_blocks=9e", 0, UINT64_MAX },
        { "initramfs_options=huge=always", 50, 0 },
        { "initramfs_options=size=90% root=fstab", 0, 0 },
        { "xroot=fstab rootflags=size=1m", 50, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct boot_root root = boot_root_of(str_from(cases[i].line));
        check_about("%s", cases[i].line);
        CHECK_NUMBER(root.percent, cases[i].percent);
        CHECK_NUMBER(root.max_bytes, cases[i].max_bytes);
    }
}

static uint64_t needed(uint64_t ramdisk_mib, uint64_t unpacked_mib, const char *line)
{
    return boot_memory_bytes(ramdisk_mib * MIB, unpacked_mib * MIB, boot_root_of(str_from(line)));
}

/* What was measured, in MiB, in steps of 2. Linux 6.1 boots with it, and did not with 2 less. */
static void it_is_what_was_measured(struct arena arena)
{
    (void)arena;
    static const struct {
        uint64_t ramdisk, unpacked, measured;
        const char *line;
    } cases[] = {
        { 61, 62, 244, "" },    { 61, 62, 204, "root=fstab" },
        { 161, 162, 550, "" },  { 161, 162, 410, "root=fstab" },
        { 461, 462, 1466, "" }, { 461, 462, 1023, "root=fstab" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t bytes = needed(cases[i].ramdisk, cases[i].unpacked, cases[i].line);
        check_about("%d MiB, %s", (int)cases[i].ramdisk, cases[i].line);
        CHECK(bytes >= cases[i].measured * MIB);
        CHECK(bytes <= (cases[i].measured + 4) * MIB);
    }
}

static void a_limit_counts_where_it_is_the_narrower(struct arena arena)
{
    (void)arena;
    CHECK_NUMBER(needed(10, 10, ""), needed(10, 10, "root=fstab"));
    CHECK(needed(10, 100, "") > needed(10, 100, "root=fstab") + 70 * MIB);
    CHECK_NUMBER(needed(10, 100, "initramfs_options=size=100%"), needed(10, 100, "root=fstab"));
    CHECK(needed(10, 100, "initramfs_options=size=10%") > 1000 * MIB);
    CHECK_NUMBER(needed(10, 100, "initramfs_options=size=100m"), needed(10, 100, "root=fstab"));
    CHECK_NUMBER(needed(10, 100, "initramfs_options=size=99m"), UINT64_MAX);
    CHECK_NUMBER(needed(10, 100, "initramfs_options=size=99m root=fstab"),
                 needed(10, 100, "root=fstab"));
    /* A terabyte, and a thousandth of its percents. */
    CHECK(needed(1, 1 << 20, "initramfs_options=size=1%") > MIB * MIB * 100);
}

/* 500 MiB of images are to boot with 1.3 times as much and 256 MiB. */
static void fetching_takes_the_images_once(struct arena arena)
{
    (void)arena;
    uint64_t mib = 1 << 20;
    CHECK_NUMBER(boot_memory_fetch_bytes(0, 0) / mib, 150);
    /* What was measured. */
    CHECK_NUMBER(boot_memory_fetch_bytes(41 * mib, 60 * mib + mib / 2) / mib, 254);
    CHECK_NUMBER(boot_memory_fetch_bytes(41 * mib, 464 * mib) / mib, 740);
    CHECK(boot_memory_fetch_bytes(100 * mib, 500 * mib) < 500 * mib * 13 / 10 + 256 * mib);
    /* A machine with more memory than that has enough, too, whether it uses huge pages or not. */
    uint64_t least = boot_memory_fetch_bytes(41 * mib, 240 * mib);
    CHECK(least < 512 * mib && boot_memory_fetch_bytes(41 * mib, 241 * mib) >= 512 * mib);
}

int main(void)
{
    return CHECK_ALL(CASE(the_kernel_unpacks_to_half_of_the_memory_or_to_all),
                     CASE(it_is_what_was_measured), CASE(a_limit_counts_where_it_is_the_narrower),
                     CASE(fetching_takes_the_images_once));
}
