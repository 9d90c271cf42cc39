#!/bin/sh
# loaders.sh — has a database that regd writes as a file the same dump as one that SQLite makes, is it sound, and does
# Nix work with it? Tested with sizes around each page boundary of small trees, and with special shapes.
set -u
# shellcheck source=tests/tap.sh
. tests/tap.sh

make=$(dirname "$REGD")/tests/make_manifest
db=nix/var/nix/db/db.sqlite

# The dump, without the moment of registration.
dump() {
    sqlite3 "$1" .dump | sed -E "s/^(INSERT INTO ValidPaths VALUES\([0-9]+,'[^']*','[^']*',)[0-9]+,/\1T,/"
}

# Registers the manifest by both loaders and compares.
agree() {
    for loader in file sql; do
        rm -rf "${SCRATCH:?}/$loader"
        mkdir -p "$SCRATCH/$loader"
        [ -z "${store:-}" ] || { mkdir -p "$SCRATCH/$loader/nix/store" && cp "$store"/*.drv "$SCRATCH/$loader/nix/store"; }
        "$REGD" register -q --loader="$loader" --missing=accept --root "$SCRATCH/$loader" "$1" || return 1
        dump "$SCRATCH/$loader/$db" >"$SCRATCH/$loader.dump"
    done
    check=$(sqlite3 "$SCRATCH/file/$db" 'pragma integrity_check; pragma foreign_key_check') || return 1
    [ "$check" = ok ] || { printf '%s\n' "$check" | head -3; return 1; }
    cmp "$SCRATCH/file.dump" "$SCRATCH/sql.dump"
}

# Every size of the range, with its own seed and references.
sizes() {
    for size; do
        for references in 0 3 10; do
            "$make" "$size" "$size" "$references" >"$SCRATCH/manifest"
            agree "$SCRATCH/manifest" || { echo "size $size, $references references"; return 1; }
        done
    done
}

have sqlite3 "the loaders agree" || finish
claim "an empty manifest makes the same empty database" sizes 0
# A leaf of ValidPaths holds about 16 rows, of its index about 45 paths, of Refs about 370 rows.
# shellcheck disable=SC2046  # numbers
claim "up to 50 paths the databases are the same" sizes $(seq 1 "${TEST_STEP:-1}" 50)
# shellcheck disable=SC2046  # numbers
claim "around the ends of leaves too" sizes $(seq 85 "${TEST_STEP:-1}" 97) $(seq 130 "${TEST_STEP:-1}" 145) 255 256 257 400
claim "with inner pages on two levels" sizes 700 2000 5003
"$make" 30000 7 20 >"$SCRATCH/manifest"
claim "with 30000 paths and 600000 references" agree "$SCRATCH/manifest"

# On one CPU the same bytes, but for the moment of registration.
one_cpu() {
    rm -rf "$SCRATCH/one"
    mkdir -p "$SCRATCH/one"
    taskset -c "$(taskset -cp $$ | sed 's/.*[ ,-]//')" "$REGD" register -q --missing=accept --root "$SCRATCH/one" "$SCRATCH/manifest" || return 1
    for root in file one; do
        sqlite3 "$SCRATCH/$root/$db" 'update ValidPaths set registrationTime = 1700000000' || return 1
    done
    cmp "$SCRATCH/file/$db" "$SCRATCH/one/$db"
}
if [ "$(nproc)" -eq 1 ]; then
    skip "on one CPU they have the same bytes" "there is only one"
else
    have taskset "on one CPU they have the same bytes" && claim "on one CPU they have the same bytes" one_cpu
fi

# Names of one byte and of the longest, derivers of the longest, sizes of every width.
shapes() {
    awk 'BEGIN {
        long = sprintf("%211s", ""); gsub(/ /, "n", long)
        digits = "0123456789abcdfghijklmnpqrsvwxyz"
        size = 1
        for (i = 0; i < 700; i++) {
            digest = ""
            for (n = i; length(digest) < 32; n = int(n / 32))
                digest = substr(digits, n % 32 + 1, 1) digest
            name = i % 3 ? substr(long, 1, 1 + i % 211) : long
            printf "/nix/store/%s-%s\n%064d\n%s\n", digest, name, i, i % 5 ? sprintf("%.0f", size) : 0
            print i % 2 ? "" : "/nix/store/" digest "-" long
            print 0
            size = size * 2 > 9e18 ? 1 : size * 2 + i % 2
        }
    }' >"$SCRATCH/manifest"
    agree "$SCRATCH/manifest"
}
claim "with the longest names and numbers of every width" shapes

outputs() {
    store=tests/data/derivation
    for file in "$store"/*.drv; do
        printf '/nix/store/%s\n%064d\n1\n\n0\n' "${file##*/}" 0
    done >"$SCRATCH/manifest"
    agree "$SCRATCH/manifest" && grep -q 'INSERT INTO DerivationOutputs' "$SCRATCH/file.dump"
}
claim "with the outputs of derivations" outputs

nix_works() {
    "$make" 1500 3 >"$SCRATCH/manifest"
    agree "$SCRATCH/manifest" || return 1
    root=$SCRATCH/file
    nix-store --store "$root" --dump-db >"$SCRATCH/dumped" && cmp "$SCRATCH/manifest" "$SCRATCH/dumped" || return 1
    path=$(sed -n 1p "$SCRATCH/manifest")
    nix-store --store "$root" -qR "$path" >/dev/null && nix-store --store "$root" -q --referrers "$path" >/dev/null &&
        nix-store --store "$root" --load-db <"$SCRATCH/manifest" &&
        echo text >"$SCRATCH/text" && nix-store --store "$root" --add "$SCRATCH/text" &&
        nix-store --store "$root" --gc >/dev/null && nix-store --store "$root" --verify &&
        [ "$(sqlite3 "$root/$db" 'pragma integrity_check')" = ok ]
}
have nix-store "Nix reads, changes and collects it" && claim "Nix reads, changes and collects it" nix_works

finish
