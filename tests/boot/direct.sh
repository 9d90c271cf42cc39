#!/bin/sh
# direct.sh — does everything that regd is for work on a machine that QEMU boots from kernel and ramdisk?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/direct.sh
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'a live system boots, is registered, and Nix works on it'
make_tree tree first
closure_of first >"$SCRATCH/closure"
printf '%s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"

deep_enough() {
    printf '%s paths, %s of them derivations\n' "$(wc -l <"$SCRATCH/closure")" "$(grep -c '\.drv$' "$SCRATCH/closure")"
    [ "$(wc -l <"$SCRATCH/closure")" -ge 48 ] && grep -q '\.drv$' "$SCRATCH/closure"
}
claim 'the closure has dozens of paths, and derivations among them' deep_enough
small_enough() {
    du -ch "$tree/initrd" "$tree/bzImage"
    [ "$(cat "$tree/initrd" "$tree/bzImage" | wc -c)" -lt 200000000 ]
}
claim 'what is booted takes less than 200 MB' small_enough

cat >"$SCRATCH/early" <<'END'
# The moment right behind sysinit.target, as a unit sees it.
systemctl is-active sysinit.target regd.service >/run/test/early-units
/usr/bin/nix-store --query --requisites /run/current-system | sort >/run/test/early-closure
END
pass early "$SCRATCH/early"
pass closure "$SCRATCH/closure"
pass cmdline "$SCRATCH/cmdline"
pass_checks tests/boot/kit/check_all.sh
unpacked=$machine_kernel
machine_kernel=
boot_tree direct
machine_kernel=$unpacked
told direct 'booted directly'

# How long does the boot wait for regd.service? An emulated machine's time says little, and less on a busy host. So
# this one's clock is the count of its instructions, a nanosecond for each, which is the same on every host. Processors
# of today do several in a nanosecond, and have several cores for what is started at once.
pass_checks tests/boot/kit/check_time.sh
boot_tree counted -icount shift=0,sleep=off
told counted 'with a clock that counts instructions'
finish
