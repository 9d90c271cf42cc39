#!/bin/sh
# verify.sh — the benchmark: `nix-store --verify --check-contents` and `regd-build verify`, side by side.
#
# Usage    [REGD_BUILD=…] [RUNS=5] sh tests/bench/verify.sh [DIR [MEBIBYTES [COMPRESSION...]]]
#
#            DIR, MEBIBYTES, REGD_BUILD, RUNS as image.sh has them; the tree is the same
#            COMPRESSION  of the images that are verified: zstd:19 zstd:3 gzip:9 lz4 by default
#
# Prints   median wall and CPU time, the least CPU time, in milliseconds; peak memory; how many times as long nix-store
#          takes. Rows:
#            nix-store           of the store's paths, which lie unpacked in DIR
#            regd verify         of the same
#            regd-build verify   of an image of them: it unpacks it, too
set -eu
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NIX_REMOTE
# shellcheck source=tests/bench/common.sh disable=SC1091
. tests/bench/common.sh
begin ${1:+"$1"}
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
for compression; do
    "$REGD_BUILD" squashfs -q --root "$dir/tree" --registration "$dir/tree/registration" --compression "$compression" \
        -o "$dir/$compression.squashfs"
done
count=$#
for compression; do
    set -- "$@" "regd-build verify, $compression" : "$REGD_BUILD verify -q $dir/$compression.squashfs"
done
shift "$count"
printf '%d MiB in %d files, %d paths; %d threads, %d runs each\n' "$(($(du -sb "$dir/tree/nix/store" | cut -f 1) >> 20))" \
    "$(find "$dir/tree/nix/store" -type f | wc -l)" "$(find "$dir/tree/nix/store" -mindepth 1 -maxdepth 1 | wc -l)" "$(nproc)" "$runs"
printf '%-40s %10s %10s %10s %8s %7s\n' '' 'wall ms' 'CPU ms' 'least CPU' 'MiB' times
"$measure" "$runs" \
    'nix-store --verify --check-contents' : "sh $dir/verify.sh $dir/tree" \
    'regd verify' : "$regd verify -q --root $dir/tree" "$@" |
    awk -F '\t' 'NR == 1 { wall = $2 }
        { printf "%-40s %10.0f %10.0f %10.0f %8.0f %7.2f\n", $1, $2, $4, $5, $6 / 1024, wall / $2 }'
rm -f "$dir"/*.squashfs
