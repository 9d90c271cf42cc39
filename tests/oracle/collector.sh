#!/bin/sh
# collector.sh — can Nix's garbage collector delete a path between regd's check that it exists and its registration?
#
# Waiting    another process holds gc.lock, as a collector does: regd reports that it waits, then does its work.
# Between    regd is stopped after its check, and `nix-store --gc` is started: it must wait. Afterwards every valid path
#            is on disk, and the profile leads to one.
# Beside     both run at the same time, many rounds.
#
# Usage    REGD=… SCRATCH=… sh tests/oracle/collector.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NIX_REMOTE NOTIFY_SOCKET JOURNAL_STREAM
wants flock timeout
SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
make=$(dirname "$REGD")/tests/make_manifest
private_nix
export HOME="$SCRATCH/home" NIX_CONF_DIR="$SCRATCH/conf" NIX_USER_CONF_FILES=/dev/null

root=$SCRATCH/root state=$SCRATCH/root/nix/var/nix
first=/nix/store/00000000000000000000000000000000-first
system=/nix/store/11111111111111111111111111111111-system
printf '%s\n%064d\n120\n\n0\n' "$first" 0 >"$SCRATCH/first"
printf '%s\n%064d\n120\n\n0\n' "$system" 0 >"$SCRATCH/system"

# A store with both paths; the first is registered, if there is to be a database.
make_root() {
    rm -rf "$root"
    mkdir -p "$root$first" "$root$system"
    [ "$1" = without ] || "$REGD" register -q --root "$root" "$SCRATCH/first"
}

valid() {
    sqlite3 "$state/db/db.sqlite" 'select path from ValidPaths'
}

all_there() {
    for path in $(valid); do
        [ -e "$root$path" ] || {
            echo "$path is valid and gone"
            return 1
        }
    done
}

# --- waiting ----------------------------------------------------------------------------------------

# waits NAME COMMAND...: while gc.lock is held nothing is done, and it is said who holds it; then all is.
waits() {
    : >>"$state/gc.lock"
    mkfifo "$SCRATCH/go.$1"
    flock "$state/gc.lock" sh -c "read -r _ <'$SCRATCH/go.$1'" &
    until ! flock -n "$state/gc.lock" true; do sleep 0.02; done
    name=$1
    shift
    "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" &
    regd=$!
    until grep -q "waiting for the garbage collector's lock, which " "$SCRATCH/err"; do
        kill -0 "$regd" 2>/dev/null || {
            cat "$SCRATCH/err"
            echo "it did not wait"
            echo go >"$SCRATCH/go.$name"
            return 1
        }
        sleep 0.02
    done
    valid >"$SCRATCH/while"
    ls "$state/profiles" >>"$SCRATCH/while"
    echo go >"$SCRATCH/go.$name"
    wait "$regd" && cat "$SCRATCH/while" && ! grep -q 'system-1-link\|111-system' "$SCRATCH/while"
}

register_waits() {
    make_root with && waits register "$REGD" register --root "$root" "$SCRATCH/system" && valid | grep -qx "$system"
}
set_waits() {
    make_root with && waits set "$REGD" profile set "$first" --root "$root" &&
        [ "$(readlink "$state/profiles/system-1-link")" = "$first" ]
}
boot_waits() {
    make_root with && cp "$SCRATCH/system" "$root/nix/store/nix-path-registration" &&
        waits boot "$REGD" boot --root "$root" --system "$system" &&
        [ "$(readlink "$state/profiles/system-1-link")" = "$system" ]
}
if have sqlite3 'register waits for a collector, and says so' 'profile set does' 'boot does'; then
    claim 'register waits for a collector, and says so' register_waits
    claim 'profile set does' set_waits
    claim 'boot does' boot_waits
fi

no_wait() {
    make_root "$1"
    holder=
    if [ "$1" = with ]; then
        : >>"$state/gc.lock"
        flock -s "$state/gc.lock" sleep "$patience" &
        holder=$!
    fi
    timeout "$patience" "$REGD" register --root "$root" "$SCRATCH/system" 2>"$SCRATCH/err"
    status=$?
    [ -z "$holder" ] || kill "$holder"
    cat "$SCRATCH/err"
    [ "$status" -eq 0 ] && ! grep -q waiting "$SCRATCH/err" && [ -f "$state/gc.lock" ]
}
claim 'it does not wait for who holds the lock shared' no_wait with
claim 'and on an empty machine makes the lock, empty and for root alone' no_wait without
claim 'the lock is as Nix makes it' test "$(stat -c '%a %s %F' "$state/gc.lock")" = '600 0 regular empty file'

accept_does_not_wait() {
    make_root with
    : >>"$state/gc.lock"
    flock "$state/gc.lock" timeout "$patience" "$REGD" register --missing=accept --root "$root" "$SCRATCH/system"
}
claim 'who does not want the paths looked for does not wait' accept_does_not_wait

odd_lock() {
    make_root with
    rm -f "$state/gc.lock"
    "$@" "$state/gc.lock" || return
    for verb in "register $SCRATCH/system" "profile set $first"; do
        # shellcheck disable=SC2086  # words
        timeout "$patience" "$REGD" $verb --root "$root" 2>"$SCRATCH/err"
        [ $? -eq 1 ] && grep "gc.lock is not a file" "$SCRATCH/err" || return
    done
    timeout "$patience" "$REGD" verify --root "$root" --quiet 2>"$SCRATCH/err"
    [ $? -ne 124 ]
}
claim 'a pipe in place of the lock is refused' odd_lock mkfifo
claim 'so is a link' odd_lock ln -s "$SCRATCH/elsewhere"
claim 'which nothing is made behind' test ! -e "$SCRATCH/elsewhere"

# --- between ----------------------------------------------------------------------------------------

collect() {
    timeout "$patience" nix-store --store "$root" --gc
}

# between CALL PATH COMMAND...: starts a collection while regd rests at the first such call on the path.
between() {
    call=$1 place=$2
    shift 2
    : >"$SCRATCH/trace"
    strace -qq -o "$SCRATCH/trace" -P "$place" -e "trace=$call" -e "inject=$call:delay_enter=1500000:when=1" "$@" 2>"$SCRATCH/err" &
    regd=$!
    until grep -q "^$call" "$SCRATCH/trace"; do
        kill -0 "$regd" 2>/dev/null || break
        sleep 0.02
    done
    collect >"$SCRATCH/collected" 2>&1 || { cat "$SCRATCH/collected"; return 1; }
    wait "$regd" || { cat "$SCRATCH/err"; return 1; }
    grep -q "$call" "$SCRATCH/trace" && cat "$SCRATCH/collected" && grep -q 'store paths deleted' "$SCRATCH/collected"
}

between_register() {
    make_root "$1" && between flock "$state/db/big-lock" "$REGD" register -q --root "$root" "$SCRATCH/system" && all_there
}
between_set() {
    make_root with && mkdir -p "$state/profiles" &&
        between symlinkat "$state/profiles" "$REGD" profile set "$first" -q --root "$root" && all_there &&
        [ -e "$root$(readlink "$state/profiles/$(readlink "$state/profiles/system")")" ] && valid | grep -qx "$first"
}
between_boot() {
    make_root with && mkdir -p "$state/profiles" && cp "$SCRATCH/system" "$root/nix/store/nix-path-registration" &&
        between symlinkat "$state/profiles" "$REGD" boot -q --root "$root" --system "$system" && all_there &&
        [ -e "$root$system" ] && valid | grep -qx "$system"
}
text='no valid path is gone when a collection starts while regd registers'
if have nix-store "$text" && have sqlite3 "$text" && can_trace "$text"; then
    claim "$text" between_register with
    claim 'nor where the database is new' between_register without
    claim 'no profile leads nowhere when it starts while the profile is set' between_set
    claim 'nor between what boot registers and the profile that keeps it' between_boot
fi

# --- beside -----------------------------------------------------------------------------------------

# Each round starts a collection a little later, from before regd's start to behind its end.
beside() {
    for round in $(seq 1 "$1"); do
        make_root with
        sed -n "s|^/|$root/|p" "$SCRATCH/many" | xargs mkdir -p
        "$REGD" register -q --root "$root" "$SCRATCH/many" 2>"$SCRATCH/err.register" &
        regd=$!
        sleep "$(printf '0.%03d' $((round * 4)))"
        collect >"$SCRATCH/collected" 2>&1 || { cat "$SCRATCH/collected"; return 1; }
        wait "$regd"
        status=$?
        all_there || return
        # What was collected before the look is missing, and refused.
        [ "$status" -eq 0 ] || grep -q 'are not in /nix/store' "$SCRATCH/err.register" || { cat "$SCRATCH/err.register"; return 1; }
    done
}
rounds=10
text="register beside a collection, $rounds rounds: no valid path is gone"
if have nix-store "$text" && have sqlite3 "$text"; then
    "$make" 300 1 3 >"$SCRATCH/many"
    claim "$text" beside $rounds
fi

finish
