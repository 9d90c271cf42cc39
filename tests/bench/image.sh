#!/bin/sh
# image.sh — the benchmark: mksquashfs and `regd-build squashfs`, side by side.
#
# Usage    [REGD_BUILD=…] [RUNS=3] sh tests/bench/image.sh [DIR [MEBIBYTES [COMPRESSION...]]]
#
#            DIR          where there is room for the tree and two images; by default a new one in /tmp. A tree that
#                         an earlier run made there is used again
#            MEBIBYTES    size of the tree: 100 by default. It is made of this system's packages (make_tree.sh)
#            COMPRESSION  as --compression takes it: zstd:19 zstd:3 lz4 gzip:9 by default
#            RUNS         how often each is run; they take turns
#            REGD_BUILD   by default a release build, made in build/bench; measure and floor stand beside it
#
# Prints   for each COMPRESSION: median wall and CPU time of all runs and the least CPU time, in milliseconds; peak
#          memory; the size of the image; wall time and size compared to mksquashfs', and the least CPU time compared
#          to that of the compressor alone. Rows:
#            mksquashfs           with blocks of 1 MiB, as many processors, and -no-hardlinks
#            regd-build           with its check of the NAR hashes; --no-check, without
#            regd-build --reuse   the same closure again, with the image of before; a hundredth of its bytes changed
#                                 (change_tree.sh); and a twentieth of its paths less
#            the compressor alone for the same blocks, in memory (floor.c); no engine takes less with its parameters
set -eu
export LC_ALL=C
# shellcheck source=tests/bench/common.sh disable=SC1091
. tests/bench/common.sh
begin ${1:+"$1"}
measure_floor=$(dirname "$REGD_BUILD")/tests/floor
mebibytes=${2:-100}
if [ $# -gt 2 ]; then
    shift 2
else
    set -- zstd:19 zstd:3 lz4 gzip:9
fi

[ -s "$dir/tree/registration" ] || sh tests/bench/make_tree.sh "$dir/tree" "$mebibytes"
rm -rf "$dir/changed"
sh tests/bench/change_tree.sh "$dir/tree" "$dir/changed"
awk 'NR % 5 == 1 && NR / 5 % 20 >= 1 { print }' "$dir/tree/registration" >"$dir/most"
printf 'exec mksquashfs "$@" >/dev/null 2>&1\n' >"$dir/quiet.sh"
jobs=$(nproc)

# options COMPRESSION: how mksquashfs says it.
options() {
    case $1 in
    *:*) echo "-comp ${1%:*} -Xcompression-level ${1#*:}" ;;
    *) echo "-comp $1" ;;
    esac
}

printf '%d MiB in %d files, %d paths; %d threads, %d runs each\n' "$(($(du -sb "$dir/tree/nix" | cut -f 1) >> 20))" \
    "$(find "$dir/tree/nix" -type f | wc -l)" "$(find "$dir/tree/nix/store" -mindepth 1 -maxdepth 1 | wc -l)" "$jobs" "$runs"
for compression; do
    squashfs="$REGD_BUILD squashfs -q --compression $compression"
    build="$squashfs --root $dir/tree --registration $dir/tree/registration"
    build_changed="$squashfs --root $dir/changed --registration $dir/changed/registration"
    "$measure" "$runs" \
        mksquashfs "rm -f $dir/theirs" "sh $dir/quiet.sh $dir/tree/nix/store $dir/theirs -no-hardlinks -b 1M -processors $jobs -no-progress $(options "$compression")" \
        regd-build "rm -f $dir/ours" "$build -o $dir/ours" \
        'regd-build --no-check' "rm -f $dir/unchecked" "$build --no-check -o $dir/unchecked" \
        'regd-build --reuse, nothing changed' "rm -f $dir/again" "$build --reuse $dir/ours -o $dir/again" \
        'regd-build --reuse, a hundredth changed' "rm -f $dir/changed.squashfs" "$build_changed --reuse $dir/ours -o $dir/changed.squashfs" \
        'regd-build --reuse, a twentieth less' "rm -f $dir/less" "$build --reuse $dir/ours -o $dir/less - <$dir/most" >"$dir/times"
    "$measure_floor" "$runs" "$dir/ours" "$compression" "$jobs" >"$dir/floor"
    printf '\n%-40s %10s %10s %10s %8s %10s %7s %7s %7s\n' "$compression" 'wall ms' 'CPU ms' 'least CPU' 'MiB' bytes time size floor
    for file in theirs ours unchecked again changed.squashfs less; do stat -c %s "$dir/$file"; done | paste "$dir/times" - |
        awk -F '\t' -v "floor=$(cut -f 5 "$dir/floor")" 'NR == 1 { wall = $2; size = $7 }
            { printf "%-40s %10.0f %10.0f %10.0f %8.0f %10d %7.2f %7.3f %7.2f\n", $1, $2, $4, $5, $6 / 1024, $7, $2 / wall, $7 / size, $5 / floor }'
    awk -F '\t' '{ printf "%-40s %10.0f %10.0f %10.0f\n", $1, $2, $4, $5 }' "$dir/floor"
    rm -f "$dir/theirs" "$dir/ours" "$dir/unchecked" "$dir/again" "$dir/changed.squashfs" "$dir/less"
done
