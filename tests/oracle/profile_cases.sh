#!/bin/sh
# profile_cases.sh — does `regd profile` leave the links that `nix-env` leaves?
#
# Each case of tests/data/cases/profile is replayed with `regd profile set`. Where a mount namespace can be made, Nix
# itself does the same beside it, in a root of its own that it sees as /nix; `list` and `rollback` are compared with
# nix-env on what the case has left.
#
# Usage    REGD=… SCRATCH=… sh tests/oracle/profile_cases.sh [CASE...]
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"

# Nix's links name their targets in full, so it has to see each root as /nix.
if [ -z "${PROFILE_CASES_MOUNTS-}" ]; then
    export PROFILE_CASES_MOUNTS=none
    for flags in -m -rm; do
        if unshare "$flags" mount -t tmpfs none "$SCRATCH" 2>/dev/null; then
            PROFILE_CASES_MOUNTS=private exec unshare "$flags" sh "$0" "$@"
        fi
    done
fi

# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=XYZ-5:30
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR

data=$PWD/tests/data/cases
SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
unpacked=$SCRATCH/unpacked
mkdir "$unpacked" || bail "$SCRATCH is not empty"

with_nix=
if ! command -v nix-env >/dev/null; then
    without_nix='nix-env is not installed'
elif [ "$PROFILE_CASES_MOUNTS" = none ]; then
    without_nix='no mount namespace can be made here'
else
    with_nix=yes
fi

# --- Nix in a root ------------------------------------------------------------------------------------

host=$SCRATCH/host
# The host with another /nix.
make_host() {
    mkdir "$host" && mount -t tmpfs -o mode=0755 none "$host" && mount --make-unbindable "$host" || return
    for entry in /*; do
        if [ -L "$entry" ]; then
            cp -P "$entry" "$host/"
        elif [ -d "$entry" ] && [ "$entry" != /nix ]; then
            mkdir "$host$entry"
            mount --rbind --make-rslave "$entry" "$host$entry" || rmdir "$host$entry"
        fi
    done
    mkdir -p "$host/nix" "$SCRATCH/conf" "$SCRATCH/home"
    printf 'build-users-group =\nsubstitute = false\n' >"$SCRATCH/conf/nix.conf"
}

# nix_in ROOT PROGRAM ARGUMENT...
nix_in() {
    nix_root=$1
    shift
    mount --bind "$nix_root/nix" "$host/nix" || return
    chroot "$host" /usr/bin/env HOME="$SCRATCH/home" NIX_CONF_DIR="$SCRATCH/conf" NIX_USER_CONF_FILES=/dev/null "$@"
    nix_status=$?
    umount "$host/nix"
    return "$nix_status"
}
[ -z "$with_nix" ] || make_host || bail 'the mounts cannot be made'

# --- cases ----------------------------------------------------------------------------------------------

# What all cases start from: a to d are registered, a to c and f are there.
template=$SCRATCH/template
mkdir -p "$template/nix/store" "$template/nix/outside" "$template/nix/var/nix/profiles/per-user/root"
for letter in a b c d f; do
    base=/nix/store/$(printf '%032d' 0 | tr 0 "$letter")-nixos-system-
    [ "$letter" = d ] || mkdir "$template$base$(echo "$letter" | tr f e)"
    [ "$letter" = f ] || printf '%s%s\n%064d\n1\n\n0\n' "$base" "$letter" 0
done >"$SCRATCH/manifest"
"$REGD" register --quiet --missing=accept --root "$template" "$SCRATCH/manifest" || bail 'the paths cannot be registered'

make_before() {
    cp -a "$template" "$1"
    [ -e "$unpacked/$name.before" ] || return 0
    while read -r place word rest; do
        mkdir -p "$1${place%/*}"
        case $word$rest in
        '->'*) ln -s "$rest" "$1$place" ;;
        *directory) mkdir "$1$place" ;;
        *file) echo >"$1$place" ;;
        *) return 1 ;;
        esac
    done <"$unpacked/$name.before"
}

# All below profiles and gcroots, but for what is always there.
links() {
    (cd "$1" && find nix/var/nix/profiles nix/var/nix/gcroots -mindepth 1 -type l -printf '/%p -> %l\n' -o \
        -mindepth 1 -type d -printf '/%p is a directory\n' -o -mindepth 1 -printf '/%p is a file\n') 2>/dev/null |
        grep -Ev '/per-user(/root)? is a dir|/gcroots/auto is a dir|/gcroots/profiles -> ' | sort
}

sets() {
    make_before "$root" || return
    "$REGD" profile set "$target" --profile "$profile" --root "$root" >"$root.out" 2>"$root.err"
    status=$?
    cat "$root.err"
    if [ "$status" -ne "$1" ] || [ -s "$root.out" ] || [ "$(wc -l <"$root.err")" -ne 1 ] ||
        ! grep -q '^regd: .' "$root.err"; then
        printf 'exit status %d\n' "$status"
        return 1
    fi
    links "$root" | diff "$2" -
}

# Where regd refuses what Nix does, `after` is what Nix leaves: regd leaves what was there.
refuses_alone() {
    make_before "$root.before" && links "$root.before" >"$root.unchanged" && sets 1 "$root.unchanged"
}

nix_sets() {
    make_before "$root.nix" || return
    nix_in "$root.nix" nix-env --profile "$profile" --set "$target"
    status=$?
    [ $((status != 0)) -eq "$1" ] && links "$root.nix" | diff "$unpacked/$name.after" -
}

# On what regd has left. Nix does not say which generations have vanished.
lists() {
    "$REGD" profile list --profile "$profile" --root "$root" | sed 's/(current) (vanished)$/(current)/; s/(vanished)$//' >"$root.list" &&
        nix_in "$root" nix-env --profile "$profile" --list-generations | diff - "$root.list" && [ -s "$root.list" ]
}

# Nix also rolls back to a generation that leads to nothing. regd refuses that.
rolls_back() {
    rm -rf "$root.nix"
    cp -a "$root" "$root.nix"
    links "$root" >"$root.kept"
    nix_in "$root.nix" nix-env --profile "$profile" --rollback
    nix_status=$?
    links "$root.nix" >"$root.links"
    "$REGD" profile rollback --profile "$profile" --root "$root" >"$root.out" 2>"$root.err"
    status=$?
    cat "$root.err"
    printf 'exit status %d, that of Nix %d\n' "$status" "$nix_status"
    leads_to=$(readlink "$root.nix${profile%/*}/$(readlink "$root.nix$profile")")
    case $leads_to in
    /*) leads_to=$root.nix$leads_to ;;
    *) leads_to=$root.nix${profile%/*}/$leads_to ;;
    esac
    if [ "$nix_status" -eq 0 ] && [ ! -e "$leads_to" ]; then
        nix_status=1
        cp "$root.kept" "$root.links"
    fi
    [ "$status" -eq $((nix_status != 0)) ] && [ ! -s "$root.out" ] && [ "$(wc -l <"$root.err")" -eq 1 ] &&
        links "$root" | diff "$root.links" -
}

beside_nix() {
    if [ "$with_nix" ]; then
        claim "$@"
    else
        skip "$1" "$without_nix"
    fi
}

awk -v into="$unpacked" -f "$data/unpack.awk" "$data"/profile/*.cases >"$SCRATCH/list" ||
    bail 'the cases cannot be read'
while read -r name verdict _ files; do
    case " $* " in
    '  ' | *" $name "*) ;;
    *) continue ;;
    esac
    [ "$files" -eq 0 ] || bail "case $name has files"
    root=$SCRATCH/$name
    read -r profile <"$unpacked/$name.profile"
    read -r target <"$unpacked/$name.target"
    sort -o "$unpacked/$name.after" "$unpacked/$name.after"
    note=
    [ ! -e "$unpacked/$name.note" ] || read -r note <"$unpacked/$name.note"
    case $verdict in
    sets)
        claim "regd sets $name${note:+: $note}" sets 0 "$unpacked/$name.after"
        beside_nix "nix-env sets $name" nix_sets 0
        beside_nix "regd lists the generations of $name as nix-env does" lists
        beside_nix "regd rolls $name back as nix-env does" rolls_back
        ;;
    refuses)
        if [ -e "$unpacked/$name.why" ]; then
            claim "regd refuses $name, which Nix does not" refuses_alone
            beside_nix "nix-env sets $name" nix_sets 0
        else
            claim "regd refuses $name${note:+: $note}" sets 1 "$unpacked/$name.after"
            beside_nix "nix-env refuses $name" nix_sets 1
        fi
        ;;
    *) bail "case $name does not say what Nix does" ;;
    esac
done <"$SCRATCH/list"

# --- options ----------------------------------------------------------------------------------------------

name=default profile=/nix/var/nix/profiles/system root=$SCRATCH/default
target=/nix/store/$(printf '%032d' 0 | tr 0 a)-nixos-system-a
default_profile() {
    cp -a "$template" "$root"
    "$REGD" profile set "$target" --root "$root" --quiet && [ "$(readlink "$root$profile")" = system-1-link ] &&
        [ "$(readlink "$root$profile-1-link")" = "$target" ] &&
        [ "$("$REGD" profile list --root "$root" | cut -c1-4)" = '   1' ]
}
claim 'without --profile it is profiles/system in the state directory' default_profile

lists_json() {
    "$REGD" profile list --root "$root" --json >"$SCRATCH/json" && tr -d ' \n\t' <"$SCRATCH/json" |
        grep -q '^\[{"generation":1,"time":[0-9]*,"current":true,"vanished":false,"path":"'"$target"'"}\]$'
}
claim 'list --json is one array' lists_json

outside() {
    mkdir -p "$SCRATCH/outside" "$root/nix/var/nix/profiles"
    ln -s "$SCRATCH/outside" "$root/nix/var/nix/profiles/leads-out"
    "$REGD" profile set "$target" --root "$root" --profile /nix/var/nix/profiles/leads-out/p
    [ $? -eq 1 ] && [ -z "$(find "$SCRATCH/outside" -mindepth 1)" ]
}
claim 'a profile behind a link that leads out of the root is not made there' outside

many() {
    root=$SCRATCH/many
    cp -a "$template" "$root"
    number=0
    while [ "$number" -lt 12 ]; do
        number=$((number + 1))
        "$REGD" profile set "/nix/store/$(printf '%032d' 0 | tr 0 "$(echo abc | cut -c$((number % 3 + 1)))")-nixos-system-$(
            echo abc | cut -c$((number % 3 + 1)))" --root "$root" --quiet || return
    done
    lists && "$REGD" profile rollback --root "$root" --quiet && "$REGD" profile rollback --root "$root" --quiet &&
        lists && grep -q '^  10 .*(current)$' "$root.list" && nix_in "$root" nix-env --profile "$profile" --rollback &&
        lists && grep -q '^   9 .*(current)$' "$root.list"
}
beside_nix 'after twelve generations and rollbacks by both, both list the same' many

finish
