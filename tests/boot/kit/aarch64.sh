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

# Paths below PACKAGES_ROOT, or of this host where they are only there. The loader opens files of its root first.
libraries_of() {
    echo /lib/ld-linux-aarch64.so.1
    qemu-aarch64 -L "$PACKAGES_ROOT" "$PACKAGES_ROOT/lib/ld-linux-aarch64.so.1" --list "$1" 2>/dev/null |
        sed -n '/ld-linux/d; s|.* => \(/[^ ]*\) .*|\1|p'
}

find_library() {
    (cd "$PACKAGES_ROOT" && find usr/lib -name "$1" | sed 's|^|/|' | head -n 1)
}

copy_kexec() {
    cp "$PACKAGES_ROOT/usr/sbin/kexec" "$SCRATCH/rescue/bin/"
    libraries_of "$PACKAGES_ROOT/usr/sbin/kexec" | while read -r library; do
        mkdir -p "$SCRATCH/rescue${library%/*}" && cp "$PACKAGES_ROOT$library" "$SCRATCH/rescue$library"
    done
}
