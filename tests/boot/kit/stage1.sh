# stage1.sh — makes an initial ramdisk with this host's systemd, udev, kmod and mount, and regd-initrd-generator; with
# PACKAGES_ROOT, with those from there. To be sourced after machine.sh or aarch64.sh.
#
#   begin_stage1                    skips and ends the test on a host that lacks a program for it
#   make_stage1 NAME [COMMAND...]   $SCRATCH/NAME.gz; the command adds to $stage1 before it is packed, by these functions:
#   add FILE...                     files of this system, and the libraries that they need
#   add_units UNIT...               units of systemd
#   want TARGET UNIT...             makes the target want the units
#   add_modules MODULE...           kernel modules, and what they need
# shellcheck shell=sh disable=SC2015,SC2154  # `A && B || C` is meant so; variables of machine.sh

stage1_units=/usr/lib/systemd/system

# begin_stage1 TEXT
begin_stage1() {
    for program in depmod udevadm cpio; do
        have "$program" "$1" || finish
    done
}

# The libraries that a file is linked with, and those that it says it opens itself.
needed_by() {
    libraries_of "$1"
    grep -ao '"soname":\["[^]]*' "$1" | grep -o 'lib[^"]*' | while read -r library; do
        find_library "$library"
    done
}
# Files of this system, under their names, and the libraries that they need. What is not in PACKAGES_ROOT was built here.
add() {
    for file; do
        [ -e "$stage1$file" ] && continue
        root=${PACKAGES_ROOT:-}
        [ -e "$root$file" ] || root=
        (cd "$root/" && cp -L --parents ".$file" "$stage1") || return
        for library in $(needed_by "$root$file"); do
            add "$library" || return
        done
    done
}
add_units() {
    for unit; do
        cp "${PACKAGES_ROOT:-}$stage1_units/$unit" "$stage1$stage1_units/" || return
    done
}
# want TARGET UNIT...
want() {
    mkdir -p "$stage1$stage1_units/$1.wants"
    target=$1
    shift
    for unit; do
        ln -s "../$unit" "$stage1$stage1_units/$target.wants/"
    done
}
# The modules, and what they need, for udev and the kernel to find.
add_modules() {
    for module; do
        modprobe -d "${PACKAGES_ROOT:-/}" --set-version "$version" --show-depends "$module" | while read -r verb file _; do
            [ "$verb" = builtin ] || (cd "${PACKAGES_ROOT:-/}" && cp --parents ".${file#"${PACKAGES_ROOT:-}"}" "$stage1") || exit 1
        done || return
    done
    for list in builtin builtin.modinfo order; do
        cp "${PACKAGES_ROOT:-}/lib/modules/$version/modules.$list" "$stage1/lib/modules/$version/" || return
    done
}

pack_stage1() {
    depmod --basedir "$stage1" "$version" &&
        (cd "$stage1" && find . | sort | cpio --quiet -o -H newc -R 0:0 | gzip -1n) >"$1"
}

make_stage1() {
    stage1_name=$1
    shift
    stage1=$SCRATCH/stage1
    generator=$(dirname "$REGD")/regd-initrd-generator
    version=$(readlink "$live$(cat "$live/first")/kernel" | sed 's|.*-linux-\(.*\)/[^/]*|\1|')
    fill_stage1 && { [ $# -eq 0 ] || "$@"; } && pack_stage1 "$SCRATCH/$stage1_name.gz" ||
        bail 'no ramdisk with systemd can be made'
    rm -rf "$stage1"
}

fill_stage1() {
    number=0
    mkdir -p "$stage1/usr/bin" "$stage1/usr/sbin" "$stage1/usr/lib" "$stage1/usr/lib64" "$stage1/etc" "$stage1/proc" \
        "$stage1/sys" "$stage1/dev" "$stage1/run" "$stage1/tmp" "$stage1/sysroot" "$stage1$stage1_units" "$stage1/etc/systemd" \
        "$stage1/usr/lib/systemd/system-generators" "$stage1/usr/lib/udev/rules.d"
    for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$stage1/$folder"; done
    mkdir -p "$stage1/lib/modules/$version"
    printf 'ID=test\n' | tee "$stage1/etc/os-release" >"$stage1/etc/initrd-release"
    printf 'root:x:0:0:root:/:/bin/false\n' >"$stage1/etc/passwd"
    for group in root tty disk kmem input kvm render sgx video audio lp cdrom tape dialout; do
        echo "$group:x:$((number)):"
        number=$((number + 1))
    done >"$stage1/etc/group"
    # A busy host gives a machine little time, and a device that is there may take longer than 90 s of it.
    printf '[Manager]\nDefaultDeviceTimeoutSec=900\n' >"$stage1/etc/systemd/system.conf"
    ln -s usr/lib/systemd/systemd "$stage1/init"
    add /usr/lib/systemd/systemd /usr/bin/systemctl /usr/lib/systemd/systemd-journald /usr/bin/udevadm /usr/bin/mount \
        /usr/bin/umount /usr/bin/kmod /usr/lib/systemd/system-generators/systemd-fstab-generator || return
    # Newer ones start everything through the one, and look at the system's fstab by the other.
    for helper in systemd-executor systemd-sysroot-fstab-check; do
        [ ! -e "${PACKAGES_ROOT:-}/usr/lib/systemd/$helper" ] || add "/usr/lib/systemd/$helper" || return
    done
    ln -s ../../bin/udevadm "$stage1/usr/lib/systemd/systemd-udevd"
    ln -s ../bin/kmod "$stage1/usr/sbin/modprobe"
    cp "$generator" "$stage1/usr/lib/systemd/system-generators/" && add "$generator" || return
    for rules in 50-udev-default 60-persistent-storage 80-drivers 99-systemd; do
        cp "${PACKAGES_ROOT:-}/usr/lib/udev/rules.d/$rules.rules" "$stage1/usr/lib/udev/rules.d/" || return
    done
    for target in basic emergency final initrd initrd-fs initrd-root-device initrd-root-fs initrd-switch-root initrd-usr-fs \
        local-fs local-fs-pre paths rescue shutdown slices sockets swap sysinit timers umount; do
        add_units "$target.target" || return
    done
    add_units initrd-cleanup.service initrd-parse-etc.service initrd-switch-root.service initrd-udevadm-cleanup-db.service \
        modprobe@.service systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket \
        systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service || return
    want sysinit.target systemd-journald.service systemd-udevd.service systemd-udev-trigger.service
    # As NixOS' activation does: newer ones switch to no root without an os-release.
    add /usr/bin/install || return
    cat >"$stage1$stage1_units/test-activation.service" <<'END'
[Unit]
DefaultDependencies=no
After=initrd.target
Before=initrd-cleanup.service initrd-switch-root.service
ConditionPathIsMountPoint=/sysroot/nix/store

[Service]
Type=oneshot
ExecStart=/usr/bin/install -D /etc/os-release /sysroot/etc/os-release
END
    want initrd.target test-activation.service
    want sockets.target systemd-journald.socket systemd-journald-dev-log.socket systemd-udevd-control.socket \
        systemd-udevd-kernel.socket
    add_modules loop squashfs overlay virtio_pci virtio_blk qemu_fw_cfg ext4 crc32c_generic
}
