#!/bin/sh
# budgets.sh — does an input that claims more than its bytes pay for cost no more than a sentence?
#
# Each is made here and is small: a description of 40 000 signatures, one of 22 million empty lists, files that are holes,
# a SHA256SUMS that names one file thousands of times. Time and memory are limited while they are read.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/faults/budgets.sh
# shellcheck disable=SC2015,SC2086,SC2317,SC3045  # dash has ulimit -t; `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C

case $REGD in /*) ;; *) REGD=$PWD/$REGD ;; esac
case $REGD_BUILD in /*) ;; *) REGD_BUILD=$PWD/$REGD_BUILD ;; esac
cd "$SCRATCH" || bail "$SCRATCH is not there"

base=00000000000000000000000000000000-x
zeros=$(printf '%064d' 0)
printf '/nix/store/%s\n%s\n1\n\n0\n' "$base" "$zeros" >manifest

# The most that a run may use: processor seconds, and MiB of what is resident.
SECONDS_MOST=30
limited() {
    (ulimit -t $SECONDS_MOST && exec /usr/bin/time -q -f %M -o peak "$@")
}

is_sanitized() {
    grep -q __asan_init "$REGD"
}

# peak_below MIB: the sanitizers take several times as much, so they are not measured.
peak_below() {
    is_sanitized && return
    [ "$(tail -n 1 peak)" -lt $(($1 * 1024)) ] || { echo "peak: $(tail -n 1 peak) KiB" && return 1; }
}

register() {
    rm -rf root && mkdir -p root/nix/store root/nix/var/nix &&
        limited "$REGD" register --root root --missing accept manifest 2>stderr
    status=$?
    cat stderr
    return $status
}

# not_used SENTENCE: the description is not used, the manifest is.
# Where the sanitizers leave no memory for it, that is the sentence.
not_used() {
    register && grep -q '1 of 1 paths registered' stderr &&
        { grep -qF "$1" stderr || { is_sanitized && grep -q 'reserve .* of memory' stderr; }; }
}

# --- Descriptions ------------------------------------------------------------------------------------------

# repeat TEXT COUNT
repeat() {
    yes "$1" | head -n "$2" | tr -d '\n'
}

signatures() {
    {
        printf '{"/nix/store/%s":{"narHash":"sha256:%s","narSize":1,"references":[],"signatures":[' "$base" "$zeros"
        repeat '"a",' 39999
        printf '"a"]}}'
    } >manifest.json
    register && ! grep -q 'not used' stderr && peak_below 64 &&
        "$REGD" dump --root root --json >dumped && [ "$(grep -o '"a"' dumped | wc -l)" -eq 40000 ]
}
claim '40 000 signatures of one path are taken, in time and memory that grow with their number' signatures

bomb() {
    { printf '[' && repeat '[],' 22369621 && printf '[]]'; } >manifest.json
    not_used 'JSON values, and 67108867 bytes may have' && peak_below 128
}
claim '64 MiB of empty lists are refused before they are values' bomb

holes() {
    rm -f manifest.json && truncate -s 1G manifest.json && not_used 'its size: more than' && peak_below 32
}
claim 'a description that is a hole is refused before it is read' holes

large() {
    rm -f manifest.json && truncate -s 2T manifest.json && not_used 'larger than the limit' && peak_below 32
}
claim 'one of 2 TiB, too' large

no_file() {
    rm -f manifest.json && mkdir manifest.json && not_used 'manifest.json'
    status=$?
    rmdir manifest.json
    return $status
}
claim 'one that is a directory is not used' no_file

# --- SHA256SUMS --------------------------------------------------------------------------------------------

sum=$(printf x | sha256sum | cut -c -64)

# refused SENTENCE: the tree is refused by this sentence, which is the only line.
refused() {
    limited "$REGD_BUILD" verify tree >stdout 2>stderr
    status=$?
    cat stdout stderr
    [ $status -eq 1 ] && [ "$(wc -l <stderr)" -eq 1 ] && grep -qF "$1" stderr
}

# sums TEXT...: makes a tree of a file "initrd" and these lines.
sums() {
    rm -rf tree && mkdir tree && printf x >tree/initrd && printf '%s\n' "$@" >tree/SHA256SUMS
}

short_line() {
    for text in x "$sum" "$sum " "$sum  " "$(printf %.60s "$sum")  initrd" "" "\\$sum  a\\nb" "$sum  a/b" "$sum  .."; do
        sums "$sum  initrd" "$text" && refused 'SHA256SUMS: line 2: a SHA-256 in lower case' || return
    done
}
claim 'a line of another shape is refused by its number' short_line

repeated() {
    sums "$sum  initrd" && yes "$sum  initrd" | head -n 14001 >tree/SHA256SUMS && truncate -s 2G tree/initrd &&
        refused "'initrd' is listed on line"
}
claim 'a name that is listed 14 001 times is refused before anything is hashed' repeated

sparse() {
    sums "$sum  initrd" && truncate -s 1T tree/initrd && printf '{' >tree/boot.json && limited "$REGD_BUILD" verify tree 2>stderr
    rm -f tree/boot.json
    cat stderr
    # What is wrong with files is reported with the rest; without a boot.json there is none.
    ! grep -q 'Killed' stderr && [ "$(wc -l <stderr)" -eq 1 ]
}
claim 'a file of 1 TiB of holes is not hashed' sparse

linked() {
    sums "$sum  initrd" && truncate -s 1G tree/initrd && : >tree/SHA256SUMS || return
    i=0
    while [ $i -lt 200 ]; do
        ln tree/initrd "tree/initrd.$i" && echo "$sum  initrd.$i" >>tree/SHA256SUMS || return
        i=$((i + 1))
    done
    refused 'boot.json'
}
claim 'one file under 200 names is hashed once' linked

finish
