#!/bin/sh
# fuzz.sh — do the parsers return a value or a sentence, whatever they read?
#
# Usage    REGD=… SCRATCH=… [FUZZ_SECONDS=2] sh tests/fuzz/fuzz.sh     as a test of the suite
#          tests/fuzz/fuzz.sh HOURS [TARGET...]                          the long run
#
# As a test: each target is run on its corpus, tests/fuzz/corpus/NAME, and on all that other tests have for it, some of which it
# must accept; and where clang built it with libFuzzer, for some seconds on what that makes of these: always the same, so that
# the suite gives the same answer twice. New inputs are the long run's.
#
# The long run builds by itself, in build/fuzz, and gives each target its share of the hours, one after the other. They are
# hours of a processor, so on a busy machine the run takes longer, and does as much. What a target has found is kept in
# build/fuzz/corpus for the next run; the smallest set of inputs that reaches as much of the code is put into
# tests/fuzz/corpus, as far as it is small. A table is printed:
#
#   target  executions  cpu-seconds  inputs  bytes  lines  crashes
#
# `inputs` and `bytes` are those of tests/fuzz/corpus/NAME; `lines` is the part of the lines that these reach in the sources whose
# headers the target includes. A crash, a time-out or a leak is in build/fuzz/crashes: mend it, and put it into the corpus.
set -u

# What a target starts from, besides its corpus.
seeds() {
    case $1 in
    manifest) echo tests/data/manifest ;;
    derivation) echo tests/data/derivation ;;
    esac
}

# Both times are those of the clock. The time-out is for what never ends: with the lowest priority on a busy machine, anything
# takes long.
# run_fuzzer PROGRAM NAME SECONDS CRASHES NEW-CORPUS [MORE...]
run_fuzzer() {
    program=$1 name=$2 time=$3 crashes=$4
    shift 4
    # shellcheck disable=SC2046  # names without blanks, or none
    "$program" -max_total_time="$time" -timeout=120 -rss_limit_mb=3000 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$crashes" "$@" "tests/fuzz/corpus/$name" $(seeds "$name")
}

# --- as a test ---------------------------------------------------------------------------------------------

known() {
    # shellcheck disable=SC2046  # names without blanks, or none
    timeout "$patience" "$programs/replay_$1" "tests/fuzz/corpus/$1" $(seeds "$1") >"$SCRATCH/known" &&
        ! grep ' accepted 0 times' "$SCRATCH/known"
}

# The finding is printed, so that it can be taken from the log.
fresh() {
    corpus=$SCRATCH/$1
    mkdir "$corpus"
    run_fuzzer "$programs/fuzz_$1" "$1" "$seconds" "$corpus." -seed=1 "$corpus" >"$SCRATCH/$1.log" 2>&1 && return
    grep -e '^it does not hold' -e '^SUMMARY' -e '^    #[0-9]* .* in [a-z]' "$SCRATCH/$1.log" | head -n 14
    base64 -w 300 "$corpus".* 2>/dev/null | head -n 24
    return 1
}

test_all() {
    : "${REGD:?the program}" "${SCRATCH:?an empty directory}"
    # shellcheck source=tests/tap.sh disable=SC1091
    . tests/tap.sh
    programs=$(dirname "$REGD")/tests
    seconds=${FUZZ_SECONDS:-2}
    export TMPDIR="$SCRATCH"
    found=
    for program in "$programs"/replay_*; do
        case $program in *.p) continue ;; esac
        found=yes
        name=${program##*/replay_}
        claim "$name: all known inputs give a value or a sentence, and some a value" known "$name"
        if [ -x "$programs/fuzz_$name" ]; then
            claim "$name: so does what libFuzzer makes in $seconds seconds" fresh "$name"
            sed -n "s/^stat::number_of_executed_units: */# $name: new inputs tried: /p" "$SCRATCH/$name.log"
        fi
    done
    [ "$found" ] || bail 'no fuzz target was built'
    finish
}

# --- the long run ------------------------------------------------------------------------------------------

# A corpus in the repository has no more than this.
corpus_bytes_max=100000
corpus_inputs_max=60
crashes_max=5

build_all() {
    sanitized=$work/sanitized covered=$work/covered
    [ -f "$sanitized/build.ninja" ] || CC=clang meson setup --native-file tests/dev.ini \
        -Db_sanitize=address,undefined -Db_lundef=false "$sanitized" || return
    [ -f "$covered/build.ninja" ] || CC=clang meson setup --native-file tests/dev.ini \
        -Dc_args='-fprofile-instr-generate -fcoverage-mapping' -Dc_link_args=-fprofile-instr-generate "$covered" || return
    # shellcheck disable=SC2046  # names of targets
    ninja -C "$sanitized" $(printf 'tests/fuzz_%s ' "$@") &&
        ninja -C "$covered" $(printf 'tests/replay_%s ' "$@")
}

targets() {
    for target in tests/fuzz/fuzz_*.c; do
        target=${target##*/fuzz_}
        echo "${target%.c}"
    done
}

# The sources of the headers that a target includes, as a list for jq.
covered_sources() {
    sed -n 's,^#include "\(.*\)\.h"$,\1.c,p' "tests/fuzz/fuzz_$1.c" | grep -v -e '^tests/' -e '^schema/base/own' |
        while read -r source; do
            [ -f "$source" ] && printf '"/%s"\n' "$source"
        done | paste -s -d ,
}

# "87.5%", of the lines that the corpus reaches.
measure_lines() {
    rm -f "$work/$1.profraw"
    LLVM_PROFILE_FILE=$work/$1.profraw "$covered/tests/replay_$1" "tests/fuzz/corpus/$1" >/dev/null &&
        llvm-profdata merge -o "$work/$1.profdata" "$work/$1.profraw" || return
    llvm-cov export "$covered/tests/replay_$1" -instr-profile="$work/$1.profdata" -summary-only |
        jq -r --argjson wanted "[$(covered_sources "$1")]" '
            [.data[0].files[] | select(.filename as $name | $wanted | any(. as $source | $name | endswith($source)))
                | .summary.lines] | (map(.covered) | add) * 1000 / (map(.count) | add) | floor / 10 | "\(.)%"'
}

corpus_bytes() {
    find "$1" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }'
}

# What the seeds, which have names, do not reach: the smallest set that does, the smallest of it first; what is too much is
# left out.
keep_corpus() {
    corpus=tests/fuzz/corpus/$1
    rm -rf "$own/merged" && mkdir "$own/merged"
    find "$corpus" -type f -regextype egrep -regex '.*/[0-9a-f]{40}' -exec mv {} "$work/corpus/$1" ';'
    find "$corpus" -type f -exec cp {} "$own/merged" ';'
    "$sanitized/tests/fuzz_$1" -set_cover_merge=1 -timeout=120 -rss_limit_mb=3000 "$own/merged" "$work/corpus/$1" \
        >"$work/$1.merge.log" 2>&1
    find "$own/merged" -type f -size +0 -regextype egrep -regex '.*/[0-9a-f]{40}' -printf '%s %f\n' | sort -n |
        awk -v bytes="$corpus_bytes_max" -v count="$corpus_inputs_max" \
            -v sum="$(corpus_bytes "$corpus")" '(sum += $1) <= bytes && NR <= count { print $2 }' |
        while read -r file; do
            cp "$own/merged/$file" "$corpus/$file"
        done
}

# A crash ends the fuzzer, and on a busy machine the clock is ahead of the processor: it is started again until its time is
# used, or there are many crashes.
fuzz_on() {
    count_cpu_seconds "$own/times"
    until=$((cpu_seconds + seconds))
    while [ "$cpu_seconds" -lt "$until" ] && [ "$(find "$work/crashes" -name "$1.*" | wc -l)" -lt "$crashes_max" ]; do
        run_fuzzer "$sanitized/tests/fuzz_$1" "$1" $((until - cpu_seconds)) "$work/crashes/$1." "$work/corpus/$1"
        # It could not be started.
        [ $? -lt 126 ] || return
        count_cpu_seconds "$own/times"
    done
}

print_row() {
    printf '%-24s %12s %12s %8s %8s %7s %8s\n' "$@"
}

run_target() {
    mkdir -p "$work/corpus/$1" "$work/crashes" "tests/fuzz/corpus/$1"
    count_cpu_seconds "$own/times" && before=$cpu_seconds
    fuzz_on "$1" >"$work/$1.log" 2>&1
    count_cpu_seconds "$own/times"
    keep_corpus "$1"
    executions=$(awk '/^stat::number_of_executed_units:/ { sum += $2 } END { print sum + 0 }' "$work/$1.log")
    print_row "$1" "$executions" $((cpu_seconds - before)) \
        "$(find "tests/fuzz/corpus/$1" -type f | wc -l)" \
        "$(corpus_bytes "tests/fuzz/corpus/$1")" \
        "$(measure_lines "$1")" "$(find "$work/crashes" -name "$1.*" | wc -l)"
}

run_all() {
    # shellcheck source=tests/cpu.sh disable=SC1091
    . tests/cpu.sh
    work=$PWD/build/fuzz
    hours=$1
    shift
    # shellcheck disable=SC2046  # names without blanks
    [ $# -gt 0 ] || set -- $(targets)
    mkdir -p "$work"
    build_all "$@" >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log" && exit 1; }
    seconds=$(awk -v hours="$hours" -v count=$# 'BEGIN { print int(hours * 3600 / count) }')
    [ "$seconds" -gt 0 ] || { echo "$0: HOURS is a number, of at least a second for each target" >&2 && exit 2; }
    renice -n 19 $$ >/dev/null
    # Of this run alone: when another one that works beside it ends, a target's directory must not vanish.
    own=$(mktemp -d "$work/run.XXXXXX") || exit 1
    trap 'rm -rf "$own"' EXIT
    trap 'exit 1' HUP INT TERM
    export TMPDIR="$own"
    print_row target executions cpu-seconds inputs bytes lines crashes
    for target; do
        run_target "$target"
    done
    [ -z "$(find "$work/crashes" -type f)" ]
}

case ${1:-} in
'') test_all ;;
*) cd "$(dirname "$0")/../.." && run_all "$@" ;;
esac
