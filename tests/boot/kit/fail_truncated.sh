# fail_truncated.sh — the manifest ends in the middle of a line. See failures.sh.
# shellcheck shell=sh disable=SC2154  # variables of guest.sh
head -c 30000 /nix/.ro-store/nix-path-registration >/run/test/truncated
mount --bind /run/test/truncated /nix/.ro-store/nix-path-registration

# --- Checks ---------------------------------------------------------------------------------------------------
claim "multi-user.target is reached, and somebody could log in" is_up
claim "regd.service failed, and nothing else" only_regd_failed
line=$(($(wc -l </run/test/truncated) + 1))
claim "the journal names the file and the line" journal_says "/nix/.ro-store/nix-path-registration: line $line: "
claim "the catalog explains it" explains_failure
claim "nothing is registered" nothing_is_registered
claim "the system is tagged as NixOS all the same" tagged
claim "the system profile waits for a registration" profile_waits
heals() {
    umount /nix/.ro-store/nix-path-registration && systemctl restart regd.service && closure_is_registered &&
        profile_is 1 "$system"
}
claim "with the whole manifest a restart of the unit registers it" heals
verifies
