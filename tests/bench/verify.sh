#!/bin/sh
# verify.sh — the benchmark: `nix-store --verify --check-contents` and `regd-build verify`, side by side.
#
# Usage    [REGD_BUILD=…] [RUNS=5] sh tests/bench/verify.sh [DIR [MEBIBYTES [COMPRESSION...]]]
#
#            DIR, MEBIBYTES, REGD_BUILD, RUNS as image.sh has them; the tree is the same
#            COMPRESSION  of the images that are verified: zstd:19 zstd:3 gzip:9 lz4 by default
#
# Prints   for each COMPRESSION: median wall and CPU time, the least CPU time, in milliseconds; peak memory; how many
#          times as long nix-store takes for what is unpacked, and for what is mounted. CPU time of the kernel's own
#          threads, which read ahead, is nobody's. Rows:
#            nix-store           of the store's paths, which lie unpacked in DIR
#            nix-store, mounted  of the paths in the image, as a machine that runs from it has them: an overlay above
#                                the kernel's squashfs, nothing of it read before. Only root can
#            regd verify         of what is unpacked
#            regd-build verify   of the image: it unpacks it, too
set -eu
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NIX_REMOTE
# shellcheck source=tests/bench/common.sh disable=SC1091
. tests/bench/common.sh
begin ${1:+"$1"}
given=${1-}
mebibytes=${2:-100}
if [ $# -gt 2 ]; then
    shift 2
else
    set -- zstd:19 zstd:3 gzip:9 lz4
fi

[ -s "$dir/tree/registration" ] || sh tests/bench/make_tree.sh "$dir/tree" "$mebibytes"
mkdir -p "$dir/conf" "$dir/home"
echo 'build-users-group =' >"$dir/conf/nix.conf"
export HOME="$dir/home" NIX_CONF_DIR="$dir/conf" NIX_USER_CONF_FILES=/dev/null
cat >"$dir/verify.sh" <<'END'
exec nix-store --store "$1" --verify --check-contents >"$1/../nix.log" 2>&1
END
nix-store --store "$dir/tree" --load-db <"$dir/tree/registration"
nix-store --store "$dir/tree" --verify --check-contents >/dev/null 2>&1

regd=${REGD_BUILD%-build}
live=$dir/live
unmount() {
    if [ -d "$live" ]; then
        umount -q "$live/nix/store" "$live/image" || :
    fi
}
trap 'unmount; [ -n "$given" ] || { chmod -R u+w "$dir"; rm -rf "$dir"; }' EXIT
trap 'exit 1' HUP INT TERM

# mount_image FILE: what a live system mounts, with the same database.
mount_image() {
    unmount
    rm -rf "$live"
    mkdir -p "$live/image" "$live/upper" "$live/work" "$live/nix/store"
    cp -R "$dir/tree/nix/var" "$live/nix/var"
    mount -t squashfs -o loop,ro "$1" "$live/image" &&
        mount -t overlay -o "lowerdir=$live/image,upperdir=$live/upper,workdir=$live/work" regd "$live/nix/store"
}

printf '%d MiB in %d files, %d paths; %d threads, %d runs each\n' "$(($(du -sb "$dir/tree/nix/store" | cut -f 1) >> 20))" \
    "$(find "$dir/tree/nix/store" -type f ! -path '*/.links/*' | wc -l)" "$(find "$dir/tree/nix/store" -mindepth 1 -maxdepth 1 ! -name .links | wc -l)" "$(nproc)" "$runs"
for compression; do
    image=$dir/$compression.squashfs
    "$REGD_BUILD" squashfs -q --root "$dir/tree" --registration "$dir/tree/registration" --compression "$compression" -o "$image"
    set -- 'nix-store' : "sh $dir/verify.sh $dir/tree"
    if [ "$(id -u)" -eq 0 ] && mount_image "$image"; then
        set -- "$@" 'nix-store, mounted' 'sync; echo 3 >/proc/sys/vm/drop_caches' "sh $dir/verify.sh $live"
    else
        echo 'the image cannot be mounted here: that row is skipped'
    fi
    printf '\n%-40s %10s %10s %10s %8s %9s %9s\n' "$compression" 'wall ms' 'CPU ms' 'least CPU' 'MiB' unpacked mounted
    "$measure" "$runs" "$@" 'regd verify' : "$regd verify -q --root $dir/tree" \
        'regd-build verify' : "$REGD_BUILD verify -q $image" |
        awk -F '\t' '/^nix-store\t/ { unpacked = $2 } /^nix-store, mounted/ { mounted = $2 }
            { printf "%-40s %10.0f %10.0f %10.0f %8.0f %9.2f %9.2f\n", $1, $2, $4, $5, $6 / 1024, unpacked / $2, mounted / $2 }'
    unmount
    rm -rf "$image" "$live"
done
