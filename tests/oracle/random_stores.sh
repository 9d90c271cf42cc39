#!/bin/sh
# random_stores.sh — does verify accept every image that we write, and does its content come out unchanged?
#
# Images of random stores (random_store.c) are built with random options, verified, unpacked by unsquashfs, and, if
# possible, mounted by the kernel; each time Nix hashes the paths. Built again with another number of threads, and with
# --reuse, they have the same bytes.
#
# Usage    RANDOM_STORE=… REGD_BUILD=… SCRATCH=… [RANDOM_STORES=30] [RANDOM_SEED=1] sh tests/oracle/random_stores.sh
#          RANDOM_SEED is the first seed; each store has the next one.
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${RANDOM_STORE:?the generator}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"

# Mounts are ours alone, and the stores are in memory.
if [ -z "${STORES_MOUNTS-}" ]; then
    export STORES_MOUNTS=none
    for flags in '-m' '-m --propagation unchanged'; do
        # shellcheck disable=SC2086  # several words
        if [ "$(id -u)" = 0 ] && unshare $flags mount -t tmpfs none "$SCRATCH" 2>/dev/null; then
            # shellcheck disable=SC2016,SC2086  # for the inner shell; several words
            STORES_MOUNTS=private exec unshare $flags sh -c 'mount -t tmpfs none "$SCRATCH" && exec sh "$@"' sh "$0" "$@"
        fi
    done
fi

# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR
wants nix-store unsquashfs sha256sum

case $REGD_BUILD in /*) ;; *) REGD_BUILD=$PWD/$REGD_BUILD ;; esac
case $RANDOM_STORE in /*) ;; *) RANDOM_STORE=$PWD/$RANDOM_STORE ;; esac
cd "$SCRATCH" || bail "$SCRATCH is not there"

count=${RANDOM_STORES:-30}
seed=${RANDOM_SEED:-1}
printf '# %d stores, from seed %d on\n' "$count" "$seed"

# one_of SALT WORD...: one of the words, which depends on the seed.
one_of() {
    shift $((1 + (seed * 7919 + $1 * 104729 + seed / 13) % ($# - 1)))
    printf '%s' "$1"
}

nar_hash() {
    nix-store --dump "$1" >nar && sha256sum <nar | cut -c 1-64
}

# The manifest of paths, by Nix's own serialisation.
describe() {
    for path in root/nix/store/*; do
        printf '/nix/store/%s\n%s\n%d\n\n0\n' "${path##*/}" "$(nar_hash "$path")" "$(wc -c <nar)"
    done
}

build() {
    target=$1
    shift
    "$REGD_BUILD" squashfs -q --root root --registration manifest --compression "$compression" -o "$target" "$@"
}

# as_described DIR: has each path in it the hash that the manifest has for it?
as_described() {
    for path in "$1"/*; do
        case $path in */nix-path-registration*) continue ;; esac
        echo "${path##*/} $(nar_hash "$path")"
    done >found
    while read -r line; do
        grep -qxF "$line" wanted || { echo "$1: $line: came out changed" && return 1; }
    done <found
}

# cannot_mount COMPRESSION: why this kernel does not mount such images, or nothing.
cannot_mount() {
    [ "$STORES_MOUNTS" = private ] || { echo 'no mounts of our own' && return; }
    [ -e "cannot-mount-$1" ] || {
        mkdir -p empty mount && rm -f tried
        mksquashfs empty tried -comp "$1" -b 1M -no-progress >/dev/null 2>&1 && mount -t squashfs -o loop,ro tried mount &&
            umount mount || echo "an empty image of mksquashfs with $1 cannot be mounted"
    } >"cannot-mount-$1" 2>/dev/null
    cat "cannot-mount-$1"
}

# unpacked IMAGE...: do they hold all paths of the manifest, as they were?
unpacked() {
    rm -rf out
    awk 'NR % 5 == 1 { sub(".*/", ""); path = $0 } NR % 5 == 2 { print path, $0 }' manifest >wanted
    for image; do
        unsquashfs -q -n -f -d out "$image" >/dev/null || return
        [ -z "$(cannot_mount "${compression%:*}")" ] || continue
        mount -t squashfs -o loop,ro "$image" mount && as_described mount && umount mount || return
    done
    as_described out && [ "$(wc -l <found)" -eq "$(wc -l <wanted)" ]
}

whole() {
    build image -j "$jobs" && "$REGD_BUILD" verify -j "$jobs" image && unpacked image &&
        build again -j "$(one_of 5 1 2 7)" && cmp image again && build reused --reuse image && cmp image reused
}
# A path that is too large for one image is refused; then it is built whole.
split() {
    size=$(one_of 6 1M 2M 3M 5M)
    build image -j "$jobs" --max-size "$size" 2>err || { grep -q 'more than the .* of --max-size' err && whole; return; }
    for image in image image.? image.??; do
        [ -e "$image" ] || continue
        set -- "$@" "$image"
    done
    for image; do "$REGD_BUILD" verify -q "$image" >findings || {
        grep -vq '^missing: ' findings && cat findings && return 1
    }; done
    unpacked "$@"
}
layered() {
    first=/$(cd root && echo nix/store/*)
    first=${first%% *}
    build base "$first" && build image --base base && "$REGD_BUILD" verify -q --base base image &&
        unpacked base image
}

try() {
    umount mount 2>/dev/null
    rm -rf root out image* again reused base && mkdir -p root/nix/store && "$RANDOM_STORE" "$seed" root/nix/store &&
        describe >manifest || return
    compression=$(one_of 1 lz4 lz4:1 lz4:12 gzip:1 gzip:9 gzip:12 zstd:1 zstd:3 zstd:9 zstd:19 xz:0 xz:6)
    jobs=$(one_of 2 1 2 7)
    way=$(one_of 3 whole whole whole split layered)
    printf 'seed %d, %s, %s, %d threads\n' "$seed" "$way" "$compression" "$jobs"
    "$way"
}

reason=
for compression in lz4 gzip zstd xz; do
    reason=${reason:-$(cannot_mount "$compression")}
done
[ -z "$reason" ] || skip 'all of them are mounted by the kernel' "$reason"

end=$((seed + count))
while [ "$seed" -lt "$end" ]; do
    claim "the store of seed $seed comes out as it went in, and verify accepts it" try
    seed=$((seed + 1))
done

# One path that does not compress: all fragment blocks are stored as they are.
stored() {
    rm -rf root && mkdir -p root/nix/store && path=root/nix/store/00000000000000000000000000000000-random && compression=zstd:19 &&
        openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>err | head -c 5000 >"$path"
    [ "$(wc -c <"$path")" -eq 5000 ] && describe >manifest && build image && "$REGD_BUILD" verify image && unpacked image
}
have openssl 'one path of 5000 random bytes' && claim 'one path of 5000 random bytes is accepted' stored

finish
