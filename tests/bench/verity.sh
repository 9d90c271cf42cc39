#!/bin/sh
# verity.sh — the benchmark of the hash tree: `regd-build squashfs` without it and with it, side by side.
#
# Usage    [REGD_BUILD=…] [RUNS=5] sh tests/bench/verity.sh [DIR [MEBIBYTES [COMPRESSION...]]]
#
#            As image.sh; COMPRESSION is zstd:19 and lz4 by default
#
# Prints   for each COMPRESSION: median wall and CPU time and the least CPU time of all runs, in milliseconds; peak
#          memory; and wall time and least CPU time compared to those without a tree. Rows:
#            none          regd-build squashfs
#            append, file  the same with --verity
#            veritysetup   `veritysetup format` of the image, alone: what a build pays that adds the tree afterwards
set -eu
export LC_ALL=C
# shellcheck source=tests/bench/common.sh disable=SC1091
. tests/bench/common.sh
RUNS=${RUNS:-5}
begin ${1:+"$1"}
mebibytes=${2:-100}
if [ $# -gt 2 ]; then
    shift 2
else
    set -- zstd:19 lz4
fi

[ -s "$dir/tree/registration" ] || sh tests/bench/make_tree.sh "$dir/tree" "$mebibytes"
printf 'exec veritysetup "$@" >/dev/null\n' >"$dir/quiet.sh"
printf '%d MiB in %d paths; %d threads, %d runs each\n' "$(($(du -sb "$dir/tree/nix" | cut -f 1) >> 20))" \
    "$(find "$dir/tree/nix/store" -mindepth 1 -maxdepth 1 | wc -l)" "$(nproc)" "$runs"
for compression; do
    build="$REGD_BUILD squashfs -q --compression $compression --root $dir/tree --registration $dir/tree/registration"
    $build -o "$dir/image"
    "$measure" "$runs" \
        none "rm -f $dir/none" "$build -o $dir/none" \
        append "rm -f $dir/append" "$build --verity append -o $dir/append" \
        file "rm -f $dir/file*" "$build --verity file -o $dir/file" \
        veritysetup "rm -f $dir/tree.verity" "sh $dir/quiet.sh format --salt=- $dir/image $dir/tree.verity" >"$dir/times"
    printf '\n%-20s %10s %10s %10s %8s %7s %7s\n' "$compression" 'wall ms' 'CPU ms' 'least CPU' 'MiB' time CPU
    awk -F '\t' 'NR == 1 { wall = $2; cpu = $5 }
        { printf "%-20s %10.0f %10.0f %10.0f %8.0f %7.3f %7.3f\n", $1, $2, $4, $5, $6 / 1024, $2 / wall, $5 / cpu }' "$dir/times"
    rm -f "$dir/image" "$dir/none" "$dir/append" "$dir"/file*
done
