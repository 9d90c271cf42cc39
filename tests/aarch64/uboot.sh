#!/bin/sh
# uboot.sh — U-Boot finds extlinux/extlinux.conf of a tree on a disk, and boots it on an aarch64 machine.
#
# Usage    REGD_BUILD=… REGD_AARCH64=… SCRATCH=… BOOT_FIXTURE=… sh tests/aarch64/uboot.sh
#
# The disk is the tree and nothing else; U-Boot is Debian's for this machine, and nobody tells it anything. The machine's
# device tree is QEMU's, for which U-Boot has no place to load another one to.
set -u
: "${REGD_AARCH64:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/aarch64.sh disable=SC1091
. tests/boot/kit/aarch64.sh

text='U-Boot boots a tree on aarch64'
begin_boots "$text"
uboot=/usr/lib/u-boot/qemu_arm64/u-boot.bin
if [ ! -r "$uboot" ]; then
    skip "$text" 'u-boot-qemu is not installed'
    finish
fi
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
# Of what is hard to pass on there is as much as Debian's U-Boot takes: its CONFIG_SYS_CBSIZE is the usual one.
own_parameters="$(cat "$live$(cat "$live/first")/kernel-params") $(hostile_parameters | sed 's/ t\.a13=.*z   # ; /   # ; /')"
parameters() {
    sed -n 's/^  APPEND //p' "$tree/extlinux/extlinux.conf"
}
make_tree unpadded first --params "$own_parameters" 2>/dev/null
padding=$(printf "%$((1024 - $(parameters | wc -c) - 5))s" | tr ' ' x)
make_tree tree first --params "$own_parameters t.p=$padding" 2>"$SCRATCH/warnings"
claim 'the menu has 1023 bytes of parameters' test "$(parameters | wc -c)" -eq 1024
named() {
    sort -u "$SCRATCH/warnings" | grep extlinux
    for name in b d f k z; do
        grep -qF "extlinux/extlinux.conf lacks the kernel parameter 't.$name': U-Boot would change it" "$SCRATCH/warnings" || return 1
    done
    [ "$(grep extlinux.conf "$SCRATCH/warnings" | sort -u | wc -l)" -eq 5 ]
}
claim 'what U-Boot would change is named, and nothing else' named
parameters >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
cat >"$SCRATCH/short" <<'END'
check_boot 1
verifies
has_device_tree() {
    tr -d '\0' </sys/firmware/devicetree/base/compatible && [ ! -e /sys/firmware/efi ]
}
claim 'the kernel has a device tree, and no UEFI' has_device_tree
END
pass_checks "$SCRATCH/short"

# U-Boot looks for the menu on partitions.
make_medium() {
    size=$(($(du -sm "$tree" | cut -f 1) + 64))
    truncate -s "$((size + 1))M" "$SCRATCH/disk" && echo 'start=2048, type=83' | sfdisk -q "$SCRATCH/disk" &&
        mke2fs -q -F -t ext4 -d "$tree" -E offset=1048576 "$SCRATCH/disk" "${size}M"
}
boot_uboot() {
    make_medium >"$SCRATCH/made" 2>&1 || { cat "$SCRATCH/made"; bail 'no disk can be made'; }
    boot "$1" -nic none -bios "$uboot" -drive "file=$SCRATCH/disk,if=virtio,format=raw,readonly=on"
}
boot_uboot uboot
claim 'U-Boot read the menu of the tree' console_has uboot 'extlinux.conf'
told uboot 'by U-Boot, hostile parameters'

# --- A byte too many ------------------------------------------------------------------------------------------------

make_tree long first --params "$own_parameters t.p=x$padding" 2>"$SCRATCH/warnings"
claim 'of 1024 bytes regd-build warns' grep -q 'extlinux.conf has 1024 bytes of kernel parameters, and U-Boot refuses' "$SCRATCH/warnings"
# shellcheck disable=SC2034  # for machine.sh
machine_end='bootarg overflow'
boot_uboot refused
refused() {
    console_has refused "$machine_end" && ! console_has refused 'Linux version'
}
claim 'and U-Boot refuses them' refused
finish
