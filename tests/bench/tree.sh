#!/bin/sh
# tree.sh — the benchmark: from closure to finished netboot tree, the classic way and `regd-build tree`, side by side.
#
# Usage    [REGD_BUILD=…] [RUNS=3] sh tests/bench/tree.sh [DIR [MEBIBYTES [LEVEL...]]]
#
#            DIR          where there is room for the store and two trees; by default a new one in /tmp. A store
#                         that an earlier run made there is used again
#            MEBIBYTES    size of the store: 100 by default. It is made of this system's packages (make_tree.sh)
#            LEVEL        of zstd in the squashfs: 3 19 by default
#            RUNS         how often each is run; they take turns
#            REGD_BUILD   by default a release build, made in build/bench; measure stands beside it
#
# shellcheck disable=SC2016  # what is in single quotes is for other shells
#
# Prints   for each LEVEL: median wall and CPU time and the least CPU time, in milliseconds; peak memory of the
#          largest program; the size of the tree; time and size compared to the classic way with zstd -10. Rows:
#            classic      classic.sh, the ramdisk compressed by zstd -10, and not at all
#            regd-build   it also compares every path with its NAR hash, and digests and syncs what it makes
#            the floor    the same tree --reuse'd from itself: all but the compression
set -eu
export LC_ALL=C
# shellcheck source=tests/bench/common.sh disable=SC1091
. tests/bench/common.sh
begin ${1:+"$1"}
mebibytes=${2:-100} here=$PWD
if [ $# -gt 2 ]; then
    shift 2
else
    set -- 3 19
fi
linux=/nix/store/00000000000000000000000000000001-linux
toplevel=/nix/store/00000000000000000000000000000002-nixos-system

# A system that refers to all there is: its kernel and initial ramdisk are bytes, nobody boots them.
make_system() {
    store=$dir/tree
    mkdir "$store$linux" "$store$toplevel"
    { head -c 514 /dev/zero && printf HdrS && head -c 9000000 /dev/urandom; } >"$store$linux/bzImage"
    head -c 15000000 /dev/urandom >"$store$linux/initrd"
    ln -s "$linux/bzImage" "$store$toplevel/kernel"
    ln -s "$linux/initrd" "$store$toplevel/initrd"
    printf 'console=ttyS0' >"$store$toplevel/kernel-params"
    printf '#!/bin/sh\n' >"$store$toplevel/init"
    chmod 555 "$store$toplevel/init"
    for path in "$linux" "$toplevel"; do
        printf '%s\n%s\n0\n\n' "$path" "$(nix-store --dump "$store$path" | sha256sum | cut -c 1-64)"
        [ "$path" = "$linux" ] && echo 0
    done >"$dir/system"
    { sed -n 's|^/nix/store/|&|p' "$store/registration" && echo "$linux"; } >"$dir/references"
    { cat "$store/registration" "$dir/system" && wc -l <"$dir/references" && cat "$dir/references"; } >"$dir/registration"
}
[ -s "$dir/tree/registration" ] || sh tests/bench/make_tree.sh "$dir/tree" "$mebibytes"
[ -s "$dir/registration" ] || make_system

printf '%d MiB, %d paths; %d threads, %d runs each\n' "$(($(du -sb "$dir/tree/nix" | cut -f 1) >> 20))" \
    "$(find "$dir/tree/nix/store" -mindepth 1 -maxdepth 1 | wc -l)" "$(nproc)" "$runs"
for level; do
    classic="sh $here/tests/bench/classic.sh $dir/tree $dir/registration $toplevel $level"
    build="$REGD_BUILD tree -q --root $dir/tree --registration $dir/registration --compression zstd:$level"
    printf '#!/bin/sh\nexec sh "$1/tests/bench/classic.sh" "$2" "$3" "$4" "$5" "zstd -qc -10" "$6"\n' >"$dir/zstd.sh"
    "$measure" "$runs" \
        'classic, zstd -10' "rm -rf $dir/theirs" "sh $dir/zstd.sh $here $dir/tree $dir/registration $toplevel $level $dir/theirs" \
        'classic, cat' "rm -rf $dir/plain" "$classic cat $dir/plain" \
        'regd-build tree' "rm -rf $dir/ours" "$build -o $dir/ours $toplevel" \
        'floor: regd-build tree --reuse' "rm -rf $dir/again" "$build --reuse $dir/ours -o $dir/again $toplevel" >"$dir/times"
    printf '\n%-38s %10s %10s %10s %8s %10s %7s %7s\n' "zstd:$level" 'wall ms' 'CPU ms' 'least CPU' 'MiB' bytes 'time' 'size'
    for tree in theirs plain ours again; do du -sb "$dir/$tree" | cut -f 1; done | paste "$dir/times" - |
        awk -F '\t' 'NR == 1 { wall = $2; size = $7 }
            { printf "%-38s %10.0f %10.0f %10.0f %8.0f %10d %7.2f %7.3f\n", $1, $2, $4, $5, $6 / 1024, $7, $2 / wall, $7 / size }'
    rm -rf "$dir/theirs" "$dir/plain" "$dir/ours" "$dir/again"
done
