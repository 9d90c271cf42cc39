#!/bin/sh
# initrd_systemd.sh — on an aarch64 machine whose initial ramdisk runs systemd: do the units of regd-initrd-generator mount
# the store, and does the system boot? What else they do is in tests/boot/initrd_systemd.sh.
#
# Usage    REGD_BUILD=… REGD_AARCH64=… SCRATCH=… BOOT_FIXTURE=… sh tests/aarch64/initrd_systemd.sh
set -u
: "${REGD_AARCH64:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/aarch64.sh disable=SC1091
. tests/boot/kit/aarch64.sh
# shellcheck source=tests/boot/kit/stage1.sh disable=SC1091
. tests/boot/kit/stage1.sh

text='on aarch64, a ramdisk with systemd mounts the store and starts the system'
begin_stage1 "$text"
begin_boots "$text"
make_stage1 stage1

"$REGD_BUILD" squashfs --quiet --root "$live" --compression zstd:3 "$(cat "$live/first")/sw" -o "$SCRATCH/base" ||
    bail 'no image can be made'
make_tree tree first --base "$SCRATCH/base" --prepend "$SCRATCH/stage1.gz"
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
cat >"$SCRATCH/asked" <<'END'
stage1_root=/sysroot
check_boot 2
verifies
END
pass_checks "$SCRATCH/asked"
boot_tree systemd
told systemd 'layers in the ramdisk, mounted by systemd'
finish
