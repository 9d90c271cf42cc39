# fail_flipped.sh — the host has damaged the image: the block with the upper image's manifest cannot be read, and a path
# of the lower image has a wrong byte. See failures.sh.
# shellcheck shell=sh disable=SC2154  # variables of guest.sh

# --- Checks ---------------------------------------------------------------------------------------------------
claim "multi-user.target is reached, and somebody could log in" is_up
claim "regd.service failed, and nothing else" only_regd_failed
claim "the journal names the file that cannot be read" journal_says '/nix/.ro-store/nix-path-registration: Input/output error'
claim "the system is tagged as NixOS all the same" tagged
claim "the system profile waits for a registration" profile_waits
by_hand() {
    regd register /nix/.ro-store.1/nix-path-registration && closure_is_registered && regd profile set "$system" &&
        profile_is 1 "$system"
}
claim "the manifest of the other image can be registered by hand" by_hand
found() {
    noise=$(cat /run/test/noise)
    regd verify >findings 2>&1
    status=$?
    cat findings
    [ "$status" -eq 1 ] && grep -q -e "$noise" findings && [ "$(grep -c /nix/store/ findings)" -eq 1 ]
}
claim "regd verify names the path that has another byte, and no other" found
