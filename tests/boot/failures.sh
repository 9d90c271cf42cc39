#!/bin/sh
# failures.sh — if the image is damaged, a file system is full, or regd is killed: does the machine boot, does the
# journal say what is wrong, and does the next run of regd repair what can be repaired?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/failures.sh
#
# Each case is a boot of its own. A read-only /nix/var is in state.sh, power cuts are in power_cut.sh.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh
# shellcheck source=tests/boot/kit/flip.sh disable=SC1091
. tests/boot/kit/flip.sh

begin_boots 'a machine with a damaged image, without room, with regd killed comes up'

# case NAME TEXT: boots the tree, with what stands before the checks in kit/fail_NAME.sh as /run/test/prepare.
case_of() {
    script=tests/boot/kit/fail_$1.sh
    sed '/^# --- Checks/,$d' "$script" >"$SCRATCH/prepare"
    sed '1,/^# --- Checks/d' "$script" >"$SCRATCH/case"
    pass prepare "$SCRATCH/prepare"
    pass_checks "$SCRATCH/case"
    boot_tree "$1"
    told "$1" "$2"
}

closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
make_tree first first
case_of truncated 'the manifest is cut off'
case_of full 'the file systems are full'

closure_of many >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
make_tree many many
case_of killed 'regd is killed'

# --- Bits -----------------------------------------------------------------------------------------------------

closure_of first >"$SCRATCH/closure"
noise=$(grep -e '-noise$' "$SCRATCH/closure")
printf '%s\n' "$noise" >"$SCRATCH/noise"
pass closure "$SCRATCH/closure"
pass noise "$SCRATCH/noise"
"$REGD_BUILD" squashfs --quiet --root "$live" --compression zstd:3 "$(cat "$live/first")" -o "$SCRATCH/whole" ||
    bail 'no lower image can be made'
make_tree flipped first --base "$SCRATCH/whole"

# The upper image has the manifest alone, in one block: the first byte that says that it is compressed. The lower one
# has some bytes that do not shrink, and stand in it as they are.
upper=$(told_by 'storeImages[0].offset')
tail -c "+$((upper + 1))" "$tree/initrd" | head -c "$(told_by 'storeImages[0].size')" >"$SCRATCH/upper"
in_manifest=$(find_bytes "$SCRATCH/upper" 28b52ffd)
in_noise=$(find_bytes "$tree/initrd" "$(od -An -tx1 -j 700000 -N 24 "$live$noise" | tr -d ' \n')")
places_known() {
    echo "manifest: $in_manifest, noise: $in_noise"
    [ "$in_manifest" ] && [ "$in_noise" ]
}
claim 'the manifest and an incompressible file are found in the ramdisk' places_known
flip "$tree/initrd" $((upper + in_manifest))
flip "$tree/initrd" "$in_noise"
noticed() {
    ! "$REGD_BUILD" verify "$tree" >"$SCRATCH/findings" 2>&1 && cat "$SCRATCH/findings" && [ -s "$SCRATCH/findings" ]
}
claim 'regd-build verify notices it before anything is booted' noticed
case_of flipped 'two bits of the ramdisk are flipped'
finish
