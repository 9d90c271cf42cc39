#!/bin/sh
# memory.sh — is what regd-build says a system needs to boot what it needs?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/memory.sh
#
# With the memory of boot.json's memoryAtBoot a machine boots; with 4 MiB less it does not, where Linux 6.1 is installed, by
# which the rule goes. Newer ones take up to 20 MiB less, so there it has to be 24 MiB less: the rule is not so careful that
# it refuses what would work.
#
# tmpfs    what the ramdisk unpacks to may fill half of the memory
# ramfs    with root=, it may fill all
# options  with initramfs_options=, it may fill what that says
# packed   a part of the ramdisk is compressed to a thousandth
#
# kexec-boot, which goes by what the running kernel says, agrees; it takes some more, as the new kernel and its ramdisk have
# to be loaded beside the running one.
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'a machine boots with as much memory as regd-build says, and not with much less'
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
echo 'check_boot 1' >"$SCRATCH/short"
pass_checks "$SCRATCH/short"
less=24
case $(readlink "$live$(cat "$live/first")/kernel") in *-linux-6.1.*) less=4 ;; esac

fails() {
    tr -d '\r' <"$SCRATCH/$1.console" | grep -a -e 'stage 1:' -e panic -e 'Initramfs unpacking failed' -e 'Out of memory' |
        head -n 5
    [ ! -s "$SCRATCH/$1.results" ]
}
# both_sides NAME OPTION...
both_sides() {
    name=$1
    shift
    make_tree "$name" first "$@"
    # With what it takes to unpack itself.
    machine_kernel=
    needed=$((($(told_by memoryAtBoot) + 1048575) / 1048576))
    echo "# $name: the ramdisk has $(($(wc -c <"$tree/initrd") >> 20)) MiB, $(($(told_by unpackedSize) >> 20)) MiB unpacked; regd-build says $needed MiB"
    machine_memory=$needed
    boot_tree "$name"
    told "$name" "$name, with $needed MiB"
    scarce=$((needed - less))
    machine_memory=$scarce
    boot_tree "$name-scarce"
    claim "$name: with $scarce MiB it does not boot" fails "$name-scarce"
}
params=$(cat "$live$(cat "$live/first")/kernel-params")
both_sides ramfs --params "$params root=fstab"
both_sides options --params "$params initramfs_options=size=75%"
head -c 60000000 /dev/zero >"$SCRATCH/zeros" && (cd "$SCRATCH" && echo zeros | cpio --quiet -o -H newc | gzip -9n >packed.gz) ||
    bail 'no ramdisk can be made'
rm "$SCRATCH/zeros"
both_sides packed --prepend "$SCRATCH/packed.gz" --prepend "$live$(readlink "$live$(cat "$live/first")/initrd")"
both_sides tmpfs
half() {
    console_has tmpfs-scarce 'Initramfs unpacking failed: write error' && console_has tmpfs-scarce 'Kernel panic'
}
claim 'what is missing there is room in the tmpfs' half

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
