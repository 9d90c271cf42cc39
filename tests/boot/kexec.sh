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

# The ramdisk of the Linux that runs first.
make_rescue() {
    mkdir -p "$SCRATCH/rescue/bin" "$SCRATCH/rescue/dev" "$SCRATCH/rescue/proc" "$SCRATCH/rescue/sys" "$SCRATCH/rescue/tmp"
    cp /bin/busybox "$SCRATCH/rescue/bin/"
    for name in sh mount insmod mkdir sleep poweroff cat head wc id tail dmesg stat mktemp readlink rm; do
        ln -s busybox "$SCRATCH/rescue/bin/$name"
    done
    cp "$(command -v kexec)" "$SCRATCH/rescue/bin/"
    ldd "$(command -v kexec)" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$SCRATCH/rescue${library%/*}" && cp "$library" "$SCRATCH/rescue$library"
    done
    cp -r "$live$(dirname "$(readlink "$live$(cat "$live/first")/kernel")")/modules" "$SCRATCH/rescue/"
    cp tests/boot/kit/rescue.sh "$SCRATCH/rescue/init"
    chmod 755 "$SCRATCH/rescue/init"
    (cd "$SCRATCH/rescue" && find . | cpio --quiet -o -H newc | gzip -1) >"$SCRATCH/rescue.cpio.gz"
}
make_rescue

closure_of first >"$SCRATCH/closure"
make_tree pieces first --max-size 25M --separate-store \
    --params "$(cat "$live$(cat "$live/first")/kernel-params") $(hostile_parameters)"
layers=$(told_by 'storeImages | length')
claim 'the store is several images beside the ramdisk' test "$layers" -gt 1
mksquashfs "$tree" "$SCRATCH/disk" -quiet -no-progress -noI -noD -noF -noX >/dev/null || bail 'no disk can be made'

printf '%s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
printf 'check_boot %s\nverifies\n' "$layers" >"$SCRATCH/short"
pass closure "$SCRATCH/closure"
pass cmdline "$SCRATCH/cmdline"
pass_checks "$SCRATCH/short"
machine_memory=1536
boot kexec -nic none -kernel "$tree/bzImage" -initrd "$SCRATCH/rescue.cpio.gz" \
    -append 'console=ttyS0,115200n8 panic=5 loglevel=6 mitigations=off no_timer_check' \
    -drive "file=$SCRATCH/disk,if=virtio,format=raw,readonly=on"
claim 'kexec-boot said that it executes the kernel it loaded' console_has kexec 'loaded /tree/bzImage, executing it'
booted_twice() {
    [ "$(grep -a -c 'Linux version' "$SCRATCH/kexec.console")" -eq 2 ]
}
claim 'two kernels ran, one behind the other' booted_twice
told kexec 'by kexec-boot, images beside the ramdisk, hostile parameters'
finish
