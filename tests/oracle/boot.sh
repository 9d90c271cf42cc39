#!/bin/sh
# boot.sh — does `regd boot` find the manifest and the system, and do all that a boot needs, exactly once?
#
# Each claim has its own root: a real store, and the files that kernel and initial ramdisk leave next to it.
#
# Usage    REGD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/boot.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET JOURNAL_STREAM

wants nix-store sqlite3
find_store

private_nix
manifest=$SCRATCH/manifest
# shellcheck disable=SC2046  # store paths have no spaces
nix_store_of "$store" --dump-db $(nix_store_of "$store" -qR "$toplevel") >"$manifest" 2>"$SCRATCH/err" ||
    bail "Nix cannot dump $store"
count=$(grep -c '^[0-9a-f]\{64\}$' "$manifest")

# --- roots ------------------------------------------------------------------------------------------------

profile=/nix/var/nix/profiles/system
other=/nix/store/11111111111111111111111111111111-other

# A root that has been booted, without a manifest: $root.
make_root() {
    root=$SCRATCH/$1
    mkdir -p "$root/nix" "$root/proc" "$root/run"
    cp -al "$store/nix/store" "$root/nix/"
    chmod u+w "$root/nix/store"
    mkdir -p "$root$other/sub"
    echo 'console=tty0 quiet' >"$root/proc/cmdline"
    ln -s "$toplevel" "$root/run/current-system"
}

# place_manifest PLACE [FILE]
place_manifest() {
    mkdir -p "$root${1%/*}"
    cp "${2:-$manifest}" "$root$1"
}

# A manifest of one path, with a size to tell it by.
one_path() {
    printf '%s\n%064d\n%d\n\n0\n' "$1" "$2" "$2" >"$SCRATCH/one-$2"
    place_manifest "$3" "$SCRATCH/one-$2"
}

boot() {
    "$REGD" boot --root "$root" "$@" >"$root.out" 2>"$root.err"
    status=$?
    cat "$root.err"
    [ ! -s "$root.out" ] || { cat "$root.out"; [ $# -gt 0 ] && [ "$1" = --json ]; } || return
    return "$status"
}

db() {
    sqlite3 "$root/nix/var/nix/db/db.sqlite" "$1"
}

registered() {
    [ "$(db 'select count(*) from ValidPaths')" -eq "$1" ]
}

# generation NUMBER PATH: the profile is that generation and it is that path.
generation() {
    [ "$(readlink "$root$profile")" = "system-$1-link" ] && [ "$(readlink "$root$profile-$1-link")" = "$2" ]
}

# has_files PATH...: those, and no other file is called nix-path-registration*.
has_files() {
    [ "$(find "$root" -name 'nix-path-registration*' -printf '/%P\n' | sort)" = "$(printf '%s\n' "$@")" ]
}

# All that a tree is: names, types, modes, owners, link targets, contents; the times of all but directories, which
# change when SQLite opens a database.
tree() {
    (cd "$1" && find . -type d -printf '%p %m %U\n' -o -printf '%p %y %m %U %l %T@\n' | sort &&
        find . -path ./nix/store -prune -o -type f -exec cksum {} + | sort -k 3)
}

# --- the whole job ------------------------------------------------------------------------------------------

whole() {
    make_root whole
    place_manifest /nix/store/nix-path-registration
    boot && registered "$count" && [ -f "$root/etc/NIXOS" ] && [ ! -s "$root/etc/NIXOS" ] &&
        generation 1 "$toplevel" && [ "$(wc -l <"$root.err")" -eq 3 ]
}
claim "boot registers the $count paths of the store's manifest, makes the tag and sets the profile" whole

nix_agrees() {
    root=$SCRATCH/whole
    rm -rf "$root$other"
    nix_store_of "$root" --verify --check-contents && nix_store_of "$root" -qR "$toplevel" >"$SCRATCH/closure" &&
        [ "$(wc -l <"$SCRATCH/closure")" -eq "$count" ] &&
        nix_store_of "$root" --gc --print-roots | tr -d '"' | grep -q "system-1-link -> $toplevel\$"
}
claim 'Nix verifies that store, and the profile is a root of its garbage collector' nix_agrees

second() {
    make_root second
    place_manifest /nix/store/nix-path-registration
    boot && tree "$root" >"$SCRATCH/tree.before" && sleep 1 && boot && tree "$root" | diff "$SCRATCH/tree.before" -
}
claim 'a second boot changes nothing at all' second

quiet() {
    make_root quiet
    place_manifest /nix/store/nix-path-registration
    boot --quiet && [ ! -s "$root.err" ]
}
claim '--quiet says nothing where all is well' quiet

json() {
    make_root json
    place_manifest /nix/store/nix-path-registration
    boot --json && tr -d ' \n\t' <"$root.out" | grep -q '^{.*"added":'"$count"',.*"generation":1.*}$'
}
claim '--json is one object on standard output' json

# --- where the manifest is ------------------------------------------------------------------------------------

no_exec_claim='boot runs no other program'
no_exec() {
    make_root no-exec
    place_manifest /nix/store/nix-path-registration
    strace -f -qq -e trace=execve,execveat -o "$SCRATCH/strace" "$REGD" boot --root "$root" -q || return
    cat "$SCRATCH/strace"
    [ "$(grep -c exec "$SCRATCH/strace")" -eq 1 ]
}
have strace "$no_exec_claim" && claim "$no_exec_claim" no_exec

layer() {
    make_root layer
    one_path "$other" 1 /nix/.ro-store/nix-path-registration
    place_manifest /nix/store/nix-path-registration
    boot --no-profile && registered 1 && [ "$(db 'select path from ValidPaths')" = "$other" ]
}
claim "the manifest of the layer comes before the store's copy, which is not read" layer

layers() {
    make_root layers
    place_manifest /nix/.ro-store/nix-path-registration
    one_path "$other" 2 /nix/.ro-store.1/nix-path-registration
    boot && registered $((count + 1)) && generation 1 "$toplevel"
}
claim 'the manifests of all layers are registered' layers

top_layer() {
    make_root top-layer
    one_path "$other" 3 /nix/.ro-store/nix-path-registration
    one_path "$other" 4 /nix/.ro-store.1/nix-path-registration
    boot --no-profile && registered 1 && [ "$(db 'select narSize from ValidPaths')" = 3 ]
}
claim 'where two layers have a path, the upper one counts' top_layer

tenth_layer() {
    make_root tenth-layer
    one_path "$other" 9 /nix/.ro-store.2/nix-path-registration
    one_path "$other" 10 /nix/.ro-store.10/nix-path-registration
    boot --no-profile && registered 1 && [ "$(db 'select narSize from ValidPaths')" = 9 ]
}
claim 'the tenth layer is below the second' tenth_layer

cross_layers() {
    make_root cross-layers
    one_path "$other" 5 /nix/.ro-store.1/nix-path-registration
    printf '%s\n%064d\n1\n\n1\n%s\n' "$toplevel" 0 "$other" >"$SCRATCH/refers"
    place_manifest /nix/.ro-store/nix-path-registration "$SCRATCH/refers"
    boot && registered 2
}
claim 'a path of one layer may refer to one of another' cross_layers

empty_layer() {
    make_root empty-layer
    mkdir "$root/nix/.ro-store"
    place_manifest /nix/store/nix-path-registration
    boot && registered "$count"
}
claim "where no layer has a manifest, the store's is read" empty_layer

disk() {
    make_root disk
    one_path "$other" 11 /nix-path-registration
    place_manifest /nix/store/nix-path-registration
    boot --no-profile && registered 1 && [ "$(db 'select narSize from ValidPaths')" = 11 ] &&
        has_files /nix-path-registration /nix/store/nix-path-registration
}
claim "/nix-path-registration comes before the store's copy, and stays" disk

disk_below() {
    make_root disk-below
    one_path "$other" 12 /nix-path-registration
    one_path "$other" 13 /nix/.ro-store/nix-path-registration
    boot --no-profile && [ "$(db 'select narSize from ValidPaths')" = 13 ] && "$REGD" status --root "$root" | grep -qx \
        'manifest   /nix/.ro-store/nix-path-registration'
}
claim 'and behind the layers' disk_below

named() {
    make_root named
    place_manifest /nix/store/nix-path-registration
    one_path "$other" 14 /one
    one_path /nix/store/22222222222222222222222222222222-two 15 /two
    mkdir "$root/nix/store/22222222222222222222222222222222-two"
    boot --no-profile "$root/one" "$root/two" && registered 2 && boot - <"$manifest" && registered $((count + 2)) &&
        generation 1 "$toplevel"
}
claim 'manifests that are named are registered, and no others; - is standard input' named

named_absent() {
    make_root named-absent
    place_manifest /nix/store/nix-path-registration
    ! boot --no-profile /nowhere && [ "$status" -eq 1 ] && grep -q /nowhere "$root.err" && [ -e "$root/etc/NIXOS" ] &&
        [ ! -e "$root/nix/var/nix/db/db.sqlite" ]
}
claim 'a named one that is not there is an error, and the rest is done' named_absent

reg_info() {
    make_root reg-info
    one_path "$other" 6 /registration/here
    place_manifest /nix/.ro-store/nix-path-registration
    place_manifest /nix/store/nix-path-registration
    echo 'quiet regInfo=/registration/here console=tty0' >"$root/proc/cmdline"
    boot --no-profile && registered 1 && [ "$(db 'select narSize from ValidPaths')" = 6 ]
}
claim 'regInfo= on the kernel command line comes before all' reg_info

reg_info_absent() {
    make_root reg-info-absent
    place_manifest /nix/store/nix-path-registration
    echo 'regInfo=/nowhere' >"$root/proc/cmdline"
    ! boot && [ "$status" -eq 1 ] && grep -q '/nowhere' "$root.err" && [ -e "$root/etc/NIXOS" ]
}
claim 'a regInfo= that leads nowhere is an error that names it' reg_info_absent

# The host's own files of those names must not matter.
reg_info_outside() {
    make_root reg-info-outside
    echo "regInfo=$manifest" >"$root/proc/cmdline"
    ! boot --no-profile && [ "$status" -eq 1 ] && [ ! -e "$root/nix/var/nix/db/db.sqlite" ]
}
claim 'regInfo= is looked up below the root' reg_info_outside

no_manifest() {
    make_root no-manifest
    boot --no-profile && [ -e "$root/etc/NIXOS" ] && [ ! -e "$root/nix/var/nix/db/db.sqlite" ] &&
        "$REGD" register -q --root "$root" "$manifest" && boot && generation 1 "$toplevel"
}
claim 'without a manifest the tag is made and the profile is set' no_manifest

# Only some paths are there.
incomplete() {
    make_root incomplete
    place_manifest /nix/store/nix-path-registration
    gone=$(nix_store_of "$store" -q --references "$toplevel" | head -1)
    left_out=$(for path in $(nix_store_of "$store" -q --referrers-closure "$gone"); do
        grep -Fxq "$path" "$SCRATCH/closure" && echo "$path"
    done | wc -l)
    find "$root$gone" -type d -exec chmod u+w {} +
    rm -r "$root$gone"
    ! boot && [ "$status" -eq 1 ] && registered $((count - left_out)) && [ "$left_out" -ge 2 ] &&
        grep -q "${gone#/nix/store/} is skipped" "$root.err" && grep -q "not a valid" "$root.err"
}
claim 'paths that are not there are skipped, and a system that depends on one is not set' incomplete

broken() {
    make_root broken
    head -c 1000 "$manifest" >"$SCRATCH/cut"
    place_manifest /nix/.ro-store/nix-path-registration "$SCRATCH/cut"
    place_manifest /nix/store/nix-path-registration
    ! boot && [ "$status" -eq 1 ] && [ -e "$root/etc/NIXOS" ] && [ ! -e "$root/nix/var/nix/db/db.sqlite" ] &&
        [ "$(grep -c 'load /nix/.ro-store/nix-path-registration: line' "$root.err")" -eq 1 ] &&
        ! boot --no-profile --quiet --no-tag && [ "$status" -eq 1 ] && [ "$(wc -l <"$root.err")" -eq 1 ]
}
claim 'a broken manifest is an error that names file and line, and the tag is made all the same' broken

broken_later() {
    make_root broken-later
    place_manifest /nix/store/nix-path-registration
    boot || return
    rm "$root$profile" "$root/etc/NIXOS"
    place_manifest /nix/.ro-store/nix-path-registration "$SCRATCH/cut"
    ! boot && [ "$status" -eq 1 ] && [ -e "$root/etc/NIXOS" ] && generation 1 "$toplevel" && registered "$count"
}
claim 'where the paths are registered already, the profile is set behind a broken manifest' broken_later

# --- the tag ----------------------------------------------------------------------------------------------

keeps_tag() {
    make_root keeps-tag
    mkdir "$root/etc"
    echo kept >"$root/etc/NIXOS"
    boot --no-profile && [ "$(cat "$root/etc/NIXOS")" = kept ]
}
claim 'a tag that is there keeps its content' keeps_tag

no_tag() {
    make_root no-tag
    boot --no-tag --no-profile && [ ! -e "$root/etc" ]
}
claim '--no-tag makes none' no_tag

other_tag() {
    make_root other-tag
    boot --no-profile --tag /var/lib/here/tag && [ -f "$root/var/lib/here/tag" ] && [ ! -e "$root/etc" ]
}
claim '--tag makes another, with its directories' other_tag

tag_outside() {
    make_root tag-outside
    mkdir "$SCRATCH/outside"
    ln -s "$SCRATCH/outside" "$root/etc"
    boot --no-profile
    [ "$status" -le 1 ] && ln -sfn ../../outside "$root/etc" || return
    boot --no-profile
    [ "$status" -le 1 ] && rm "$root/etc" && mkdir "$root/etc" && ln -s "$SCRATCH/outside/tag" "$root/etc/NIXOS" || return
    boot --no-profile
    [ "$status" -le 1 ] && [ -z "$(find "$SCRATCH/outside" -mindepth 1)" ]
}
claim 'links that lead out of the root get no tag outside it' tag_outside

# Where a mount can be made that only we see.
mounter=
for flags in -m -rm; do
    [ -n "$mounter" ] || ! unshare "$flags" mount -t tmpfs none "$SCRATCH/conf" 2>/dev/null || mounter=$flags
done
# boot_sealed DIRECTORY ARGUMENT...: with that directory of the root read-only.
boot_sealed() {
    sealed=$root$1
    shift
    # shellcheck disable=SC2016  # for the inner shell
    unshare "$mounter" sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"' sh "$sealed" \
        "$REGD" boot --root "$root" "$@" >"$root.out" 2>"$root.err"
    status=$?
    cat "$root.out" "$root.err"
    return "$status"
}

sealed_etc() {
    make_root sealed-etc
    place_manifest /nix/store/nix-path-registration
    mkdir "$root/etc"
    boot_sealed /etc --json && registered "$count" && generation 1 "$toplevel" && [ ! -e "$root/etc/NIXOS" ] &&
        grep -q '^regd: /etc/NIXOS not created: its file system is read-only$' "$root.err" &&
        tr -d ' \n\t' <"$root.out" | grep -q '"tagged":false' &&
        boot_sealed /etc --tag /etc/not/there/tag --quiet && [ ! -s "$root.err" ]
}
sealed_etc_tagged() {
    make_root sealed-etc-tagged
    mkdir "$root/etc" && touch "$root/etc/NIXOS"
    boot_sealed /etc --no-profile --json && ! grep -q /etc/NIXOS "$root.err" && tr -d ' \n\t' <"$root.out" | grep -q '"tagged":true'
}
text='a read-only /etc gets no tag: that is noted, and the rest is done'
text2='one that has the tag is as it has to be'
if [ -n "$mounter" ]; then
    claim "$text" sealed_etc
    claim "$text2" sealed_etc_tagged
else
    skip "$text" 'mounts are not permitted'
    skip "$text2" 'mounts are not permitted'
fi

# --- deleting the manifest ----------------------------------------------------------------------------------

# A root with one where disks and containers have it, and a description of nothing beside it.
make_disk() {
    make_root "$1"
    place_manifest /nix-path-registration
    echo '[]' >"$root/nix-path-registration.json"
}

deletes() {
    make_disk deletes
    boot --json --delete-manifest && registered "$count" && generation 1 "$toplevel" && [ -e "$root/etc/NIXOS" ] &&
        has_files && grep -q '^regd: /nix-path-registration deleted$' "$root.err" &&
        tr -d ' \n\t' <"$root.out" | grep -q '"deleted":\["/nix-path-registration"\]' && boot --delete-manifest &&
        grep -q 'no manifest found' "$root.err" && registered "$count"
}
claim '--delete-manifest deletes the manifest and its description, and the next boot has nothing to do' deletes

deletes_named() {
    make_disk deletes-named
    one_path "$other" 16 /one
    boot --delete-manifest "$root/nix-path-registration" "$root/one" && registered $((count + 1)) && has_files && [ ! -e "$root/one" ] &&
        boot --delete-manifest "$root/nix-path-registration" "$root/one" && registered $((count + 1)) &&
        one_path "$other" 17 /one && boot --delete-manifest "$root/nix-path-registration" "$root/one" && [ ! -e "$root/one" ] &&
        [ "$(db "select narSize from ValidPaths where path = '$other'")" = 17 ]
}
claim 'so it does with named ones, of which some may be gone already' deletes_named

deletes_link() {
    make_root deletes-link
    place_manifest /kept
    ln -s kept "$root/nix-path-registration"
    boot --delete-manifest && registered "$count" && [ ! -L "$root/nix-path-registration" ] && cmp "$root/kept" "$manifest"
}
claim 'of a link it deletes the link' deletes_link

# Out of the root leads no link.
deletes_inside() {
    make_root deletes-inside
    place_manifest /registration/here
    mkdir -p "$SCRATCH/registration" && cp "$manifest" "$SCRATCH/registration/here"
    ln -s ../../../../../../../../registration "$root/link"
    echo 'regInfo=/link/here' >"$root/proc/cmdline"
    boot --delete-manifest && [ ! -e "$root/registration/here" ] && [ -e "$SCRATCH/registration/here" ]
}
claim 'it deletes nothing outside the root' deletes_inside

# keeps NAME: after that boot, which fails or not, both files are there.
keeps() {
    boot --delete-manifest "$@"
    has_files /nix-path-registration /nix-path-registration.json
}
keeps_without_profile() {
    make_disk keeps-without-profile
    rm "$root/run/current-system"
    keeps && [ "$status" -eq 1 ] && registered "$count" && ln -s "$toplevel" "$root/run/current-system" && boot --delete-manifest &&
        has_files && generation 1 "$toplevel"
}
claim 'it keeps the manifest while the profile cannot be set' keeps_without_profile

keeps_without_tag() {
    make_disk keeps-without-tag
    keeps --tag /nix-path-registration/tag && [ "$status" -eq 1 ] && registered "$count"
}
claim 'or the tag cannot be made' keeps_without_tag

keeps_unregistered() {
    make_disk keeps-unregistered
    echo bad >>"$root/nix-path-registration"
    keeps && [ "$status" -eq 1 ] && [ -e "$root/etc/NIXOS" ]
}
claim 'or it cannot be registered' keeps_unregistered

keeps_skipped() {
    make_disk keeps-skipped
    rm -r "${root:?}$other" && one_path "$other" 18 /one && cat "$root/one" >>"$root/nix-path-registration"
    keeps && [ "$status" -eq 0 ] && registered "$count" &&
        grep -q '^regd: /nix-path-registration kept: not all of its paths are registered$' "$root.err" &&
        mkdir "$root$other" && boot --delete-manifest && has_files && registered $((count + 1))
}
claim 'or a path of it is skipped' keeps_skipped

keeps_sealed() {
    make_root keeps-sealed
    place_manifest /nix/.ro-store/nix-path-registration
    boot_sealed /nix/.ro-store --delete-manifest && registered "$count" && has_files /nix/.ro-store/nix-path-registration &&
        grep -q 'registration kept: its file system is read-only$' "$root.err"
}
text='a manifest on a read-only layer stays, which is noted'
if [ -n "$mounter" ]; then
    claim "$text" keeps_sealed
else
    skip "$text" 'mounts are not permitted'
fi

deletes_input() {
    make_disk deletes-input
    ! boot --delete-manifest - && [ "$status" -eq 2 ] && [ "$(wc -l <"$root.err")" -eq 1 ] && [ ! -e "$root/etc" ]
}
claim 'to delete standard input is a wrong command line' deletes_input

# --- the profile ------------------------------------------------------------------------------------------

no_profile() {
    make_root no-profile
    place_manifest /nix/store/nix-path-registration
    boot --no-profile && registered "$count" && [ -z "$(find "$root/nix/var/nix/profiles" -name 'system*')" ]
}
claim '--no-profile sets none' no_profile

# A root whose profile leads to another path that is there.
make_chosen() {
    make_root "$1"
    place_manifest /nix/store/nix-path-registration
    boot --no-profile || return
    one_path "$other" 7 /other
    "$REGD" register -q --root "$root" "$root/other" && "$REGD" profile set "$other" -q --root "$root" &&
        generation 1 "$other"
}
keeps_profile() {
    make_chosen keeps-profile && tree "$root/nix/var" >"$SCRATCH/tree.before" && boot &&
        tree "$root/nix/var" | diff "$SCRATCH/tree.before" -
}
claim 'a profile that leads somewhere is kept' keeps_profile

always() {
    make_chosen always && boot --set-profile=always && generation 2 "$toplevel" &&
        boot --set-profile=always && generation 2 "$toplevel" && [ ! -e "$root$profile-3-link" ]
}
claim '--set-profile=always sets it, and only once' always

dangling() {
    make_chosen dangling && rmdir "$root$other/sub" "$root$other" && boot && generation 2 "$toplevel"
}
claim 'a profile that leads nowhere is set' dangling

dangling_link() {
    make_chosen dangling-link && rm "$root$profile-1-link" && boot && generation 1 "$toplevel"
}
claim 'so is one whose generation is gone' dangling_link

# The target is there on the host only.
dangling_below_root() {
    make_chosen dangling-below-root && ln -sfn "$SCRATCH" "$root$profile" && boot && generation 2 "$toplevel"
}
claim 'so is one that leads somewhere on the host, but not below the root' dangling_below_root

other_profile() {
    make_root other-profile
    place_manifest /nix/store/nix-path-registration
    boot --profile /nix/var/nix/profiles/another && [ ! -e "$root$profile" ] && [ ! -L "$root$profile" ] &&
        [ "$(readlink "$root/nix/var/nix/profiles/another-1-link")" = "$toplevel" ]
}
claim '--profile sets another' other_profile

# --- the system -------------------------------------------------------------------------------------------

chain() {
    make_root chain
    place_manifest /nix/store/nix-path-registration
    mkdir -p "$root/run/a/b"
    ln -sfn a/b/one "$root/run/current-system"
    ln -s ../../two "$root/run/a/b/one"
    ln -s "/run/../run/three" "$root/run/two"
    ln -s "$toplevel/" "$root/run/three"
    boot && generation 1 "$toplevel"
}
claim '/run/current-system may be a chain of links, relative and absolute' chain

loop() {
    make_root loop
    place_manifest /nix/store/nix-path-registration
    ln -sfn loop "$root/run/current-system"
    ln -s current-system "$root/run/loop"
    ! boot && [ "$status" -eq 1 ] && registered "$count" && [ -e "$root/etc/NIXOS" ]
}
claim 'a loop of links is an error, and the rest is done' loop

init() {
    make_root init
    place_manifest /nix/store/nix-path-registration
    rm "$root/run/current-system"
    echo "quiet init=$toplevel/init console=tty0" >"$root/proc/cmdline"
    boot && generation 1 "$toplevel"
}
claim "without /run/current-system it is the system of the kernel's init=" init

quoted_init() {
    make_root quoted-init
    place_manifest /nix/store/nix-path-registration
    rm "$root/run/current-system"
    echo "quiet init=\"$toplevel/init\" console=tty0" >"$root/proc/cmdline"
    boot && generation 1 "$toplevel"
}
claim 'it may be quoted, as for the kernel' quoted_init

init_of_link() {
    make_root init-of-link
    place_manifest /nix/store/nix-path-registration
    rm "$root/run/current-system"
    ln -s "$toplevel" "$root/run/specialisation"
    echo "init=/run/specialisation/init" >"$root/proc/cmdline"
    boot && generation 1 "$toplevel"
}
claim 'a link on the way of init= is followed, as to a specialisation' init_of_link

specialisation_init() {
    make_root specialisation-init
    place_manifest /nix/store/nix-path-registration
    rm "$root/run/current-system"
    mkdir "$root$other/specialisation" && ln -s "$toplevel" "$root$other/specialisation/gpu"
    echo "init=$other/specialisation/gpu/init" >"$root/proc/cmdline"
    boot && generation 1 "$toplevel" || return
    # What leads nowhere is not cut to the system around it.
    make_root no-specialisation
    place_manifest /nix/store/nix-path-registration
    rm "$root/run/current-system"
    echo "init=$toplevel/specialisation/gpu/init" >"$root/proc/cmdline"
    ! boot && [ "$status" -eq 1 ] && registered "$count" && [ ! -L "$root$profile" ]
}
claim 'init= of a specialisation is that system; of a missing one, none' specialisation_init

no_system() {
    make_root no-system
    place_manifest /nix/store/nix-path-registration
    rm "$root/run/current-system"
    ! boot && [ "$status" -eq 1 ] && registered "$count" && [ -e "$root/etc/NIXOS" ] &&
        [ "$(grep -c 'find the booted system' "$root.err")" -eq 1 ] && [ ! -L "$root$profile" ]
}
claim 'with neither, that is an error, and the rest is done' no_system

system() {
    make_root system
    place_manifest /nix/store/nix-path-registration
    one_path "$other" 8 /other
    "$REGD" register -q --root "$root" "$root/other" && ! boot --system "$other/sub" && [ ! -L "$root$profile" ] &&
        grep -q 'is inside a store path' "$root.err" && boot --system "$other" && generation 1 "$other"
}
claim '--system names another, and a path inside one is refused' system

system_not_valid() {
    make_root system-not-valid
    place_manifest /nix/store/nix-path-registration
    ! boot --system "$other" && [ "$status" -eq 1 ] && [ ! -L "$root$profile" ] && registered "$count"
}
claim 'a system that is not registered is refused' system_not_valid

finish
