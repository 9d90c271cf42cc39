#!/bin/sh
# fuzz.sh — do the parsers give a value or a sentence, whatever they read?
#
# Each target is run on all that the other tests have for it, on what once broke it (tests/data/fuzz/NAME), and where clang
# built it with libFuzzer, for some seconds on what that makes of these. What it finds belongs into tests/data/fuzz/NAME.
#
# Usage    REGD=… SCRATCH=… [FUZZ_SECONDS=10] sh tests/fuzz/fuzz.sh
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
programs=$(dirname "$REGD")/tests
seconds=${FUZZ_SECONDS:-10}

# What a target starts from, besides tests/data/fuzz/NAME.
seeds() {
    case $1 in
    manifest) echo tests/data/manifest ;;
    derivation) echo tests/data/derivation ;;
    esac
}

known() {
    # shellcheck disable=SC2046  # names without blanks, or none
    timeout 300 "$programs/replay_$1" "tests/data/fuzz/$1" $(seeds "$1")
}

# The finding is printed, so that it can be taken from the log.
fresh() {
    corpus=$SCRATCH/$1
    mkdir "$corpus"
    # shellcheck disable=SC2046  # names without blanks, or none
    "$programs/fuzz_$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$corpus." "$corpus" "tests/data/fuzz/$1" $(seeds "$1") >"$SCRATCH/$1.log" 2>&1 && return
    grep -v '^#' "$SCRATCH/$1.log" | tail -n 30
    base64 "$corpus".* 2>/dev/null | head -n 40
    return 1
}

found=
for program in "$programs"/replay_*; do
    case $program in *.p) continue ;; esac
    found=yes
    name=${program##*/replay_}
    claim "$name: all known inputs give a value or a sentence" known "$name"
    if [ -x "$programs/fuzz_$name" ]; then
        claim "$name: so does what libFuzzer makes in $seconds seconds" fresh "$name"
        sed -n "s/^stat::number_of_executed_units: */# $name: new inputs tried: /p" "$SCRATCH/$name.log"
    fi
done
[ "$found" ] || bail 'no fuzz target was built'
finish
