#!/bin/sh
# delete_manifest.sh — if `regd boot --delete-manifest` fails or is killed anywhere, is the manifest still there, or all
# done?
#
# strace makes the Nth call of a kind fail, or kills regd there, for every N that a good run has. What is deleted cannot be
# registered again, so after each fault either the manifest is whole, or rows, tag and profile are; and the next boot
# completes.
#
# Usage    REGD=… SCRATCH=… sh tests/faults/delete_manifest.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"

# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET

SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
wants sqlite3 strace

kinds='write pwrite64 ftruncate fallocate fsync fdatasync syncfs openat openat2 rename renameat renameat2 mkdir mkdirat
symlinkat unlink unlinkat fchmod'
database=nix/var/nix/db/db.sqlite
profile=nix/var/nix/profiles/system
system=/nix/store/$(printf %032d 20)-path-20

awk 'BEGIN {
    for (i = 1; i <= 20; i++) {
        printf "/nix/store/%032d-path-%d\n%064x\n%d\n\n%d\n", i, i, i, i * 1000, (i > 1)
        if (i > 1)
            printf "/nix/store/%032d-path-%d\n", i - 1, i - 1
    }
}' >"$SCRATCH/manifest"

# before JOB: a new database, or an existing one with a write-ahead log that lacks half of the paths.
before() {
    root=$SCRATCH/$1.before
    mkdir -p "$root/nix/store" "$root/run" "$root/proc" "$root/etc"
    for i in $(seq 20); do
        mkdir "$root/nix/store/$(printf %032d "$i")-path-$i"
    done
    ln -s "$system" "$root/run/current-system"
    cp "$SCRATCH/manifest" "$root/nix-path-registration"
    echo '[]' >"$root/nix-path-registration.json"
    [ "$1" = fresh ] && return
    # Half of the records: the first has five lines, each other one six.
    head -n 59 "$SCRATCH/manifest" >"$SCRATCH/half"
    "$REGD" register -q --root "$root" "$SCRATCH/half" && sqlite3 "$root/$database" 'pragma journal_mode = wal' >/dev/null
}

# run ROOT [STRACE-ARGUMENT...]
run() {
    run_root=$1
    shift
    "$@" "$REGD" boot -q --delete-manifest --root "$run_root"
}

# All that the boot is for. Looked at on a copy: to look at a database is to recover it, which is for the next run to do.
is_done() {
    rm -rf "$SCRATCH/copy"
    cp -a "$1" "$SCRATCH/copy"
    [ "$(sqlite3 -batch "$SCRATCH/copy/$database" 'pragma integrity_check; select count(*) from ValidPaths;
        select count(*) from Refs')" = "ok
20
19" ] && [ -f "$1/etc/NIXOS" ] && [ "$(readlink "$1/$profile")" = system-1-link ] &&
        [ "$(readlink "$1/$profile-1-link")" = "$system" ]
}

has_manifest() {
    cmp -s "$1/nix-path-registration" "$SCRATCH/manifest"
}

is_gone() {
    [ ! -e "$1/nix-path-registration" ] && [ ! -e "$1/nix-path-registration.json" ]
}

prepare() {
    before "$1" && cp -a "$SCRATCH/$1.before" "$SCRATCH/$1.after" &&
        run "$SCRATCH/$1.after" strace -f -qq -o "$SCRATCH/$1.trace" -e "trace=$(echo "$kinds" | tr -s ' \n' ,)" || return
    # Lines of: call, which one of its kind. Opening for reading alone is of no interest.
    sed 's/^[0-9]* *//' "$SCRATCH/$1.trace" | awk -F '(' '
        !/^[a-z0-9]+\(/ { next }
        { count[$1]++ }
        /^openat/ && !/O_WRONLY|O_RDWR|O_CREAT/ { next }
        { print $1, count[$1] }' >"$SCRATCH/$1.places"
    [ "$(grep -c '^unlinkat' "$SCRATCH/$1.places")" -ge 2 ] && is_done "$SCRATCH/$1.after" && is_gone "$SCRATCH/$1.after"
}

# What is on the disk when the manifest goes: the log is synced before.
is_synced_before() {
    awk '/ syncfs\(/ { synced = 1 } /unlinkat\(.*"nix-path-registration/ { found = 1; if (!synced) exit 1 }
        synced && / (pwrite64|write)\(/ && !found { exit 1 } END { exit !found }' "$SCRATCH/$1.trace"
}

# fault JOB INJECTION: at each place
fault() {
    bad=0
    while read -r call number; do
        root=$SCRATCH/root
        rm -rf "$root"
        cp -a "$SCRATCH/$1.before" "$root"
        run "$root" strace -f -qq -o "$SCRATCH/trace" -e "trace=$call" -e "inject=$call:$2:when=$number" \
            >"$SCRATCH/out" 2>"$SCRATCH/err"
        status=$?
        grep -q 'INJECTED\|killed by SIGKILL' "$SCRATCH/trace" && [ "$status" -ne 99 ] &&
            { has_manifest "$root" || is_done "$root"; } &&
            { [ "$status" -ne 0 ] || { is_done "$root" && is_gone "$root"; }; } &&
            run "$root" >"$SCRATCH/out" && is_done "$root" && is_gone "$root" && continue
        bad=$((bad + 1))
        echo "$call $number: status $status: $(cat "$SCRATCH/err" "$SCRATCH/out")"
    done <"$SCRATCH/$1.places"
    [ "$bad" -eq 0 ]
}

for job in fresh wal; do
    claim "$job: a good boot registers all, and the manifest and its description are gone" prepare "$job"
    [ -s "$SCRATCH/$job.places" ] || continue
    count=$(wc -l <"$SCRATCH/$job.places")
    claim "$job: what is registered is synced before the manifest goes" is_synced_before "$job"
    claim "$job: killed at each of $count calls, the manifest is there or all is done, and the next boot completes" \
        fault "$job" signal=SIGKILL
    claim "$job: so it is where each of $count calls fails" fault "$job" error=EIO
done

finish
