#!/bin/sh
# ipxe.sh — iPXE loads netboot.ipxe and boots, on BIOS and on UEFI: from the ROM of a network card, by HTTP.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/ipxe.sh
#
# On BIOS the store is several images in one ramdisk (--max-size), and the kernel is told whatever iPXE, GRUB or a
# shell might trip over. On UEFI the images lie beside the ramdisk (--separate-store), one on another (--base).
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'iPXE boots netboot.ipxe, on BIOS and UEFI'
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"

# --- BIOS -----------------------------------------------------------------------------------------------------

make_tree split first --max-size 25M --params "$(cat "$live$(cat "$live/first")/kernel-params") $(hostile_parameters)"
claim 'the hostile part of the command line has 1.5 KiB' test "$(hostile_parameters | wc -c)" -ge 1536
layers=$(told_by 'storeImages | length')
claim 'the store is several images in one ramdisk' test "$layers" -gt 1
printf 'initrd=initrd %s \n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
printf 'check_boot %s\nverifies\n' "$layers" >"$SCRATCH/short"
pass_checks "$SCRATCH/short"
boot_net bios
claim 'iPXE on BIOS started the script' console_has bios 'netboot.ipxe : .*script'
told bios 'by iPXE on BIOS, images in one ramdisk, hostile parameters'

# --- UEFI -----------------------------------------------------------------------------------------------------

firmware=/usr/share/OVMF/OVMF_CODE_4M.fd
if [ ! -r "$firmware" ]; then
    skip 'iPXE boots it on UEFI, images beside the ramdisk' 'ovmf is not installed'
    finish
fi
lower=$(readlink "$live$(cat "$live/first")/sw")
"$REGD_BUILD" squashfs --quiet --root "$live" --compression zstd:3 "$lower" -o "$SCRATCH/base" || bail 'no lower image can be made'
make_tree beside first --base "$SCRATCH/base" --separate-store
claim 'each image is a file, and so is its header' test "$(told_by 'initrd | length')" -eq 5
printf 'bzImage initrd=initrd initrd=1 initrd=2 initrd=3 initrd=4 %s \n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
printf 'check_boot 2\nverifies\n' >"$SCRATCH/short"
pass_checks "$SCRATCH/short"
boot_net uefi -drive "if=pflash,format=raw,readonly=on,file=$firmware" \
    -drive 'if=pflash,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd'
claim 'iPXE on UEFI started the script, and the kernel as a program of UEFI' console_has uefi 'EFI stub'
told uefi 'by iPXE on UEFI, images beside the ramdisk'
finish
