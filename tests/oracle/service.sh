#!/bin/sh
# The unit, by systemd's own judgement; and what it takes away, regd does without.
set -u
# shellcheck source=tests/tap.sh
. tests/tap.sh

unit=$SCRATCH/regd.service
sed "s|@bindir@|$(dirname "$REGD")|" units/regd.service.in >"$unit"

verified() {
    output=$(systemd-analyze verify --man=no "$unit" 2>&1) && [ -z "$output" ] && return
    printf '%s\n' "$output"
    return 1
}

# "→ Overall exposure level for regd.service: 0.9 SAFE": below two.
exposed_little() {
    systemd-analyze security --offline=true --no-pager "$unit" |
        awk '/Overall exposure level/ { found = 1; print; exit !($(NF - 2) <= 2.0) } END { exit !found }'
}

if have systemd-analyze "systemd finds nothing wrong with the unit" "its exposure is at most 2.0"; then
    claim "systemd finds nothing wrong with the unit" verified
    claim "its exposure is at most 2.0" exposed_little
fi

ordered() {
    grep -qx 'DefaultDependencies=no' "$unit" && grep -qx 'WantedBy=sysinit.target' "$unit" &&
        grep -q '^Before=sysinit.target .*nix-daemon.socket' "$unit" && grep -qx 'After=local-fs.target' "$unit"
}
claim "it runs before sysinit.target and Nix's daemon, after the file systems" ordered

# As root without a single capability, as the unit has it.
boot_without_capabilities() {
    root=$SCRATCH/root
    mkdir -p "$root/nix/store"
    printf '/nix/store/%s-a\n%064d\n1\n\n0\n' aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0 >"$root/nix/store/nix-path-registration"
    mkdir "$root/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-a"
    setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$REGD" boot --root "$root" \
        --system /nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-a &&
        setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$REGD" status --root "$root" |
        grep '1 of its 1 paths are registered'
}
if [ "$(id -u)" -ne 0 ]; then
    skip "regd boot needs no capability" "not root"
elif have setpriv "regd boot needs no capability"; then
    claim "regd boot needs no capability" boot_without_capabilities
fi

finish
