# check_all.sh — all checks of a freshly netbooted machine. Follows guest.sh.
# shellcheck shell=sh disable=SC2154  # variables of guest.sh

check_boot 1
verifies
claim "the system profile has one generation, the booted system" profile_is 1 "$system"

was_filled_early() {
    cat /run/test/early-units
    [ "$(cat /run/test/early-units)" = "active
active" ] && same /run/test/closure /run/test/early-closure
}
claim "a unit behind sysinit.target saw regd done and the database filled" was_filled_early

# --- The journal ----------------------------------------------------------------------------------------------

explained() {
    journalctl --update-catalog && journalctl --no-pager -x -u regd.service >journal || return
    cat journal
    count=$(wc -l </run/test/closure)
    grep -q "regd\[[0-9]*\]: $count of $count paths registered ($count new, 0 changed)" journal &&
        grep -q 'Subject: The store paths of the image are registered' journal &&
        grep -q "$count paths, $count of them new, 0 changed" journal &&
        grep -q 'Subject: The system is marked as NixOS' journal &&
        grep -q 'Subject: The system profile was set' journal &&
        grep -q "It is now generation 1, $system\." journal
}
claim "the journal says what was done, and the catalog explains it" explained

# --- The unit -------------------------------------------------------------------------------------------------

exposed_little() {
    systemd-analyze security --no-pager regd.service | tail -n 1 | tee exposure
    awk '/Overall exposure level/ { found = 1; exit !($(NF - 2) <= 2.0) } END { exit !found }' exposure
}
claim "systemd-analyze security rates the running unit at most 2.0" exposed_little

# --- Nix ------------------------------------------------------------------------------------------------------

dump_is_the_manifest() {
    nix-store --dump-db >dump && same /nix/.ro-store/nix-path-registration dump
}
claim "nix-store --dump-db prints the manifest" dump_is_the_manifest

contents() {
    regd verify && verify_finds_nothing --check-contents
}
claim "each path is what was registered, by its hash, for regd and for Nix" contents

adds() {
    echo "a new file" >new-file && path=$(nix-store --add ./new-file) && nix-store --check-validity "$path" &&
        [ "$(cat "$path")" = 'a new file' ]
}
claim "nix-store --add works" adds

claim "nix-build works, with paths of the image" builds

collects() {
    nix-collect-garbage >garbage 2>&1 || { cat garbage; return 1; }
    grep deleting garbage
    grep -q "deleting '/nix/store/.*-built'" garbage && [ ! -e /nix/store/nix-path-registration ] &&
        closure_is_registered && verify_finds_nothing
}
claim "nix-collect-garbage takes what is not used, and the manifest, but leaves the system" collects

again() {
    count=$(wc -l </run/test/closure)
    regd register >again 2>&1
    cat again
    grep -qx "regd: $count of $count paths registered (0 new, 0 changed), 0 references added" again &&
        systemctl restart regd.service && closure_is_registered && verify_finds_nothing &&
        profile_is 1 "$system"
}
claim "behind it the image can be registered again, and the unit be run again" again
