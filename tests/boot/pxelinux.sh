#!/bin/sh
# pxelinux.sh — PXELINUX boots a tree by TFTP.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/pxelinux.sh
#
# It gets the store as a file beside the ramdisk, and parameters that are hard to pass on.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

text='PXELINUX boots a tree'
begin_boots "$text"
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
printf 'check_boot 1\nverifies\n' >"$SCRATCH/short"
pass_checks "$SCRATCH/short"
own_parameters=$(cat "$live$(cat "$live/first")/kernel-params")

modules=/usr/lib/syslinux/modules/bios
if [ ! -r /usr/lib/PXELINUX/pxelinux.0 ] || [ ! -r "$modules/ldlinux.c32" ]; then
    skip "$text" 'pxelinux and syslinux-common are not installed'
    finish
fi
make_tree network first --separate-store --params "$own_parameters $(hostile_parameters)" 2>"$SCRATCH/warnings"
nothing_left_out() {
    cat "$SCRATCH/warnings"
    ! grep pxelinux "$SCRATCH/warnings"
}
claim 'PXELINUX gets every parameter' nothing_left_out
# What lies between two parameters becomes one space, and what is within quotes stays.
printf 'BOOT_IMAGE=bzImage %s initrd=initrd,nix-store.squashfs.newc,nix-store.squashfs\n' \
    "$(told_by commandLine | sed 's/two  words/two@@words/g; s/   */ /g; s/two@@words/two  words/g; s/ *$//')" >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
cp -r "$tree" "$SCRATCH/tftp"
cp /usr/lib/PXELINUX/pxelinux.0 "$modules/ldlinux.c32" "$SCRATCH/tftp/"
boot pxelinux -boot n -device virtio-net-pci,netdev=net,bootindex=0 \
    -netdev "user,id=net,restrict=on,tftp=$SCRATCH/tftp,bootfile=pxelinux.0"
told pxelinux 'by PXELINUX, image beside the ramdisk, hostile parameters'
finish
