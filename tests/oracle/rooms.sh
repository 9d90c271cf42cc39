#!/bin/sh
# rooms.sh — do all includes lead downwards, and all calls? Does tests/rooms.sh find an include that does not? Do the unit
# tests mirror the rooms?
#
# Usage    REGD=… SCRATCH=… sh tests/oracle/rooms.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program, in its build directory}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
wants nm gcc

claim 'includes lead downwards, and in no circle' sh tests/rooms.sh

# finds TEXT FILE INCLUDED: with one include more.
finds() {
    rm -rf "$SCRATCH/copy"
    mkdir "$SCRATCH/copy" && cp -r schema builder regd units "$SCRATCH/copy" || return
    printf '#include "%s"\n' "$3" >>"$SCRATCH/copy/$2"
    ! sh tests/rooms.sh "$SCRATCH/copy" >"$SCRATCH/out" && cat "$SCRATCH/out" && grep -qF "$1" "$SCRATCH/out"
}
claim 'one that leads upwards is found' finds upwards builder/codec/compression.h builder/image/plan.h
claim 'so is one from a room to the commands' finds upwards builder/check/verify_image.c builder/command.h
claim 'so is one from the formats to a program' finds upwards schema/nix/hash.c regd/tell.h
claim 'and one of another program' finds 'another program' regd/tell.c builder/image/plan.h
claim 'and a circle of headers' finds 'a circle' schema/nix/hash.h schema/nix/manifest.h
claim 'and a room that nobody knows' finds 'not in the list' schema/nix/hash.c schema/other/x.h

# Of what only joins parts, whole programs are the test.
tested_alone() {
    find schema builder regd units -name '*.c' | grep -vE '^(builder/command(_[a-z]*)?|([a-z]*/)+main)\.c$' | LC_ALL=C sort |
        while read -r file; do
            [ -f "tests/unit/${file%/*}/test_${file##*/}" ] || echo "$file"
        done >"$SCRATCH/alone"
    find tests/unit -name 'test_*.c' | LC_ALL=C sort | while read -r file; do
        tested=${file#tests/unit/}
        tested=${tested%/*}/${tested##*/test_}
        [ -f "$tested" ] || [ -f "${tested%.c}.h" ] || echo "$file"
    done >>"$SCRATCH/alone"
    cat "$SCRATCH/alone"
    [ ! -s "$SCRATCH/alone" ]
}
claim 'every source but commands and main.c has a unit test of its name, and every unit test a source or a header' tested_alone

# --- Calls --------------------------------------------------------------------------------------------------

# Prints the circles of the objects: A uses a function or a variable of B, and B, perhaps by way of others, one of A.
circles() {
    { nm -A "$@" | awk '
        { name = substr($1, 1, index($1, ":") - 1) }
        $(NF - 1) ~ /^[TDBRC]$/ { home[$NF] = name }
        $(NF - 1) == "U" { used[name, $NF] }
        END {
            for (use in used) {
                split(use, word, SUBSEP)
                if (word[2] in home && home[word[2]] != word[1])
                    print word[1], home[word[2]]
            }
        }' | sort | tsort >/dev/null; } 2>&1
}

no_circles() {
    objects=$(find "$(dirname "$REGD")" -name '*.c.o' | grep -E '/[^/]*\.p/(schema|builder|regd|units)_[^/]*$')
    echo "$objects" | wc -l
    [ "$(echo "$objects" | wc -l)" -gt 100 ] || return
    # shellcheck disable=SC2086  # names without blanks
    found=$(circles $objects)
    echo "$found"
    [ -z "$found" ]
}
claim 'no two sources call each other, directly or by way of others' no_circles

found_circle() {
    echo 'int b(void); int a(void); int a(void) { return b(); }' >"$SCRATCH/a.c"
    echo 'int c(void); int b(void); int b(void) { return c(); }' >"$SCRATCH/b.c"
    echo 'int a(void); int c(void); int c(void) { return a(); }' >"$SCRATCH/c.c"
    (cd "$SCRATCH" && gcc -c a.c b.c c.c && [ -z "$(circles a.o b.o)" ] && circles a.o b.o c.o | grep -q loop)
}
claim 'a circle of three is found' found_circle

finish
