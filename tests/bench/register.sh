#!/bin/sh
# register.sh — the benchmark: `nix-store --load-db` and `regd register`, side by side.
#
# Usage    [REGD=…] [RUNS=9] sh tests/bench/register.sh [DIR [COUNT...]]
#
#            DIR     an empty directory in memory, as a live system's state is; by default a new one in /dev/shm
#            COUNT   paths in the manifest, with ten references each on the average: 1500 10000 by default;
#                    45000, 100000 and 1000000 take minutes to hours, all of them Nix's. "existing" stands for the
#                    cases of a database of 100000 paths, which Nix makes first
#            RUNS    how often each is run; they take turns, so that what disturbs one disturbs all
#            REGD    by default a release build, made in build/bench; measure and make_manifest stand beside it
#
# Prints   for each COUNT a table: median wall and CPU time (user and system) and the least CPU time of all runs, in
#          milliseconds; for regd how many times as long Nix takes (Nix's median by regd's); peak memory. Rows:
#            a new database      nix-store, regd (writes the file), regd --loader=sql; an empty manifest
#            an existing one     nothing to do: all COUNT paths are there
#            what has vanished   with "existing": regd looks for it, --vanished=forget, and finds that everything is there
#            the floors          regd --version, reading the manifest, copying the finished database, and SQLite
#                                executing the finished dump without journal or syncing
#
# Nothing is claimed: machines differ. CPU time and ratios bear a busy machine better than wall time.
set -eu
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NIX_REMOTE NOTIFY_SOCKET

if [ -z "${REGD-}" ]; then
    [ -f build/bench/build.ninja ] || meson setup --buildtype=release -Db_lto=true build/bench >/dev/null
    ninja -C build/bench >/dev/null
    REGD=$PWD/build/bench/regd
fi
measure=$(dirname "$REGD")/tests/measure
make=$(dirname "$REGD")/tests/make_manifest
runs=${RUNS:-9}

if [ $# -gt 0 ]; then
    dir=$(cd "$1" && pwd -P)
    shift
else
    dir=$(mktemp -d /dev/shm/bench.XXXXXX)
    trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
    trap 'exit 1' HUP INT TERM
fi
[ $# -gt 0 ] || set -- 1500 10000

mkdir "$dir/conf" "$dir/home"
echo 'build-users-group =' >"$dir/conf/nix.conf"
export HOME="$dir/home" NIX_CONF_DIR="$dir/conf" NIX_USER_CONF_FILES=/dev/null
db=nix/var/nix/db/db.sqlite
nix="nix-store --store $dir/root --load-db"
regd="$REGD register -q --missing=accept --root $dir/root"
fresh="rm -rf $dir/root; mkdir -p $dir/root/nix/store"
again="rm -rf $dir/root; cp -a $dir/template $dir/root"

# table TITLE: of the lines of measure; a ratio is to the last line whose name begins with "nix-store".
table() {
    printf '\n%s (%s runs each)\n' "$1" "$runs"
    printf '%-42s %10s %10s %10s %8s %8s %9s\n' '' 'wall ms' 'CPU ms' 'least CPU' 'wall x' 'CPU x' 'peak MiB'
    awk -F '\t' '
        /^nix-store/ { wall = $2; cpu = $4 }
        { ratios = sprintf("%8s %8s", "", "") }
        /^regd/ && wall && !/version/ { ratios = sprintf("%8.1f %8.1f", wall / $2, cpu / $4) }
        { printf "%-42s %10.2f %10.2f %10.2f %s %9.1f\n", $1, $2, $4, $5, ratios, $6 / 1024 }'
}

empty() {
    : >"$dir/empty"
    "$measure" "$runs" \
        'nix-store, empty manifest' "$fresh" "$nix <$dir/empty" \
        'regd, empty manifest' "$fresh" "$regd $dir/empty" \
        'regd --version' : "$REGD --version" | table 'Start'
}

# The template is a root with a database of what Nix loads from the arguments.
make_template() {
    rm -rf "$dir/template"
    mkdir -p "$dir/template/nix/store"
    for file; do
        nix-store --store "$dir/template" --load-db <"$file"
    done
}

fresh_table() {
    manifest=$dir/manifest
    "$make" "$1" >"$manifest"
    make_template "$manifest"
    sqlite3 "$dir/template/$db" .dump | sed '1i\
pragma journal_mode = off; pragma synchronous = off;' >"$dir/dump.sql"
    "$measure" "$runs" \
        'nix-store --load-db' "$fresh" "$nix <$manifest" \
        'regd register' "$fresh" "$regd $manifest" \
        'regd register --loader=sql' "$fresh" "$regd --loader=sql $manifest" \
        'nix-store --load-db, all valid already' "$again" "$nix <$manifest" \
        'regd register, all valid already' "$again" "$regd $manifest" \
        'floor: regd --version' : "$REGD --version" \
        'floor: cat MANIFEST' : "cat $manifest" \
        'floor: cp DATABASE' "rm -f $dir/copy" "cp --reflink=never $dir/template/$db $dir/copy" \
        'floor: sqlite3 <DUMP' "rm -f $dir/copy" "sqlite3 $dir/copy <$dir/dump.sql" |
        table "$1 paths, manifest $(wc -c <"$manifest") bytes, database $(wc -c <"$dir/template/$db") bytes"
    rm -f "$dir/copy" "$dir/dump.sql"
}

existing_table() {
    "$make" 100000 1 >"$dir/many"
    "$make" 1500 2 >"$dir/few"
    make_template "$dir/many"
    "$measure" "$runs" \
        'nix-store --load-db, 1500 new into 100000' "$again" "$nix <$dir/few" \
        'regd register, 1500 new into 100000' "$again" "$regd $dir/few" >"$dir/new"
    nix-store --store "$dir/template" --load-db <"$dir/few"
    "$measure" "$runs" \
        'nix-store --load-db, 1500 valid of 101500' "$again" "$nix <$dir/few" \
        'regd register, 1500 valid of 101500' "$again" "$regd $dir/few" | cat "$dir/new" - |
        table 'An existing database'
    store=$dir/template/nix/store
    sqlite3 "$dir/template/$db" 'select substr(path, 12) from ValidPaths' | (cd "$store" && xargs touch)
    regd="$REGD register -q --root $dir/template"
    "$measure" "$runs" \
        'regd register, 1500 valid of 101500' : "$regd --vanished=keep $dir/few" \
        'regd register --vanished=forget' : "$regd --vanished=forget $dir/few" \
        'floor: ls -f STORE' : "ls -f $store" | table 'All 101500 paths in the store'
}

empty
for count; do
    case $count in
    existing) existing_table ;;
    *) fresh_table "$count" ;;
    esac
done
