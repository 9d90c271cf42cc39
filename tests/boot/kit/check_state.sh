# check_state.sh — checks of a machine with a persistent /nix/var, which boots the first system and from it the second.
# Follows guest.sh.
# shellcheck shell=sh disable=SC2034,SC2154,SC2317  # variables of guest.sh and of tap.sh; the functions are claimed

first_boot() {
    check_boot 1
    verifies
    claim "the system profile has one generation, the booted system" profile_is 1 "$system"
    kept() {
        [ "$(awk '$2 == "/nix/var" { print $1, $3 }' /proc/mounts)" = '/dev/vda ext4' ] && [ -s /nix/var/nix/db/db.sqlite ]
    }
    claim "the database is on the disk" kept
    (finish)
    # What is printed from here on belongs to no claim.
    tap_finished=yes
    mkdir /run/tree
    mount -o ro /dev/vdb /run/tree
    /run/tree/kexec-boot >/dev/ttyS0 2>&1
    sleep 120
}

second_boot() {
    mv /run/test/closure-2 /run/test/closure
    check_boot 1
    claim "the profile led to a system that is gone, and has a second generation" profile_is 2 "$system"
    former() {
        grep -qxF "$(readlink /nix/var/nix/profiles/system-1-link)" /run/test/gone
    }
    claim "the first generation is still there" former
    claim "journal: new paths were added to those that were known" journal_says ' new, 0 changed'
    claim "journal: what only the former image had is forgotten" \
        journal_says "$(wc -l </run/test/gone) paths\{0,1\} forgotten: no longer in the store"
    claim "nix-store --verify finds nothing" verify_finds_nothing
    vanished() { [ "$(regd profile list | grep -c '(vanished)$')" -eq 1 ] && regd profile list | grep -q '^   1 .*(vanished)$'; }
    claim "the first generation is told to have vanished" vanished
    collects() {
        nix-collect-garbage >garbage 2>&1
        cat garbage
        closure_is_registered && verify_finds_nothing
    }
    claim "nix-collect-garbage leaves the booted system" collects
}

case $system in
*-live-1) first_boot ;;
*) second_boot ;;
esac
