# fail_full.sh — neither the root file system, which has the database, nor the overlay has space. See failures.sh.
# shellcheck shell=sh disable=SC2154  # variables of guest.sh
mount -o remount,size=4M /
mount -o remount,size=4M /nix/.rw-store
dd if=/dev/zero of=/nix/store/fill bs=4k 2>/dev/null
dd if=/dev/zero of=/fill bs=4k 2>/dev/null
dd if=/dev/zero of=/fill-too bs=1 2>/dev/null
: # being full is no failure

# --- Checks ---------------------------------------------------------------------------------------------------
is_full() {
    df / /nix/store
    [ -s /nix/store/fill ] && [ "$(df / | awk 'NR == 2 { print $4 }')" -eq 0 ] &&
        [ "$(df /nix/store | awk 'NR == 2 { print $4 }')" -eq 0 ]
}
claim "there is no room" is_full
claim "multi-user.target is reached, and somebody could log in" is_up
regd_failed() {
    systemctl --failed
    systemctl -q is-failed regd.service
}
claim "regd.service failed" regd_failed
claim "the journal says why" journal_says 'No space left on device'
claim "nothing is registered" nothing_is_registered
heals() {
    rm /fill /fill-too && systemctl restart regd.service && closure_is_registered
}
claim "with room a restart of the unit registers the image" heals
claim "nothing is left of the attempt that failed" nothing_is_left
claim "the system is tagged as NixOS" tagged
claim "the system profile is set" profile_is 1 "$system"
verifies
