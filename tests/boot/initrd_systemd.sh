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
# shellcheck source=tests/boot/kit/stage1.sh disable=SC1091
. tests/boot/kit/stage1.sh

what='a ramdisk with systemd mounts the store and starts the system'
begin_stage1 "$what"
have mkfs.ext4 "$what" || finish
begin_boots "$what"
make_stage1 stage1

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
claim "the writable layer has the size of regd.overlay=" bytes_of /nix/.rw-store 268435456
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
    boot "$name" -nic none -kernel "$machine_kernel" -initrd "$ramdisk" -append "$(told_by commandLine) $more" "$@"
}
pass_checks "$SCRATCH/asked-ramdisk"
machine ramdisk "$tree/initrd" 'regd.overlay=tmpfs,size=256m regd.overlay-inodes=20k'
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
