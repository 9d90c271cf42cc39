#!/bin/sh
# uki.sh — UEFI firmware boots boot.efi: from a FAT disk with Secure Boot, by HTTP and by TFTP; with Secure Boot nothing else.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/uki.sh
#
# Debian's package ovmf has a firmware that trusts a certificate whose key is no secret ("snakeoil"). With that boot.efi is
# signed, as an operator would with a key of his own. A machine from a disk has as much memory as boot.json says.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'UEFI boots a UKI'
stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
firmware=/usr/share/OVMF
keys=/usr/share/ovmf/PkKek-1-snakeoil
for file in $stub $firmware/OVMF_CODE_4M.fd $firmware/OVMF_CODE_4M.snakeoil.fd $firmware/OVMF_VARS_4M.snakeoil.fd $keys.key; do
    [ -r "$file" ] || { skip 'UEFI boots a UKI' "$file is not there: install ovmf and systemd-boot-efi" && finish; }
done
for program in sbsign openssl mformat mcopy; do
    have "$program" 'UEFI boots a UKI' || finish
done

make_tree tree first --uki --stub "$stub" \
    --params "$(cat "$live$(cat "$live/first")/kernel-params") $(hostile_parameters)"
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
printf '%s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
printf 'check_boot 1\n' >"$SCRATCH/short"
pass_checks "$SCRATCH/short"

sign() {
    openssl rsa -in "$keys.key" -passin pass:snakeoil -out "$SCRATCH/key" 2>/dev/null &&
        sbsign --key "$SCRATCH/key" --cert "$keys.pem" --output "$SCRATCH/signed.efi" "$tree/boot.efi" >/dev/null
}
sign || bail 'boot.efi cannot be signed'

# disk NAME FILE: $SCRATCH/NAME is a FAT file system that firmware boots.
disk() {
    { truncate -s $(($(stat -c %s "$2") + (16 << 20))) "$SCRATCH/$1" && mformat -i "$SCRATCH/$1" -F :: &&
        mmd -i "$SCRATCH/$1" ::EFI ::EFI/BOOT && mcopy -i "$SCRATCH/$1" "$2" ::EFI/BOOT/BOOTX64.EFI; } ||
        bail 'no disk can be made'
}
# boot_secure NAME DISK...
boot_secure() {
    machine=$1
    shift
    for disk; do
        set -- "$@" -drive "if=virtio,format=raw,readonly=on,file=$SCRATCH/$disk"
        shift
    done
    machine_kind="-machine q35,smm=on,graphics=off ${machine_kind#* * }"
    boot "$machine" -nic none -global driver=cfi.pflash01,property=secure,value=on \
        -drive "if=pflash,format=raw,unit=0,readonly=on,file=$firmware/OVMF_CODE_4M.snakeoil.fd" \
        -drive "if=pflash,format=raw,unit=1,snapshot=on,file=$firmware/OVMF_VARS_4M.snakeoil.fd" "$@"
}
# boot_network NAME y|n NETDEV: by TFTP or not.
boot_network() {
    boot "$1" -fw_cfg "name=opt/org.tianocore/IPv4PXESupport,string=$2" -fw_cfg name=opt/org.tianocore/IPv6PXESupport,string=n \
        -drive "if=pflash,format=raw,unit=0,readonly=on,file=$firmware/OVMF_CODE_4M.fd" \
        -drive "if=pflash,format=raw,unit=1,snapshot=on,file=$firmware/OVMF_VARS_4M.fd" \
        -device virtio-net-pci,netdev=net,romfile=,bootindex=0 -netdev "user,id=net,restrict=on,$3"
}

# --- by HTTP and by TFTP, without Secure Boot -------------------------------------------------------------------

boot_network http n "bootfile=http://10.0.2.100/boot.efi,guestfwd=tcp:10.0.2.100:80-cmd:sh tests/boot/kit/http.sh $tree"
claim 'the firmware fetched boot.efi by HTTP, and its stub started the kernel' console_has http 'EFI stub'
told http 'by HTTP'

boot_network tftp y "tftp=$tree,bootfile=boot.efi"
claim 'the firmware fetched boot.efi by TFTP, and its stub started the kernel' console_has tftp 'EFI stub'
told tftp 'by TFTP'

# --- from a disk, with Secure Boot ----------------------------------------------------------------------------

disk signed "$SCRATCH/signed.efi"
machine_memory=$((($(told_by uki.memoryAtBoot) + 1048575) / 1048576))
echo "# boot.efi has $(($(wc -c <"$tree/boot.efi") >> 20)) MiB; regd-build says $machine_memory MiB of memory"
boot_secure signed signed
claim 'the kernel sees Secure Boot, and is locked down' console_has signed 'locked down from EFI Secure Boot'
told signed "from a FAT disk, signed, with Secure Boot and $machine_memory MiB"

disk unsigned "$tree/boot.efi"
printf X | dd of="$SCRATCH/signed.efi" bs=1 seek=1000000 conv=notrunc status=none
disk altered "$SCRATCH/signed.efi"
machine_end='No bootable option or device was found'
boot_secure refused unsigned altered
refused() {
    tr -d '\r' <"$SCRATCH/refused.console" | grep -a BdsDxe
    [ "$(tr -d '\r' <"$SCRATCH/refused.console" | grep -a -c 'BdsDxe: failed to load .*: Access Denied')" -eq 2 ] &&
        ! console_has refused 'Linux version'
}
claim 'with Secure Boot it loads neither an unsigned one nor a signed one with a changed byte' refused
finish
