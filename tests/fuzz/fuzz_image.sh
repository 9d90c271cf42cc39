#!/bin/sh
# fuzz_image.sh — is there an image that makes its reader crash or loop?
#
# Usage    REGD_BUILD=… SCRATCH=… [FUZZ_SECONDS=10] sh tests/fuzz/fuzz_image.sh
#
# The fuzzer starts from images with metadata that is not compressed, so that what it changes means something, from
# images of every compressor, and from some of them with a bit flipped. These are replayed first, each alone.
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
case $REGD_BUILD in /*) ;; *) REGD_BUILD=$PWD/$REGD_BUILD ;; esac
programs=$(dirname "$REGD_BUILD")/tests
wants nix-store mksquashfs cmp
cd "$SCRATCH" || bail "$SCRATCH is not there"

# --- images to start from ---------------------------------------------------------------------------------

digest=0123456789abcdfghijklmnpqrsvwxyz
store=root/nix/store
path=$store/$digest-package
mkdir -p "$path/bin" "$path/many" "$path/empty" corpus
printf 'x' >"$path/bin/one" && chmod 755 "$path/bin/one"
printf 'same' >"$path/a" && printf 'same' >"$path/b" && : >"$path/nothing"
awk 'BEGIN { for (i = 0; i < 900; i++) print "line", i, i * i }' >"$path/text"
truncate -s 40000 "$path/hole" && printf 'end' >>"$path/hole"
ln -s ../nowhere "$path/link"
for i in 1 2 3 4 5 6 7 8 9; do echo "$i" >"$path/many/$i"; done
printf 'file' >"$store/$digest-file"
ln -s package "$store/$digest-link"
for at in "$store"/*; do
    nix-store --dump "$at" >nar
    printf '/nix/store/%s\n%s\n%s\n\n1\n/nix/store/%s-file\n' "${at##*/}" "$(sha256sum nar | cut -c 1-64)" \
        "$(wc -c <nar)" "$digest"
done >manifest
for compression in zstd:1 gzip:1 lz4 xz:0; do
    "$REGD_BUILD" squashfs --root root --registration manifest -q --signatures --compression "$compression" -o "corpus/$compression" ||
        bail "no image of $compression can be made"
done
cp -a "$store" tree && chmod -R u+w tree && cp manifest tree/nix-path-registration
mksquash() {
    out=corpus/$1
    shift
    mksquashfs tree "$out" -quiet -no-progress -no-xattrs -all-root "$@" >/dev/null 2>&1 || bail 'mksquashfs fails'
}
mksquash plain -b 4K -noI -noD -noF -noId
mksquash plain-linked -b 4K -noI -noD -noF -noId -no-duplicates
ln tree/$digest-package/a tree/$digest-package/hard && mksquash plain-hard -b 4K -noI -noD -noF -noId -always-use-fragments
mksquash plain-bare -b 8K -noI -noD -noF -noId -no-fragments -no-exports
cp corpus/plain plain

# flip FILE BYTE: another file in the corpus, in which that byte is its complement.
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    cp "$1" "corpus/flip-${1##*/}-$2"
    # shellcheck disable=SC2059  # the number is the format
    printf "\\$(printf '%03o' $((255 - byte)))" | dd of="corpus/flip-${1##*/}-$2" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
size=$(stat -c %s plain)
for at in 4 12 16 20 24 26 32 40 48 56 64 72 80 88; do flip plain "$at"; done
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do flip plain $((size * i / 21)); done

# --- the fuzzer -------------------------------------------------------------------------------------------

largest=$(find corpus -type f -size +0 -exec stat -c %s {} + | sort -n | tail -1)
replay() {
    timeout "$patience" "$programs/replay_image" corpus >log 2>&1
    status=$?
    tail -40 log
    [ "$status" -eq 0 ] && grep -qx "$(find corpus -type f | wc -l) inputs, accepted [1-9][0-9]* times" log
}
claim 'no image that is replayed crashes the reader' replay
make_up() {
    mkdir -p new
    "$programs/fuzz_image" -seed=1 -max_total_time="${FUZZ_SECONDS:-10}" -timeout=120 -rss_limit_mb=2048 -max_len="$largest" \
        -print_final_stats=1 -verbosity=0 new corpus >log 2>&1 || { tail -60 log && false; }
    tail -8 log
    [ "$(sed -n 's/^stat::number_of_executed_units: *//p' log)" -gt "$(find corpus -type f | wc -l)" ]
}
# libFuzzer comes with clang; a build with gcc only replays.
[ ! -x "$programs/fuzz_image" ] || claim 'nor does one that libFuzzer makes up' make_up

finish
