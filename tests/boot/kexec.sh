#!/bin/sh
# kexec.sh — kexec-boot boots a tree from a running Linux: a small one without systemd, whose shell is busybox.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/kexec.sh
#
# The tree is what is hardest for it: the store in several images, each a file beside the ramdisk, and a command line
# of 1.5 KiB that shells trip over. What systemd does (systemctl kexec) is in state.sh.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'kexec-boot boots a tree from a running Linux'
for program in kexec mksquashfs cpio; do
    have "$program" 'kexec-boot boots a tree from a running Linux' || finish
done

make_rescue
closure_of first >"$SCRATCH/closure"
make_tree pieces first --max-size 25M --separate-store \
    --params "$(cat "$live$(cat "$live/first")/kernel-params") $(hostile_parameters)"
layers=$(told_by 'storeImages | length')
claim 'the store is several images beside the ramdisk' test "$layers" -gt 1

printf '%s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
printf 'check_boot %s\nverifies\n' "$layers" >"$SCRATCH/short"
pass closure "$SCRATCH/closure"
pass cmdline "$SCRATCH/cmdline"
pass_checks "$SCRATCH/short"
machine_memory=1536
boot_kexec kexec
claim 'kexec-boot said that it executes the kernel it loaded' console_has kexec 'loaded /tree/bzImage, executing it'
booted_twice() {
    [ "$(grep -a -c 'Linux version' "$SCRATCH/kexec.console")" -eq 2 ]
}
claim 'two kernels ran, one behind the other' booted_twice
told kexec 'by kexec-boot, images beside the ramdisk, hostile parameters'
finish
