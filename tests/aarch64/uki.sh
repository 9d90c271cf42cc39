#!/bin/sh
# uki.sh — UEFI firmware of an aarch64 machine boots boot.efi of a tree that x86-64 has built, from a FAT file system.
#
# Usage    REGD_BUILD=… REGD_AARCH64=… SCRATCH=… BOOT_FIXTURE=… sh tests/aarch64/uki.sh
#
# The machine has as much memory as boot.json says. The stub is Debian's for arm64; one for x86-64 is refused.
set -u
: "${REGD_AARCH64:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/aarch64.sh disable=SC1091
. tests/boot/kit/aarch64.sh

text='UEFI boots a UKI on aarch64'
begin_boots "$text"
for program in mformat mcopy; do
    have "$program" "$text" || finish
done
stubs=usr/lib/systemd/boot/efi
make_tree tree first --uki --stub "$PACKAGES_ROOT/$stubs/linuxaa64.efi.stub" \
    --params "$(cat "$live$(cat "$live/first")/kernel-params") $(hostile_parameters)" 2>/dev/null
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
told_by commandLine >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
printf 'check_boot 1\nverifies\n' >"$SCRATCH/short"
pass_checks "$SCRATCH/short"

size=$(wc -c <"$tree/boot.efi")
{ truncate -s $((size + (16 << 20))) "$SCRATCH/disk" && mformat -i "$SCRATCH/disk" -F :: && mmd -i "$SCRATCH/disk" ::EFI ::EFI/BOOT &&
    mcopy -i "$SCRATCH/disk" "$tree/boot.efi" ::EFI/BOOT/BOOTAA64.EFI; } || bail 'no disk can be made'
machine_memory=$((($(told_by uki.memoryAtBoot) + 1048575) / 1048576))
echo "# boot.efi has $((size >> 20)) MiB; regd-build says $machine_memory MiB of memory"
boot uki -nic none -bios "$firmware" -drive "if=virtio,format=raw,readonly=on,file=$SCRATCH/disk"
claim 'its stub started the kernel' console_has uki 'EFI stub'
told uki "from a FAT disk, $machine_memory MiB, hostile parameters"

other_stub() {
    "$REGD_BUILD" tree --quiet --root "$live" --uki --stub "/$stubs/linuxx64.efi.stub" "$(cat "$live/first")" -o "$SCRATCH/other" 2>"$SCRATCH/refusal" &&
        return 1
    cat "$SCRATCH/refusal"
    [ "$(wc -l <"$SCRATCH/refusal")" -eq 1 ] && [ ! -e "$SCRATCH/other" ]
}
if [ -r "/$stubs/linuxx64.efi.stub" ]; then
    claim 'a stub for x86-64 is refused' other_stub
else
    skip 'a stub for x86-64 is refused' 'systemd-boot-efi is not installed'
fi
finish
