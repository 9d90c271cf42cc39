#!/bin/sh
# journal.sh — does systemd get progress on the notification socket, and journal entries with fields and fixed ids, and
# does the catalog explain each of them?
set -u
# shellcheck source=tests/tap.sh
. tests/tap.sh

# The journal's socket has one place, so it is laid over in a mount namespace of our own.
if [ "${1:-}" != inside ] && unshare --mount true 2>/dev/null; then
    tap_finished=yes
    exec unshare --mount sh "$0" inside
fi

root=$SCRATCH/root
mkdir -p "$root/nix/store"
digest=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
system=/nix/store/$digest-system
printf '%s\n%064d\n1\n\n0\n/nix/store/%s-gone\n%064d\n1\n\n0\n' "$system" 0 $digest 0 >"$root/nix/store/nix-path-registration"
mkdir "$root/nix/store/$digest-system"

# listen SOCKET FILE: the datagrams go to the file, one behind the other.
listen() {
    rm -f "$1"
    socat -u "UNIX-RECV:$1" "OPEN:$2,creat,append" &
    listener=$!
    until [ -S "$1" ]; do
        kill -0 "$listener" 2>/dev/null || return
        sleep 0.02
    done
}
# hush SOCKET FILE: when the last datagram has come, which is one of ours, the listener may go.
hush() {
    echo 'that was all' | socat -u - "UNIX-SENDTO:$1"
    until grep -aq 'that was all' "$2"; do
        kill -0 "$listener" 2>/dev/null || return
        sleep 0.02
    done
    kill "$listener"
    wait "$listener" 2>/dev/null
    cat "$2"
}

notifies() {
    listen "$SCRATCH/notify" "$SCRATCH/notified" || return 1
    NOTIFY_SOCKET=$SCRATCH/notify "$REGD" boot -q --root "$root" --system "$system" --profile "$root/none/x" 2>/dev/null
    NOTIFY_SOCKET=$SCRATCH/notify "$REGD" boot -q --root "$root" --system "$system"
    hush "$SCRATCH/notify" "$SCRATCH/notified"
    grep -q 'STATUS=registering 2 paths' "$SCRATCH/notified" && grep -q 'EXTEND_TIMEOUT_USEC=[0-9]' "$SCRATCH/notified" &&
        [ "$(grep -c 'READY=1' "$SCRATCH/notified")" -eq 1 ]
}
if have socat "status, more time, and readiness when all is done, are notified"; then
    claim "status, more time, and readiness when all is done, are notified" notifies
fi

# Runs regd with standard error being "the journal".
: >"$SCRATCH/stream"
stream=$(stat -c '%d:%i' "$SCRATCH/stream")
with_journal() {
    JOURNAL_STREAM=$stream "$@" 2>>"$SCRATCH/stream"
}
sends_entries() {
    mount -t tmpfs none /run/systemd/journal 2>/dev/null ||
        { mkdir -p /run/systemd/journal && mount -t tmpfs none /run/systemd/journal; } || return 1
    rm -rf "${root:?}/nix/var" "${root:?}/etc"
    listen /run/systemd/journal/socket "$SCRATCH/entries" || return 1
    with_journal "$REGD" boot --root "$root" --system "$system"
    with_journal "$REGD" register --root "$root" /nonexistent
    with_journal "$REGD" boot --root "$root" --system "$system"
    hush /run/systemd/journal/socket "$SCRATCH/entries"
    cat "$SCRATCH/stream"
    [ ! -s "$SCRATCH/stream" ] || return 1
    for id in REGISTERED LEFT_OUT TAGGED PROFILE_SET PROFILE_KEPT FAILED; do
        hex=$(sed -n "s/.*\\[MESSAGE_$id\\].*\"\\([0-9a-f]*\\)\".*/\\1/p" regd/messages.h)
        grep -q "^MESSAGE_ID=$hex\$" "$SCRATCH/entries" || { echo "no $id"; return 1; }
    done
    grep -q '^REGD_PATHS_ADDED=1$' "$SCRATCH/entries" && grep -q "^REGD_STORE_PATH=$system\$" "$SCRATCH/entries" &&
        grep -q '^REGD_GENERATION=1$' "$SCRATCH/entries" && grep -q '^PRIORITY=3$' "$SCRATCH/entries"
}
if ! { [ "${1:-}" = inside ] && [ "$(id -u)" -eq 0 ]; }; then
    skip "entries with fields and ids go to the journal" "no mount namespace"
elif have socat "entries with fields and ids go to the journal"; then
    claim "entries with fields and ids go to the journal" sends_entries
fi

plain_elsewhere() {
    rm -rf "${root:?}/nix/var" "${root:?}/etc"
    JOURNAL_STREAM=1:1 "$REGD" boot --root "$root" --system "$system" 2>"$SCRATCH/plain"
    cat "$SCRATCH/plain"
    grep -q '^regd: 1 of 2 paths registered' "$SCRATCH/plain" && ! grep -q MESSAGE "$SCRATCH/plain"
}
claim "elsewhere it is plain text" plain_elsewhere

explained() {
    ids=$(sed -n 's/.*= { LOG_[A-Z]*, "\([0-9a-f]\{32\}\)" },/\1/p' regd/messages.h units/fetch/reporter.c)
    [ "$(echo "$ids" | wc -l)" -ge 10 ] && [ "$(echo "$ids" | sort -u | wc -l)" -eq "$(echo "$ids" | wc -l)" ] || return 1
    for id in $ids; do
        grep -qx -e "-- $id" units/regd.catalog || { echo "$id"; return 1; }
    done
    [ "$(grep -c '^-- ' units/regd.catalog)" -eq "$(echo "$ids" | wc -l)" ]
}
claim "the catalog has every id, once" explained

compiles() {
    mkdir -p "$SCRATCH/system/usr/lib/systemd/catalog" "$SCRATCH/system/var/lib/systemd/catalog"
    cp units/regd.catalog "$SCRATCH/system/usr/lib/systemd/catalog/"
    journalctl --root "$SCRATCH/system" --update-catalog &&
        [ "$(journalctl --root "$SCRATCH/system" --list-catalog | wc -l)" -eq "$(grep -c '^-- ' units/regd.catalog)" ]
}
if have journalctl "systemd takes the catalog"; then
    claim "systemd takes the catalog" compiles
fi

finish
