#!/bin/sh
# local_overlay.sh — can Nix use an image of `regd-build squashfs --lower-store` as it is: read-only, and below a local-overlay store?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/local_overlay.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET JOURNAL_STREAM
wants nix-store
find_store
private_nix
cd "$SCRATCH" || bail "$SCRATCH is not there"
echo 'experimental-features = nix-command read-only-local-store local-overlay-store' >>conf/nix.conf
export HOME="$SCRATCH/home" NIX_CONF_DIR="$SCRATCH/conf" NIX_USER_CONF_FILES=/dev/null

"$REGD_BUILD" squashfs -q --root "$store" "$toplevel" --compression zstd:3 -o plain || bail 'no image could be made'
"$REGD_BUILD" squashfs -q --root "$store" "$toplevel" --compression zstd:3 --signatures --lower-store -o image || bail 'no image could be made'
paths=$("$REGD_BUILD" manifest --root "$store" "$toplevel" | grep -c '^/nix/store/.*')
[ "$paths" -gt 100 ] || bail 'the closure is too small'

# --- the image is as good as another -----------------------------------------------------------------------

verified() {
    "$REGD_BUILD" verify image >out 2>&1 && "$REGD_BUILD" inspect --json image >inspected
    status=$?
    cat out
    return "$status"
}
claim 'regd-build verifies and inspects it' verified

same() {
    for way in plain image; do
        mkdir -p "of-$way" && "$REGD_BUILD" unpack -q "$way" --root "of-$way" --register || return
        nix_store_of "$PWD/of-$way" --dump-db >"$way.dump" 2>err || return
    done
    cmp plain.dump image.dump
}
claim 'it unpacks to the same store' same

reused() {
    "$REGD_BUILD" squashfs -q --root "$store" "$toplevel" --compression zstd:3 --signatures --lower-store --reuse plain -o again 2>&1 && cmp again image
}
claim 'blocks of another image are reused for it, with the same result' reused

in_tree() {
    "$REGD_BUILD" tree -q --root "$store" "$toplevel" --compression zstd:3 --signatures --lower-store --separate-store -o tree &&
        cmp tree/nix-store.squashfs image && "$REGD_BUILD" verify tree
}
claim 'a tree can have it, too' in_tree

if ! unshare -m true 2>/dev/null || ! mkdir lower || ! mkdir -p lower/nix/store || ! mount -o loop,ro image lower/nix/store 2>/dev/null; then
    skip 'what Nix makes of it when it is mounted' 'no image may be mounted'
    finish
    exit
fi
trap 'umount -q merged/nix/store; umount lower/nix/store' EXIT

registered() {
    ls -a lower/nix/store/.links && "$REGD" register --root lower 2>err && cat err && grep -q ' paths registered' err &&
        sqlite3 lower/nix/var/nix/db/db.sqlite 'select count(*) from ValidPaths' && "$REGD" verify --root lower
}
claim 'regd finds its manifest in the mounted store, and registers it' registered

# --- Nix, as it is on this system --------------------------------------------------------------------------

version=$(nix-store --version | sed 's/.* //')
# needs VERSION TEXT...
needs() {
    [ "$(printf '%s\n' "$1" "$version" | sort -V | head -n 1)" = "$1" ] && return
    for text in "$2" "$3" "$4"; do
        [ -z "$text" ] || skip "$text" "Nix $version is older than $1"
    done
    return 1
}

quiet() {
    ! grep -E 'error|modified|disappeared|warning: (not|path)' "$1"
}

only='local?root='$PWD'/lower&read-only=true'
read_only() {
    nix-store --store "$only" -qR "$toplevel" >out 2>err && [ "$(wc -l <out)" -gt 20 ] && nix path-info --store "$only" "$toplevel" &&
        nix-store --store "$only" --verify --check-contents 2>err && cat err && quiet err
}
text='Nix serves it as a read-only store, and finds nothing wrong'
needs 2.19 "$text" '' '' && claim "$text" read_only

over="local-overlay://?root=$PWD/merged&lower-store=$PWD/lower%3Fread-only=true&upper-layer=$PWD/upper&check-mount=false"
overlay() {
    mkdir -p merged/nix/store upper work && mount -t overlay -o "lowerdir=lower/nix/store,upperdir=upper,workdir=work" none merged/nix/store || return
    echo hello >file
    added=$(nix-store --store "$over" --add file 2>err) && nix path-info --store "$over" "$toplevel" "$added" && cat err && quiet err
}
# Of paths of the image, it says that it deletes them, or why it does not: it means the rows that it has copied to its own database
# when it was asked for them. What the image has stays: nothing is hidden by a whiteout.
collected() {
    added=$(nix-store --store "$over" --add file) && nix-store --store "$over" --gc >out 2>err || return
    [ ! -e "merged$added" ] && find upper -mindepth 1 ! -path upper/.links >left && cat left && [ ! -s left ] &&
        nix path-info --store "$over" "$toplevel" && cmp merged/nix/store/00000000000000000000000000000000-nix-path-registration \
        lower/nix/store/00000000000000000000000000000000-nix-path-registration
}
checked() {
    for what in '--verify --check-contents' --optimise; do
        # shellcheck disable=SC2086  # words
        nix-store --store "$over" $what >out 2>err
        cat out err
        quiet err || return
    done
}
text='it is the lower store of a local-overlay store, to which paths are added'
text_collected='its collector takes what was added, and nothing of the image'
text_checked='nix-store --verify and --optimise find nothing wrong there'
if needs 2.22 "$text" "$text_collected" "$text_checked"; then
    claim "$text" overlay
    claim "$text_collected" collected
    claim "$text_checked" checked
fi

# The reason for the name: with this one, the collector stops.
stops() {
    umount merged/nix/store && umount lower/nix/store && mkdir copy && unshare -m true && mount -o loop,ro plain copy || return
    mkdir fixed && mkdir fixed/.links && mount -t overlay -o lowerdir=fixed:copy none lower/nix/store || return
    mkdir upper2 work2 && mount -t overlay -o "lowerdir=lower/nix/store,upperdir=upper2,workdir=work2" none merged/nix/store || return
    nix-store --store "${over%upper&*}upper2&check-mount=false" --gc >out 2>err
    status=$?
    cat out err
    umount merged/nix/store && umount lower/nix/store && umount copy && mount -o loop,ro image lower/nix/store && [ "$status" -ne 0 ] &&
        grep -q "nix-path-registration' is too short to be a valid store path\|nix-path-registration' " err
}
text='without --lower-store, that collector stops at the name of the manifest'
needs 2.22 "$text" '' '' && claim "$text" stops

finish
