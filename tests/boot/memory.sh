#!/bin/sh
# memory.sh — is what regd-build says a system needs to boot what it needs?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/memory.sh
#
# With the memory of boot.json's memoryAtBoot a machine boots, with nine tenths of it it does not: the rule is not so
# careful that it refuses what would work. kexec-boot, which goes by what the running kernel says, agrees; it takes
# some more, as the new kernel and its ramdisk have to be loaded beside the running one.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'a machine boots with as much memory as regd-build says, and not with much less'
make_tree first first
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
echo 'check_boot 1' >"$SCRATCH/short"
pass_checks "$SCRATCH/short"
needed=$((($(told_by memoryAtBoot) + 1048575) / 1048576))
echo "# the ramdisk has $(($(wc -c <"$tree/initrd") >> 20)) MiB, regd-build says $needed MiB"

machine_memory=$needed
boot_tree enough
told enough "with $needed MiB"

scarce=$((needed * 9 / 10))
machine_memory=$scarce
boot_tree scarce
fails() {
    tr -d '\r' <"$SCRATCH/scarce.console" | grep -a -e 'stage 1:' -e panic -e 'Initramfs unpacking failed' -e 'Out of memory' |
        head -n 5
    [ ! -s "$SCRATCH/scarce.results" ] && console_has scarce 'Initramfs unpacking failed: write error' &&
        console_has scarce 'Kernel panic'
}
claim "with $scarce MiB it does not boot" fails

for program in kexec mksquashfs cpio; do
    have "$program" 'kexec-boot agrees' || finish
done
make_rescue
boot_kexec kexec-scarce
refuses() {
    tr -d '\r' <"$SCRATCH/kexec-scarce.console" | grep -a -e '^rescue:' -e '^kexec-boot:'
    console_has kexec-scarce 'kexec-boot: booting takes .* of memory' && console_has kexec-scarce 'kexec-boot ended with status 1'
}
claim "kexec-boot refuses on a machine with $scarce MiB" refuses
machine_memory=$((needed + 60))
boot_kexec kexec-enough
told kexec-enough "by kexec-boot with $machine_memory MiB"
finish
