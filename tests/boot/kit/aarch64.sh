# aarch64.sh — runs machines for aarch64 in QEMU, on an x86-64 Debian. To be sourced in place of machine.sh, which it reads.
#
# The systems are those of tests/boot, made from Debian's arm64 packages, which are unpacked below /aarch64.
# shellcheck shell=sh disable=SC2034  # for machine.sh, and for the tests

export PACKAGES_ROOT=/aarch64 PACKAGES_ARCHITECTURE=arm64 STRIP=aarch64-linux-gnu-strip
# shellcheck disable=SC2046  # a name a line
flock tests/aarch64 tests/aarch64/unpack "$PACKAGES_ROOT" $(cat tests/boot/system/packages) busybox-static linux-image-arm64 \
    linux-image-arm64-16k systemd-boot-efi || bail 'the packages cannot be unpacked'

# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh
# A kernel that kexec starts hangs with a newer interrupt controller; processors of other models are emulated more slowly.
machine_qemu=qemu-system-aarch64 machine_kind='-machine virt,gic-version=2 -cpu cortex-a57' machine_serial=ttyAMA0
firmware=/usr/share/qemu-efi-aarch64/QEMU_EFI.fd
REGD=$REGD_AARCH64

# libraries_of PROGRAM [ROOT]: what the loader there finds for it, files below the root.
libraries_of() {
    qemu-aarch64 -L "${2:-/}" "${2-}/lib/ld-linux-aarch64.so.1" --list "$1" | sed -n "/ld-linux/d; s|.* => \\(/[^ ]*\\) .*|${2-}\\1|p"
}

copy_kexec() {
    cp "$PACKAGES_ROOT/usr/sbin/kexec" "$SCRATCH/rescue/bin/"
    mkdir -p "$SCRATCH/rescue/lib/aarch64-linux-gnu"
    cp "$PACKAGES_ROOT/lib/ld-linux-aarch64.so.1" "$SCRATCH/rescue/lib/"
    libraries_of "$PACKAGES_ROOT/usr/sbin/kexec" "$PACKAGES_ROOT" | while read -r library; do
        cp "$library" "$SCRATCH/rescue/lib/aarch64-linux-gnu/"
    done
}
