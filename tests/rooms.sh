#!/bin/sh
# rooms.sh — checks that includes lead only downwards, from room to room, and in no circle.
#
# Usage    sh tests/rooms.sh [DIR]     the source tree to check, by default this one
#
# The list of rooms below is the only place that defines the order. A file may include files of its own room and of
# rooms above it in the list. A program may not include another program. Headers may not include each other in a circle.
# (That sources do not call each other in a circle is seen in what is compiled: tests/oracle/rooms.sh.)
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1

order='
schema/base
schema/nix
schema/database
schema/registry
schema/boot
builder/codec
builder/closure
builder/output
builder/ramdisk
builder/reader
builder/image
builder/uki
builder/tree
builder/check
builder/publish
builder/inspect
builder/unpack
builder
regd
units
units/fetch'

pairs=$(mktemp) || exit 1
trap 'rm -f "$pairs"' EXIT

# FILE INCLUDED-FILE, a line each.
# shellcheck disable=SC2016
find schema builder regd units -name '*.[ch]' | LC_ALL=C sort | xargs awk '
    /^#include "(schema|builder|regd|units)\// {
        split($2, word, "\"")
        print FILENAME, word[2]
    }' >"$pairs"
[ "$(wc -l <"$pairs")" -gt 100 ] || {
    echo 'hardly an include was found: this is not the source'
    exit 1
}

status=0
awk -v order="$order" '
    function room(file) {
        sub(/\/[^\/]*$/, "", file)
        return file
    }
    function program(file) {
        sub(/\/.*/, "", file)
        return file
    }
    BEGIN {
        count = split(order, rooms)
        for (i = 1; i <= count; i++)
            place[rooms[i]] = i
    }
    {
        from = room($1)
        to = room($2)
        if (!place[from] || !place[to])
            bad = $1 " includes " $2 ": a room is not in the list"
        else if (place[to] > place[from])
            bad = $1 " includes " $2 ": upwards, from " from " to " to
        else if (program(from) ~ /^(regd|units)$/ && program(to) ~ /^(regd|units|builder)$/ && program(to) != program(from))
            bad = $1 " includes " $2 ": of another program"
        else
            next
        print bad
        failed = 1
    }
    END { exit failed }' "$pairs" || status=1

grep '\.h .*\.h$' "$pairs" | tsort 2>&1 >/dev/null | sed 's/^tsort: -: input contains a loop:/a circle:/; s/^tsort: /  /' |
    grep . && status=1
exit $status
