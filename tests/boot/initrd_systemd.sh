#!/bin/sh
# initrd_systemd.sh — if the initial ramdisk runs systemd: do the units of regd-initrd-generator mount the store, and
# does the system boot?
#
# The ramdisk has this host's systemd, udev, kmod and mount; the system is that of the other boot tests.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/initrd_systemd.sh
# shellcheck disable=SC2015,SC2016  # `A && B || C` is meant so; the machine expands
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

what='a ramdisk with systemd mounts the store and starts the system'
for program in depmod udevadm mkfs.ext4 cpio; do
    have "$program" "$what" || finish
done
begin_boots "$what"
generator=$(dirname "$REGD")/regd-initrd-generator
version=$(readlink "$live$(cat "$live/first")/kernel" | sed 's|.*-linux-\(.*\)/bzImage|\1|')

# --- the ramdisk ------------------------------------------------------------------------------------------

stage1=$SCRATCH/stage1
units=/usr/lib/systemd/system

# The libraries that a file is linked with, and those that it says it opens itself.
libraries_of() {
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*'
    grep -ao '"soname":\["[^]]*' "$1" | grep -o 'lib[^"]*' | while read -r library; do
        ldconfig -p | grep -om 1 "/[^ ]*/$library\$"
    done
}
# Files of this system, under their names, and the libraries that they need.
add() {
    for file; do
        [ -e "$stage1$file" ] && continue
        cp -L --parents "$file" "$stage1" || return
        for library in $(libraries_of "$file"); do
            add "$library" || return
        done
    done
}
add_units() {
    for unit; do
        cp "$units/$unit" "$stage1$units/" || return
    done
}
# want TARGET UNIT...
want() {
    mkdir -p "$stage1$units/$1.wants"
    target=$1
    shift
    for unit; do
        ln -s "../$unit" "$stage1$units/$target.wants/"
    done
}
# The modules, and what they need, for udev and the kernel to find.
add_modules() {
    for module; do
        modprobe --set-version "$version" --show-depends "$module" | while read -r verb file _; do
            [ "$verb" = builtin ] || cp --parents "$file" "$stage1" || exit 1
        done || return
    done
    cp "/lib/modules/$version/modules.builtin" "/lib/modules/$version/modules.builtin.modinfo" \
        "/lib/modules/$version/modules.order" "$stage1/lib/modules/$version/" &&
        depmod --basedir "$stage1" "$version"
}

make_stage1() {
    mkdir -p "$stage1/usr/bin" "$stage1/usr/sbin" "$stage1/usr/lib" "$stage1/usr/lib64" "$stage1/etc" "$stage1/proc" \
        "$stage1/sys" "$stage1/dev" "$stage1/run" "$stage1/tmp" "$stage1/sysroot" "$stage1$units" \
        "$stage1/usr/lib/systemd/system-generators" "$stage1/usr/lib/udev/rules.d"
    for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$stage1/$folder"; done
    mkdir -p "$stage1/lib/modules/$version"
    printf 'ID=test\n' | tee "$stage1/etc/os-release" >"$stage1/etc/initrd-release"
    printf 'root:x:0:0:root:/:/bin/false\n' >"$stage1/etc/passwd"
    for group in root tty disk kmem input kvm render sgx video audio lp cdrom tape dialout; do
        echo "$group:x:$((number)):"
        number=$((number + 1))
    done >"$stage1/etc/group"
    ln -s usr/lib/systemd/systemd "$stage1/init"
    add /usr/lib/systemd/systemd /usr/bin/systemctl /usr/lib/systemd/systemd-journald /usr/bin/udevadm /usr/bin/mount \
        /usr/bin/umount /usr/bin/kmod /usr/lib/systemd/system-generators/systemd-fstab-generator || return
    # Newer ones start everything through the one, and look at the system's fstab by the other.
    for helper in systemd-executor systemd-sysroot-fstab-check; do
        [ ! -e "/usr/lib/systemd/$helper" ] || add "/usr/lib/systemd/$helper" || return
    done
    ln -s ../../bin/udevadm "$stage1/usr/lib/systemd/systemd-udevd"
    ln -s ../bin/kmod "$stage1/usr/sbin/modprobe"
    cp "$generator" "$stage1/usr/lib/systemd/system-generators/" && add "$generator" || return
    for rules in 50-udev-default 60-persistent-storage 80-drivers 99-systemd; do
        cp "/usr/lib/udev/rules.d/$rules.rules" "$stage1/usr/lib/udev/rules.d/" || return
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
    cat >"$stage1$units/test-activation.service" <<'END'
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
    add_modules loop squashfs overlay virtio_pci virtio_blk qemu_fw_cfg ext4 crc32c_generic || return
    (cd "$stage1" && find . | sort | cpio --quiet -o -H newc -R 0:0 | gzip -1n) >"$SCRATCH/stage1.gz"
}
number=0
make_stage1 || bail 'no ramdisk with systemd can be made'
rm -rf "$stage1"

# --- machines ---------------------------------------------------------------------------------------------

"$REGD_BUILD" squashfs --quiet --root "$live" --compression zstd:3 "$(cat "$live/first")/sw" -o "$SCRATCH/base" ||
    bail 'no image can be made'
make_tree tree first --base "$SCRATCH/base" --prepend "$SCRATCH/stage1.gz"
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"

# What is there beside what every boot has to show. Limits are those of the command line.
cat >"$SCRATCH/asked" <<'END'
stage1_root=/sysroot
check_boot 2
verifies
both_have_manifests() {
    [ -s /nix/.ro-store/nix-path-registration ] && [ -s /nix/.ro-store.1/nix-path-registration ] &&
        ! cmp -s /nix/.ro-store/nix-path-registration /nix/.ro-store.1/nix-path-registration
}
claim "both layers are mounted where regd looks for manifests" both_have_manifests
# bytes_of PLACE SIZE
bytes_of() {
    stat -f -c '%T, %b blocks of %S bytes, %c inodes' "$1"
    [ "$(stat -f -c %T "$1")" = tmpfs ] && [ "$(($(stat -f -c '%b * %S' "$1")))" -eq "$2" ]
}
END
cat "$SCRATCH/asked" - >"$SCRATCH/asked-ramdisk" <<'END'
claim "the writable layer has the size of regd.overlay-size=" bytes_of /nix/.rw-store 268435456
inodes() {
    [ "$(stat -f -c %c /nix/.rw-store)" -eq 20480 ]
}
claim "and the inodes of regd.overlay-inodes=" inodes
END
cat "$SCRATCH/asked" - >"$SCRATCH/asked-disks" <<'END'
claim "with root=tmpfs systemd makes the root as large as rootflags= says" bytes_of / 314572800
medium() {
    grep /run/regd /proc/mounts
    grep -q '^/dev/vd[a-z] /run/regd/store.0 ext4 ro,' /proc/mounts && [ -f /run/regd/store.0/live/top ]
}
claim "the file system with the label stays mounted below /run" medium
END

# machine NAME RAMDISK PARAMETERS ARGUMENT...
machine() {
    name=$1 ramdisk=$2 more=$3
    shift 3
    boot "$name" -nic none -kernel "$tree/$(told_by kernel.name)" -initrd "$ramdisk" -append "$(told_by commandLine) $more" "$@"
}
pass_checks "$SCRATCH/asked-ramdisk"
machine ramdisk "$tree/initrd" 'regd.overlay-size=256m regd.overlay-inodes=20k'
told ramdisk 'layers in the ramdisk'

# The upper layer is a file on a stick, the lower one is in the tree's ramdisk, which is a disk as it is.
{ mkdir -p "$SCRATCH/stick/live" && "$REGD_BUILD" squashfs --quiet --root "$live" --compression zstd:3 "$(cat "$live/first")" \
    --base "$SCRATCH/base" -o "$SCRATCH/stick/live/top"; } &&
    mkfs.ext4 -q -L 'LIVE 1' -d "$SCRATCH/stick" "$SCRATCH/stick.img" 128M >/dev/null 2>&1 || bail 'no stick can be made'
pass_checks "$SCRATCH/asked-disks"
machine disks "$SCRATCH/stage1.gz" "regd.store=\"LABEL=LIVE 1,file=/live/top\" \
regd.store=/dev/vdb,offset=$(told_by 'storeImages[1].offset') root=tmpfs rootflags=mode=0755,size=300m" \
    -drive "file=$SCRATCH/stick.img,format=raw,if=virtio,readonly=on" \
    -drive "file=$tree/initrd,format=raw,if=virtio,readonly=on"
told disks 'layers on disks'

# Nothing is mounted, and the kernel's log says why. The machine would wait for somebody.
machine_end='Failed to start .*Switch Root'
machine refused "$tree/initrd" 'regd.overlay-size=lots systemd.show_status=yes'
refused() {
    console_has refused "regd-initrd-generator: kernel parameter regd.overlay-size: 'lots' is not a number" &&
        console_has refused 'Failed to start .*Switch Root' && [ ! -s "$SCRATCH/refused.results" ] && return
    tail -n 40 "$SCRATCH/refused.console"
    return 1
}
claim 'a malformed parameter stops the boot, with one sentence on the console' refused
finish
