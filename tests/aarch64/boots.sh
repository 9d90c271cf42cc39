#!/bin/sh
# boots.sh — does everything that regd is for work on an aarch64 machine, which boots a tree that x86-64 has built?
#
# Usage    REGD=… REGD_BUILD=… REGD_AARCH64=… SCRATCH=… BOOT_FIXTURE=… sh tests/aarch64/boots.sh
#
# The systems are those of tests/boot, made from Debian's arm64 packages, which are unpacked below /aarch64.
# Ways     directly; by UEFI; by iPXE, which UEFI loads by TFTP, and which loads the tree by HTTP; by kexec-boot
# Pages    Debian has a kernel with memory pages of 16 KiB; those of the other machines have 4 KiB
set -u
: "${REGD_AARCH64:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh

# shellcheck source=tests/boot/kit/aarch64.sh disable=SC1091
. tests/boot/kit/aarch64.sh

# The firmware gets iPXE by TFTP, and iPXE a script that gets the tree's by HTTP.
boot_net() {
    mkdir -p "$SCRATCH/tftp"
    cp /usr/lib/ipxe/ipxe-arm64.efi "$SCRATCH/tftp/"
    printf '#!ipxe\ndhcp\nchain http://10.0.2.100/netboot.ipxe\n' >"$SCRATCH/tftp/autoexec.ipxe"
    boot "$1" -bios "$firmware" -device virtio-net-pci,netdev=net,romfile= -device virtio-rng-pci \
        -netdev "user,id=net,restrict=on,tftp=$SCRATCH/tftp,bootfile=ipxe-arm64.efi,guestfwd=tcp:10.0.2.100:80-cmd:busybox httpd -i -h $tree"
}

begin_boots 'an aarch64 machine boots, is registered, and Nix works on it'
make_tree tree first
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"

is_for_aarch64() {
    [ "$(told_by system)" = aarch64-linux ] && [ "$(told_by kernel.name)" = Image ] &&
        [ "$(stat -c %i "$tree/Image")" = "$(stat -c %i "$tree/bzImage")" ]
}
claim 'the tree is for aarch64, its kernel is called Image, and bzImage too' is_for_aarch64

# --- Directly, with all checks --------------------------------------------------------------------------------------

printf '%s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
cat >"$SCRATCH/early" <<'END'
# The moment right behind sysinit.target, as a unit sees it.
systemctl is-active sysinit.target regd.service >/run/test/early-units
/usr/bin/nix-store --query --requisites /run/current-system | sort >/run/test/early-closure
END
pass early "$SCRATCH/early"
pass_checks tests/boot/kit/check_all.sh
boot_tree direct
told direct 'booted directly'

# --- UEFI -----------------------------------------------------------------------------------------------------------

printf 'check_boot 1\nverifies\n' >"$SCRATCH/short"
pass_checks "$SCRATCH/short"
printf '%s initrd=initrd\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
boot_tree uefi -bios "$firmware"
claim 'the kernel is started as a program of UEFI' console_has uefi 'EFI stub'
told uefi 'by UEFI'

# The longest command line that is taken: the kernel reads 2047 bytes.
params=$(cat "$live$(cat "$live/first")/kernel-params")
room=$((2047 - $(printf 'Image initrd=initrd %s t.a=' "$(told_by commandLine)" | wc -c)))
make_tree longest first --params "$params t.a=$(printf "%${room}s" | tr ' ' x)"

printf 'Image initrd=initrd %s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
claim 'the command line has 2047 bytes with what iPXE adds' test "$(wc -c <"$SCRATCH/cmdline")" -eq 2048
pass cmdline "$SCRATCH/cmdline"
boot_net ipxe
claim 'iPXE started the script' console_has ipxe 'netboot.ipxe'
told ipxe 'by iPXE on UEFI, the longest command line'

# --- kexec ----------------------------------------------------------------------------------------------------------

make_rescue
printf '%s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
boot_kexec kexec
claim 'kexec-boot said that it executes the kernel it loaded' console_has kexec 'loaded /tree/Image, executing it'
told kexec 'by kexec-boot, a long command line'

# --- A kernel that is compressed with gzip ----------------------------------------------------------------------------

# Of these machines it only matters whether they start it.
gzip -1n <"$tree/Image" >"$SCRATCH/Image.gz"
make_tree packed first --kernel "$SCRATCH/Image.gz" 2>"$SCRATCH/warning"
claim 'regd-build warns of it' grep -q 'Image.gz is compressed as a whole' "$SCRATCH/warning"
# shellcheck disable=SC2034  # for machine.sh
machine_end='EFI stub: Booting Linux'
boot_net packed-ipxe
claim 'iPXE decompresses and starts it' console_has packed-ipxe "$machine_end"
machine_end='Starting new kernel'
boot_kexec packed-kexec
claim 'kexec-boot starts it' console_has packed-kexec "$machine_end"
# shellcheck disable=SC2034
machine_end=

# --- Memory pages of 16 KiB -----------------------------------------------------------------------------------------

# The system's initial ramdisk with the modules of another kernel.
make_initrd() {
    mkdir "$SCRATCH/initrd" && (cd "$SCRATCH/initrd" && zcat "$live$(readlink "$live$(cat "$live/first")/initrd")" | cpio --quiet -id) &&
        chmod -R u+w "$SCRATCH/initrd" || return
    while read -r module; do
        file=$(find "$PACKAGES_ROOT/lib/modules/$1" -name "$module.xz")
        xz -dc "$file" >"$SCRATCH/initrd/modules/$module" || return
    done <"$SCRATCH/initrd/modules/order"
    (cd "$SCRATCH/initrd" && find . | cpio --quiet -o -H newc | gzip -1) >"$SCRATCH/$1.cpio.gz"
}

version=$(basename "$PACKAGES_ROOT"/lib/modules/*-16k)
make_initrd "$version" || bail 'the ramdisk for pages of 16 KiB cannot be made'
make_tree large first --kernel "$PACKAGES_ROOT/boot/vmlinuz-$version" --prepend "$SCRATCH/$version.cpio.gz"
printf '%s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
pass cmdline "$SCRATCH/cmdline"
cat >"$SCRATCH/pages" <<'END'
check_boot 1
verifies
large_pages() {
    awk '/KernelPageSize/ { print; found = $2 == 16; exit } END { exit !found }' /proc/self/smaps
}
claim 'memory pages have 16 KiB' large_pages
END
pass_checks "$SCRATCH/pages"
# shellcheck disable=SC2034  # for machine.sh; that model has no such pages
machine_kind='-machine virt,gic-version=2 -cpu cortex-a76'
boot_tree pages
told pages 'with memory pages of 16 KiB'
finish
