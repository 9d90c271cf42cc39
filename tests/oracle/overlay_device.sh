#!/bin/sh
# overlay_device.sh — the writable layer of the store on a real block device, without a machine: a loop device with each file
# system that this kernel and the installed tools have. tests/boot/overlay.sh does it in the initial ramdisk.
#
# Takes root, loop devices and a mount namespace, without which the claims are skipped by name.
#
# Usage    REGD=… SCRATCH=… sh tests/oracle/overlay_device.sh
# shellcheck disable=SC2015  # `A && B || C` is meant so
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/mounts.sh disable=SC1091
. tests/mounts.sh
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
generator=$(cd "$(dirname "$REGD")" && pwd)/regd-initrd-generator
cd "$SCRATCH" || bail "$SCRATCH is not there"

devices=
detach() {
    for loop in $devices; do losetup --detach "$loop" 2>/dev/null; done
    tap_end
}
trap detach EXIT

# attach FILE: sets `device`.
attach() {
    device=$(losetup --find --show "$1" 2>/dev/null) && devices="$devices $device"
}

mkdir one other && echo one >one/nix-path-registration && echo other >other/nix-path-registration
truncate -s 16M blank
everything='the writable layer is mounted from a block device'
if [ "$TEST_MOUNTS" != private ] || [ "$(id -u)" -ne 0 ]; then
    skip "$everything" 'no mount namespace'
    finish
elif ! attach blank; then
    skip "$everything" 'no loop devices'
    finish
fi

# The kernel's log is the machine's own.
: >kernel && mount --bind kernel /dev/kmsg || bail 'no kernel log can be faked'

# use WORD...: mounts $device on place/, with these arguments behind the device; output in stdout and stderr.
use() {
    : >kernel
    "$generator" --overlay-device "$SCRATCH/place" "$device" "$@" >stdout 2>stderr
}
show() {
    head stdout stderr kernel
    return 1
}
is_empty() {
    [ ! -s stdout ] && [ ! -s stderr ] && [ ! -s kernel ] || show
}
# refused SENTENCE: on the standard error, in the kernel's log, and in a frame; nothing is mounted.
refused() {
    [ "$(cat stderr)" = "regd-initrd-generator: $1" ] && [ "$(cat kernel)" = "<3>regd-initrd-generator: $1" ] || show || return
    sed -n 's/^\* \(.*[^ ]\) *\*$/\1/p' stdout | tr '\n' ' ' >frame
    grep -qF "The writable layer of the Nix store cannot be used. $1 The machine " frame || show || return
    ! mountpoint -q place
}

# --- what is no file system ----------------------------------------------------------------------------------

not_formatted() {
    use reboot:0 keep "$SCRATCH/one"
    [ $? -eq 1 ] && cmp -n 16777216 blank /dev/zero &&
        refused "$device has no file system for the writable layer; format it, for example with mkfs.ext4: ext4, xfs, btrfs and f2fs can be used"
}
claim 'a device without a file system is refused, and not formatted' not_formatted
damaged() {
    printf '\123\357' | dd of=blank bs=1 seek=1080 conv=notrunc status=none
    use reboot:0 keep "$SCRATCH/one"
    [ $? -eq 1 ] && sentence=$(sed 's/^regd-initrd-generator: //' stderr) && refused "$sentence" || return
    case $sentence in "mount $device as ext4: "?*) ;; *) show ;; esac
}
claim 'so is one whose file system is damaged' damaged
shell() {
    use shell keep "$SCRATCH/one"
    [ $? -eq 1 ] && grep -q '^\* The emergency shell follows\. ' stdout || show
}
claim 'a shell follows, if that is asked for' shell
elsewhere() {
    rm -rf place && : >place && use reboot:0 keep "$SCRATCH/one"
    result=$?
    rm -f place
    [ "$result" -eq 1 ] || show
}
claim 'the place must be a directory' elsewhere

# --- file systems ---------------------------------------------------------------------------------------------

mounted_as() {
    grep -q "^$device $SCRATCH/place $1 rw,nosuid,nodev,noatime" /proc/mounts || { cat /proc/mounts && return 1; }
}
names() {
    find place/"$1" -mindepth 1 -maxdepth 1 ! -name lost+found -printf '%f\n' | sort | tr '\n' ' '
}

# A link, as udev makes it, is not what is mounted.
first() {
    ln -sfn "$device" by-label && link=$device && device=$SCRATCH/by-label && use reboot:0 keep "$SCRATCH/one"
    result=$?
    device=$link
    [ "$result" -eq 0 ] && is_empty && mounted_as "$1" && [ "$(names .)" = 'layers store work ' ] &&
        echo kept >place/store/kept && umount place
}
again() {
    use reboot:0 keep "$SCRATCH/one" && is_empty && mounted_as "$1" && [ "$(cat place/store/kept)" = kept ] && umount place
}
other() {
    use reboot:0 keep "$SCRATCH/other"
    [ $? -eq 1 ] && refused "use $device: the writable layer was written above other layers than those of this image; boot the image that it belongs to, or add regd.overlay-reset to move it away and start with an empty one"
}
no_layer() {
    use reboot:0 keep "$SCRATCH/none"
    [ $? -eq 1 ] && refused "open the layer $SCRATCH/none: No such file or directory"
}
reset() {
    use reboot:0 reset "$SCRATCH/other" && mounted_as "$1" && [ "$(names store)" = '' ] &&
        [ "$(cat place/old.1/store/kept)" = kept ] &&
        [ "$(cat kernel)" = "<5>regd-initrd-generator: the writable layer of other layers is now old.1 on $device" ] || show || return
    umount place
}

# try TYPE SIZE: xfs wants 300 MiB, most of them holes.
try() {
    text="the writable layer on $1"
    have "mkfs.$1" "$text" || return
    truncate -s "$2" "$1" && "mkfs.$1" "$1" >log 2>&1 || bail "no $1 can be made"
    mkdir trial
    if ! mount -t "$1" -o loop "$1" trial 2>/dev/null; then
        skip "$text" "the kernel has no $1"
        rmdir trial
        return
    fi
    umount trial && rmdir trial
    attach "$1" || bail 'no loop device'
    claim "$1: an empty one is mounted, with a record of what lies below" first "$1"
    claim "$1: what was written is there above the same layers" again "$1"
    claim "$1: other layers are refused, and it is unmounted" other
    claim "$1: so is a layer that is not there" no_layer
    claim "$1: reset moves what was written away, and the log says so" reset "$1"
}
try ext4 64M
try xfs 320M
try btrfs 128M
try f2fs 64M
finish
