#!/bin/sh
# same_bytes.sh — do programs for aarch64 write the very bytes that those for x86-64 write?
#
# Usage    REGD=… REGD_BUILD=… REGD_AARCH64=… REGD_BUILD_AARCH64=… SCRATCH=… STORE_FIXTURE=… sh tests/aarch64/same_bytes.sh
#
# Both link the same versions of the libraries. Those for aarch64 run under qemu-aarch64.
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
: "${REGD_AARCH64:?the program}" "${REGD_BUILD_AARCH64:?the program}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR SOURCE_DATE_EPOCH

wants qemu-aarch64 cmp diff
find_store

are_for_both() {
    [ "$(od -An -t u1 -j 18 -N 1 "$REGD_BUILD_AARCH64" | tr -d ' ')" = 183 ] &&
        [ "$(od -An -t u1 -j 18 -N 1 "$REGD_BUILD" | tr -d ' ')" = 62 ]
}
claim 'one program is for aarch64, the other for x86-64' are_for_both

same_image() {
    "$REGD_BUILD" squashfs --root "$store" --quiet --compression "$1" "$toplevel" -o "$SCRATCH/here" &&
        qemu-aarch64 "$REGD_BUILD_AARCH64" squashfs --root "$store" --quiet --compression "$1" "$toplevel" -o "$SCRATCH/there" &&
        cmp "$SCRATCH/here" "$SCRATCH/there"
}
for codec in gzip lz4 xz zstd:3 zstd:19; do
    claim "the image of $codec is the same" same_image "$codec"
done

same_tree() {
    rm -rf "$SCRATCH/here" "$SCRATCH/there"
    "$REGD_BUILD" tree --root "$store" --quiet "$@" "$toplevel" -o "$SCRATCH/here" &&
        qemu-aarch64 "$REGD_BUILD_AARCH64" tree --root "$store" --quiet "$@" "$toplevel" -o "$SCRATCH/there" &&
        diff -r "$SCRATCH/here" "$SCRATCH/there"
}
claim 'a tree is the same, file by file' same_tree --compression zstd:3
claim 'so is one with the store in several images beside the ramdisk' same_tree --compression zstd:3 --max-size 4M --separate-store
claim 'so is one whose ramdisk is compressed' same_tree --compressor zstd:3
claim 'verify on aarch64 finds nothing wrong in a tree from x86-64' qemu-aarch64 "$REGD_BUILD_AARCH64" verify "$SCRATCH/here"

same_database() {
    for each in here there; do
        mkdir -p "$SCRATCH/$1-$each/nix" && cp -al "$store/nix/store" "$SCRATCH/$1-$each/nix/" || return
    done
    "$REGD_BUILD" manifest --root "$store" "$toplevel" >"$SCRATCH/manifest" &&
        "$REGD" register --quiet --root "$SCRATCH/$1-here" --loader="$1" --registration-time 1 "$SCRATCH/manifest" &&
        qemu-aarch64 "$REGD_AARCH64" register --quiet --root "$SCRATCH/$1-there" --loader="$1" --registration-time 1 "$SCRATCH/manifest" &&
        cmp "$SCRATCH/$1-here/nix/var/nix/db/db.sqlite" "$SCRATCH/$1-there/nix/var/nix/db/db.sqlite"
}
claim 'a database that is written as a file is the same' same_database file
claim 'so is one that SQLite makes' same_database sql
finish
