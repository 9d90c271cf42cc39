#!/bin/sh
# many_findings.sh — a store or an image with more faults than anybody reads: are all counted, and only so many kept?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/faults/many_findings.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C

for program in REGD REGD_BUILD; do
    eval "case \$$program in /*) ;; *) $program=\$PWD/\$$program ;; esac"
done
make=$(dirname "$REGD")/tests/make_manifest
cd "$SCRATCH" || bail "$SCRATCH is not there"
wants jq mksquashfs
kept=10000 # FINDINGS_KEPT_MAX

# measured COMMAND...: sets status, and peak in KiB; with the sanitizers, which take memory of their own, that is 0.
measured() {
    env time -q -f %M -o peak "$@" >stdout 2>stderr
    status=$?
    peak=$(tail -n 1 peak)
    ! grep -q __asan_init "$REGD" || peak=0
    head -n 2 stderr
}
have time 'many findings' || finish

# listed KIND ALL COMMAND...: status 1; of a kind so many lines, with a line on the others; the sum counts all of them.
listed() {
    kind=$1 all=$2
    shift 2
    measured "$@"
    echo "$(grep -c "^$kind: " stdout) lines of $(wc -l <stdout), $peak KiB"
    tail -n 1 stdout
    [ "$status" -eq 1 ] && [ "$(grep -c "^$kind: " stdout)" -ge "$kept" ] &&
        [ "$(wc -l <stdout)" -le $((kept + 10)) ] && grep -q "$((all - kept))" stdout && grep -q "$all $kind" stderr
}

# counted KIND ALL COMMAND...: the same in JSON.
counted() {
    kind=$1 all=$2
    shift 2
    measured "$@" --json
    [ "$status" -eq 1 ] && jq -e --arg kind "$kind" --argjson kept "$kept" --argjson all "$all" \
        '(.[$kind] | length) == $kept and .omitted[$kind] == $all - $kept' stdout
}

# --- A store: registered paths that are not there -----------------------------------------------------------------

missing() {
    rm -rf root && mkdir -p root/nix/store && "$make" "$1" >manifest &&
        "$REGD" register -q --root root --missing=accept manifest || return
    listed missing "$1" "$REGD" verify --root root && counted missing "$1" "$REGD" verify --root root
}
no_more_memory() {
    missing 20000 || return
    less=$peak
    missing 60000 || return
    echo "20000: $less KiB, 60000: $peak KiB"
    # What is known of 40 000 paths takes 0.6 KiB each, here and in the registration; their findings would take half of that again.
    [ $((peak - less)) -le $((40000 * 6 / 10)) ]
}
claim 'regd verify counts 60 000 missing paths, keeps 10 000, and takes no memory for the others' no_more_memory

strays() {
    rm -rf root && mkdir -p root/nix/store && "$make" 1 >manifest && "$REGD" register -q --root root --missing=accept manifest || return
    (cd root/nix/store && seq -f '00000000000000000000000000000000-%.0f' 12000 | xargs mkdir) && counted strays 12000 "$REGD" verify --root root
}
claim 'and 12 000 paths that are not registered' strays

# in_order COMMAND...: with both streams in one file, each line is whole, and the sum is behind what it counts.
in_order() {
    "$@" >stdout 2>stderr
    "$@" >log 2>&1
    [ "$(wc -l <stdout)" -ge "$kept" ] && [ "$(wc -l <stderr)" -eq 1 ] && cat stdout stderr | cmp - log
}
claim 'the sum is not written into the middle of a finding' in_order "$REGD" verify --root root

# --- An image: files with other attributes than Nix gives them -----------------------------------------------------

base=00000000000000000000000000000000-many
make_image() {
    mkdir -p "image.root/$base" && (cd "image.root/$base" && seq "$1" | xargs touch) || return
    printf '/nix/store/%s\n%064d\n1\n\n0\n' "$base" 0 >image.root/nix-path-registration
    rm -f image && mksquashfs image.root image -quiet -no-progress -all-root -all-time 7 >/dev/null
}
image() {
    make_image "$1" || return
    # The files, their directory, the root and the manifest.
    listed metadata $(($1 + 3)) "$REGD_BUILD" verify image && counted metadata $(($1 + 3)) "$REGD_BUILD" verify image
}
claim 'regd-build verify counts 12 003 files of another time, and keeps 10 000' image 12000
claim 'nor is it there' in_order "$REGD_BUILD" verify image
finish
