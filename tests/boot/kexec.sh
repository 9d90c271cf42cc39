#!/bin/sh
# kexec.sh — kexec-boot and kexec/run boot a tree from a running Linux: a small one without systemd, whose shell is busybox.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/kexec.sh
#
# One machine runs three kernels: QEMU's; a second one, which kexec-boot executes with another ramdisk behind the tree's;
# and that of the system, which is booted as nixos-anywhere does it, see kit/anywhere.sh. The tree is what is hardest for
# them: the store in several images, each a file beside the ramdisk, and a command line of 1.5 KiB that shells trip over.
# What systemd does (systemctl kexec) is in state.sh, the rest of what nixos-anywhere meets in oracle/nixos_anywhere.sh.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

text='kexec-boot and kexec/run boot a tree from a running Linux'
begin_boots "$text"
for program in kexec setsid mksquashfs cpio tar gzip; do
    have "$program" "$text" || finish
done

make_rescue
closure_of first >"$SCRATCH/closure"
make_tree pieces first --max-size 25M --separate-store --tarball "$SCRATCH/tree.tar.gz" \
    --params "$(cat "$live$(cat "$live/first")/kernel-params") $(hostile_parameters)"
layers=$(told_by 'storeImages | length')
claim 'the store is several images beside the ramdisk' test "$layers" -gt 1

# A ramdisk of the same size with another byte.
damage() {
    mkdir "$SCRATCH/damaged" && tar -C "$SCRATCH/damaged" -xzf "$SCRATCH/tree.tar.gz" &&
        printf X | dd of="$SCRATCH/damaged/initrd" bs=1 seek=10000 conv=notrunc status=none &&
        tar -C "$SCRATCH/damaged" --mode=go-w -cf - . | gzip -1 >"$tree/damaged.tar.gz"
}
damage || bail 'no damaged tarball can be made'
{ mv "$SCRATCH/tree.tar.gz" "$SCRATCH/rescue.cpio.gz" "$tree/" && cp tests/boot/kit/anywhere.sh "$tree/rescue.sh" &&
    ln "$tree/rescue.cpio.gz" "$SCRATCH/"; } || bail 'no disk can be made'

printf '%s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"
printf 'check_boot %s\nverifies\n' "$layers" >"$SCRATCH/short"
cat >>"$SCRATCH/short" <<'END'
has_keys() {
    ls -l /run/ssh
    [ "$(cat /run/ssh/authorized_keys)" = 'ssh-ed25519 AAAAroot root@there' ] &&
        [ "$(cat /run/ssh/ssh_host_ed25519_key)" = private ] && [ "$(stat -c %a /run/ssh/ssh_host_ed25519_key)" = 600 ]
}
claim "the ramdisk has root's keys, and that of the host, for root alone" has_keys
END
pass closure "$SCRATCH/closure"
pass cmdline "$SCRATCH/cmdline"
pass_checks "$SCRATCH/short"
machine_memory=1536
boot_kexec kexec
claim 'kexec-boot said that it executes the kernel it loaded' console_has kexec 'loaded /tree/bzImage, executing it'
claim 'that kernel has the ramdisk of --initrd behind that of the tree' console_has kexec 'rescue: started by kexec-boot'
claim 'kexec/run refuses a tarball with a damaged ramdisk' console_has kexec '/root/kexec/initrd .*another SHA-256'
claim 'then nothing is loaded, and no sentence is printed' console_has kexec 'rescue: refused, 0 kernels are loaded'
claim 'of a whole one it prints the sentence' console_has kexec 'rescue: nixos-anywhere waits until this machine is gone'
three_kernels() {
    [ "$(grep -a -c 'Linux version' "$SCRATCH/kexec.console")" -eq 3 ]
}
claim 'three kernels ran, one behind the other' three_kernels
told kexec 'as nixos-anywhere does it, images beside the ramdisk, hostile parameters'
finish
