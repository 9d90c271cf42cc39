#!/bin/sh
# service.sh — does systemd accept the unit as correct and well confined, and does regd work inside that sandbox?
set -u
# shellcheck source=tests/tap.sh
. tests/tap.sh

unit=$SCRATCH/regd.service
sed "s|@bindir@|$(dirname "$REGD")|" units/regd.service.in >"$unit"

# "→ Overall exposure level for regd.service: 0.9 SAFE": below two.
exposed_little() {
    systemd-analyze security --offline=true --no-pager "$unit" |
        awk '/Overall exposure level/ { found = 1; print; exit !($(NF - 2) <= 2.0) } END { exit !found }'
}

if have systemd-analyze "systemd finds nothing wrong with the unit" "its exposure is at most 2.0"; then
    claim "systemd finds nothing wrong with the unit" find_no_fault "$unit"
    claim "its exposure is at most 2.0" exposed_little
fi

ordered() {
    grep -qx 'DefaultDependencies=no' "$unit" && grep -qx 'WantedBy=sysinit.target' "$unit" &&
        grep -q '^Before=sysinit.target .*nix-daemon.socket' "$unit" && grep -qx 'After=local-fs.target' "$unit"
}
claim "it runs before sysinit.target and Nix's daemon, after the file systems" ordered

# systemd blocks openat2(2) for the first, and makes a directory in /tmp for the other two, which systemd-tmpfiles may be
# emptying at that moment; or orders the unit behind what makes /tmp. The boots in QEMU have shown it.
bearable_early() {
    ! grep -E '^(RestrictSUIDSGID|PrivateDevices|PrivateTmp)=(yes|true|on|1)' "$unit"
}
claim "its sandbox lets it work at that early moment" bearable_early

# Each step and each second of waiting asks for more time, see tests/unit/regd/test_tell.c; so the limit may be shorter than the
# five minutes for which a lock is waited for.
limited() {
    grep -qx 'TimeoutStartSec=2min' "$unit" && grep -qx 'MemoryMax=50%' "$unit"
}
claim "its time and its memory have a limit" limited

# Of the unit's half of 256 MiB, the memory and the database, which may lie in memory as well.
fits_half() {
    "$(dirname "$REGD")/tests/make_manifest" 90000 >"$SCRATCH/manifest" && mkdir -p "$SCRATCH/large/nix/store" &&
        env time -f %M -o "$SCRATCH/peak" "$REGD" register -q --missing=accept --root "$SCRATCH/large" "$SCRATCH/manifest" || return
    peak=$(cat "$SCRATCH/peak")
    database=$(($(stat -c %s "$SCRATCH/large/nix/var/nix/db/db.sqlite") / 1024))
    echo "$peak KiB of memory, $database KiB of database"
    rm -rf "$SCRATCH/large" "$SCRATCH/manifest"
    [ $((peak + database)) -lt $((128 << 10)) ]
}
text="90 000 paths fit into half of a machine of 256 MiB"
if grep -q __asan_init "$REGD"; then
    skip "$text" 'sanitizers take memory of their own'
elif have time "$text"; then
    claim "$text" fits_half
fi

# What takes a namespace, by name of its setting in systemd.exec(5), is off; what does not stays on.
in_container() {
    mkdir -p "$SCRATCH/container/regd.service.d"
    cp "$unit" "$SCRATCH/container/" && cp units/regd-container.conf "$SCRATCH/container/regd.service.d/" || return
    export SYSTEMD_UNIT_PATH="$SCRATCH/container:"
    find_no_fault "$SCRATCH/container/regd.service" || return
    systemd-analyze security --offline=true --json=short \
        "$SCRATCH/container/regd.service" >"$SCRATCH/settings" || return
    is_on() { jq -e --arg name "$1" 'any(.[]; .json_field == $name and .set)' "$SCRATCH/settings" >/dev/null; }
    for setting in ProtectSystem ProtectHome PrivateDevices PrivateNetwork ProtectClock ProtectControlGroups ProtectHostname \
        ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc NoNewPrivileges IPAddressDeny; do
        grep -q "\"json_field\":\"$setting\"" "$SCRATCH/settings" || { echo "unknown: $setting" && return 1; }
        ! is_on "$setting" || { echo "on: $setting" && return 1; }
    done
    for setting in LockPersonality MemoryDenyWriteExecute RestrictRealtime SystemCallArchitectures; do
        is_on "$setting" || { echo "off: $setting" && return 1; }
    done
}
text="the drop-in for containers switches off what takes a namespace, and nothing else"
have systemd-analyze "$text" && have jq "$text" && claim "$text" in_container

preset() {
    mkdir -p "$SCRATCH/system/usr/lib/systemd/system" "$SCRATCH/system/usr/lib/systemd/system-preset" "$SCRATCH/system/etc"
    cp "$unit" "$SCRATCH/system/usr/lib/systemd/system/" &&
        cp units/90-regd.preset "$SCRATCH/system/usr/lib/systemd/system-preset/" &&
        echo 'disable *' >"$SCRATCH/system/usr/lib/systemd/system-preset/99-default.preset" &&
        systemctl --root="$SCRATCH/system" preset regd.service &&
        [ "$(systemctl --root="$SCRATCH/system" is-enabled regd.service)" = enabled ] &&
        [ -L "$SCRATCH/system/etc/systemd/system/sysinit.target.wants/regd.service" ]
}
text="the preset enables it where services are off by default"
have systemctl "$text" && claim "$text" preset

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
