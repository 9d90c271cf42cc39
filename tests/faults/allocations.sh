#!/bin/sh
# allocations.sh — if memory is exhausted at any allocation, is there one sentence, and no half-finished result?
#
# For each verb, on small inputs: each allocation of a library fails in turn (allocations.c), and the address space is limited,
# step by step, until a run succeeds. A run succeeds with the right result, or ends with status 1 and a sentence; what was
# there before is then there still.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [ALLOCATIONS=12] sh tests/faults/allocations.sh
#
# ALLOCATIONS is how many of a verb's allocations are tried, evenly spread, besides the first 24, among those that are the first
# with their call stack; `stacks` tries all of these, `all` each allocation.
# shellcheck disable=SC3045  # every sh of Debian limits the address space
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/verbs.sh disable=SC1091
. tests/verbs.sh
wants cc
cc -O1 -shared -fPIC -o "$SCRATCH/allocations.so" tests/faults/allocations.c || bail 'the library does not compile'
make_machine

# --- allocations ----------------------------------------------------------------------------------------------

# run_failing NUMBER WORD...: the words are those of run_wrapped.
run_failing() {
    prepare
    export FAIL_ALLOCATION="$1"
    shift
    run_wrapped "$job" "$@" >stdout 2>stderr
}

# Known of libarchive 3.6.2, and not to be avoided by whoever makes a tar with it: it ends the process where one of its strings
# finds no memory, be it a name or a member's header (__archive_errx in archive_string.c), by a sentence of its own and with
# status 1; and at one allocation, the filter itself in archive_write_add_filter_zstd, it crashes. Neither the tarball nor the
# tree has its name by then, and the next run removes their drafts.
is_of_libarchive() {
    [ "$job" = tarball ] && [ "$(state)" = "$old" ] || return
    case $1 in
    1) [ "$(cat stderr)" = 'Fatal Internal Error in libarchive: Out of memory' ] ;;
    139) crashes=$((crashes + 1)) && [ "$crashes" -eq 1 ] ;;
    *) false ;;
    esac
}

# chosen: the numbers of the allocations that are to fail. The first are our own, the other thousands those of OpenSSL and SQLite.
chosen() {
    if [ "${ALLOCATIONS:-12}" = all ]; then
        seq "$total"
        return
    fi
    sed -n 's/ first$//p' log >firsts
    step=1
    [ "${ALLOCATIONS:-12}" = stacks ] || step=$(($(wc -l <firsts) / ${ALLOCATIONS:-12} + 1))
    awk -v step="$step" 'NR < 24 || (NR - 24) % step == 0' firsts
}

fail_each() {
    know_job "$1" || return
    rm -f log
    run_failing 0 env "LD_PRELOAD=$SCRATCH/allocations.so" "FAIL_LOG=$SCRATCH/log" || return
    total=$(tail -n 1 log) bad=0 crashes=0
    for number in $(chosen); do
        run_failing "$number"
        status=$?
        # The database is not to blame, nor to be moved away.
        ! grep -q 'SQLite needs more' stderr || status='1, with a wrong cause'
        is_of_libarchive "$status" || check_result "$status" "allocation $number of $total" || bad=$((bad + 1))
    done
    [ "$bad" -eq 0 ]
}

# --- the address space ------------------------------------------------------------------------------------------

limit_each() {
    know_job "$1" || return
    limit=12000 bad=0
    while [ "$limit" -lt 40000000 ]; do
        prepare
        (ulimit -v "$limit" && run_job "$job") >stdout 2>stderr
        status=$?
        # The loader, or the shell that starts it, has no room.
        case $status in
        126 | 127) ;;
        *) check_result "$status" "$limit KiB" || bad=$((bad + 1)) ;;
        esac
        limit=$((limit + limit / 3))
    done
    [ "$bad" -eq 0 ] && [ "$status" -eq 0 ]
}

if is_sanitized; then
    skip 'each failing allocation has a sentence' 'the sanitizer has its own allocator'
    skip 'and so has each limit of the address space' 'the sanitizer needs all of it'
    finish
fi
for job in ${JOBS:-$jobs}; do
    claim "$job: each allocation that fails leaves the old state or the new one, and a sentence" fail_each "$job"
    claim "$job: so does each limit of the address space" limit_each "$job"
done
finish
