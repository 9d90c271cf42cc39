#include "tests/check.h"
#include "tests/check_units.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct initrd_facts plain = { .program = "/usr/lib/generator" };

static void without_layers_there_are_no_units(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("quiet regd.overlay-size=1g", 0, &plain, &arena, &units));
    CHECK_NUMBER(units.count, 0);
}

static void one_layer_takes_root_layer_memory_directories_and_store(struct arena arena)
{
    static const char *const names[] = {
        "sysroot.mount",
        "initrd-root-fs.target.requires/sysroot.mount",
        "sysroot-nix-.ro\\x2dstore.mount",
        "sysroot-nix-.rw\\x2dstore.mount",
        "regd-overlay-directories.service",
        "sysroot-nix-store.mount",
        "initrd-fs.target.requires/sysroot-nix-store.mount",
    };
    struct initrd_unit_list units;
    if (!CHECK_DONE(check_units_format("quiet", 1, &plain, &arena, &units)) ||
        !CHECK(units.count == COUNT(names)))
        return;
    for (size_t i = 0; i < COUNT(names); i++)
        CHECK_STR(units.items[i].name, names[i]);
    CHECK_STR(units.items[1].target, "../sysroot.mount");
    CHECK_STR(units.items[6].target, "../sysroot-nix-store.mount");
    CHECK(check_units_has(&units, names[0], "Options=mode=0755"));
    CHECK(check_units_has(&units, names[0], "Before=initrd-root-fs.target"));
    CHECK(check_units_has(&units, names[2], "What=/nix-store.squashfs"));
    CHECK(check_units_has(&units, names[2], "Where=/sysroot/nix/.ro-store"));
    CHECK(check_units_has(&units, names[2], "Options=ro,loop"));
    CHECK(check_units_has(&units, names[3], "Options=mode=0755"));
    CHECK(check_units_has(&units, names[4],
                          "ExecStart=:\"/usr/lib/generator\" --overlay /sysroot/nix/.rw-store"));
    CHECK(check_units_has(&units, names[5], "Before=initrd-fs.target"));
}

static void the_root_is_left_to_who_was_given_it(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("root=/dev/sda1", 1, &plain, &arena, &units));
    CHECK(!check_units_find(&units, "sysroot.mount"));
    CHECK(!check_units_find(&units, "initrd-root-fs.target.requires/sysroot.mount"));
    CHECK(check_units_find(&units, "sysroot-nix-store.mount") != NULL);
}

static void layers_are_stacked_in_order(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("", 3, &plain, &arena, &units));
    CHECK(
        check_units_has(&units, "sysroot-nix-.ro\\x2dstore.2.mount", "What=/nix-store.2.squashfs"));
    CHECK(check_units_has(&units, "sysroot-nix-.ro\\x2dstore.2.mount",
                          "Where=/sysroot/nix/.ro-store.2"));
    CHECK(check_units_has(
        &units, "sysroot-nix-store.mount",
        "Options=lowerdir=/sysroot/nix/.ro-store:/sysroot/nix/.ro-store.1:/sysroot/nix/"
        ".ro-store.2,upperdir=/sysroot/nix/.rw-store/store,workdir=/sysroot/nix/.rw-store/"
        "work"));
    CHECK(check_units_has(&units, "sysroot-nix-store.mount",
                          "RequiresMountsFor=/sysroot/nix/.rw-store /sysroot/nix/.ro-store "
                          "/sysroot/nix/.ro-store.1 /sysroot/nix/.ro-store.2"));
}

static void limits_and_threads_are_mount_options(struct arena arena)
{
    static const struct initrd_facts threads = { .program = "/a%b", .threads_by_mount = true };
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("regd.overlay-size=80% regd.overlay-inodes=2m", 1, &threads,
                                  &arena, &units));
    CHECK(check_units_has(&units, "sysroot-nix-.rw\\x2dstore.mount",
                          "Options=mode=0755,size=80%%,nr_inodes=2m"));
    CHECK(check_units_has(&units, "sysroot-nix-.ro\\x2dstore.mount",
                          "Options=ro,loop,threads=multi"));
    CHECK(check_units_has(&units, "regd-overlay-directories.service",
                          "ExecStart=:\"/a%%b\" --overlay /sysroot/nix/.rw-store"));
}

static void a_writable_layer_on_a_disk_is_mounted_by_the_service(struct arena arena)
{
    static const char service[] = "regd-overlay-directories.service";
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("regd.overlay=LABEL=a regd.on-failure=reboot:5", 2, &plain,
                                  &arena, &units));
    CHECK(!check_units_find(&units, "sysroot-nix-.rw\\x2dstore.mount"));
    CHECK(check_units_has(&units, service, "Wants=dev-disk-by\\x2dlabel-a.device"));
    CHECK(check_units_has(&units, service, "After=dev-disk-by\\x2dlabel-a.device"));
    CHECK(check_units_has(&units, service, "FailureAction=reboot-immediate"));
    CHECK(check_units_has(&units, service,
                          "RequiresMountsFor=/sysroot/nix/.ro-store /sysroot/nix/.ro-store.1"));
    CHECK(check_units_has(
        &units, service,
        "ExecStart=:\"/usr/lib/generator\" --overlay-device /sysroot/nix/.rw-store "
        "\"/dev/disk/by-label/a\" reboot:5 keep /sysroot/nix/.ro-store /sysroot/nix/.ro-store.1"));
    CHECK_DONE(check_units_format("regd.overlay=/dev/vdb regd.overlay-reset regd.on-failure=shell",
                                  1, &plain, &arena, &units));
    CHECK(check_units_has(&units, service, "FailureAction=none"));
    CHECK(check_units_has(&units, service,
                          "ExecStart=:\"/usr/lib/generator\" --overlay-device "
                          "/sysroot/nix/.rw-store \"/dev/vdb\" shell reset "
                          "/sysroot/nix/.ro-store"));
}

static void more_layers_than_the_kernel_can_be_told_are_refused(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("", 140, &plain, &arena, &units));
    CHECK_REFUSED(check_units_format("", 160, &plain, &arena, &units),
                  "160 layers are more than the kernel's mount options can name");
    CHECK_REFUSED(check_units_format("", 3000, &plain, &arena, &units),
                  "3000 layers are more than the kernel's mount options can name");
}

int main(void)
{
    return CHECK_ALL(CASE(without_layers_there_are_no_units),
                     CASE(one_layer_takes_root_layer_memory_directories_and_store),
                     CASE(the_root_is_left_to_who_was_given_it), CASE(layers_are_stacked_in_order),
                     CASE(limits_and_threads_are_mount_options),
                     CASE(a_writable_layer_on_a_disk_is_mounted_by_the_service),
                     CASE(more_layers_than_the_kernel_can_be_told_are_refused));
}
