#!/bin/sh
# state.sh — a machine whose /nix/var is a disk: it boots, and boots another image over what the first one left.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/state.sh
#
# First the disk can only be read, which regd cannot change. Then it can be written, which heals that; from there
# kexec-boot, with systemd shutting down, boots the image of another system.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'a machine with a persistent /nix/var boots one image after another'
for program in mke2fs mksquashfs; do
    have "$program" 'a machine with a persistent /nix/var boots one image after another' || finish
done
make_disk state
closure_of first >"$SCRATCH/closure"
closure_of second >"$SCRATCH/closure-2"
comm -23 "$SCRATCH/closure" "$SCRATCH/closure-2" >"$SCRATCH/gone"
changed() {
    diff "$SCRATCH/closure" "$SCRATCH/closure-2"
    [ -s "$SCRATCH/gone" ] && [ "$(comm -13 "$SCRATCH/closure" "$SCRATCH/closure-2" | wc -l)" -gt 2 ]
}
claim 'the two systems have other paths' changed
make_tree second second
make_tree first first
disk_of second

# machine NAME FSTAB-OPTIONS
machine() {
    printf '/dev/vda /nix/var ext4 %s 0 2\n' "$2" >"$SCRATCH/fstab"
    pass fstab "$SCRATCH/fstab"
    boot_tree "$1" -drive "file=$SCRATCH/state,if=virtio,format=raw" \
        -drive "file=$SCRATCH/second.disk,if=virtio,format=raw,readonly=on"
}

# --- A disk that cannot be written ----------------------------------------------------------------------------

cat >"$SCRATCH/read-only.sh" <<'END'
claim "multi-user.target is reached, and somebody could log in" is_up
claim "regd.service failed, and nothing else" only_regd_failed
claim "the journal says why" journal_says 'Read-only file system'
claim "the catalog explains it" explains_failure
claim "the system is tagged as NixOS all the same" tagged
claim "nothing is registered" nothing_is_registered
END
pass_checks "$SCRATCH/read-only.sh"
machine read-only ro
told read-only 'with /nix/var read-only'

# --- The same disk, written, and another image ------------------------------------------------------------------

pass closure "$SCRATCH/closure"
pass closure-2 "$SCRATCH/closure-2"
pass gone "$SCRATCH/gone"
pass_checks tests/boot/kit/check_state.sh
machine written defaults
told written 'with /nix/var written'
claim 'systemd shut down before the next kernel' console_has written 'kexec_core: Starting new kernel'
told written 'the second image over the state of the first' 2
finish
