#!/bin/sh
# rooms.sh — checks that includes lead only downwards, from room to room, and in no circle.
#
# Usage    sh tests/rooms.sh [DIR]     the source tree to check, by default this one
#
# The list of rooms below is the only place that defines the order. A file may include files of its own room and of
# rooms above it in the list. A program may not include another program. Neither headers nor parts may include each
# other in a circle; a part is X.c with X.h.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1

order='
schema/base
schema/nix
schema/database
schema/boot
builder/codec
builder/closure
builder/output
builder/ramdisk
builder/reader
builder/image
builder/tree
builder/check
builder/inspect
builder
regd
units'

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
        else if ((from == "regd" || from == "units") && (to == "regd" || to ~ /^builder/ || to == "units") && to != from)
            bad = $1 " includes " $2 ": of another program"
        else
            next
        print bad
        failed = 1
    }
    END { exit failed }' "$pairs" || status=1

grep '\.h .*\.h$' "$pairs" | tsort 2>&1 >/dev/null | sed 's/^tsort: -: input contains a loop:/a circle:/; s/^tsort: /  /' |
    grep . && status=1

# Parts, X.c and X.h, that are halves of one: a header with its state is private to them. The first of a line is the
# one that others use.
#     image_check     a long file of findings is cut by what is looked at
#     inventory       the walk of one path adds to the inventory that is walked
#     tree            its images are a file of their own
#     image_tree      inodes are read into the tree
#     sqlite_jail     the VFS, its files, and the index of their log
#     store_db        opening, guarding and checking need the handle, and it is opened by them
#     error           a sentence is printed escaped (show), also the one that tells that memory (arena) has ended
#     registry        the merge's state has the result in it
whole='
schema/base/error schema/base/show schema/base/arena schema/base/str schema/base/utf8
builder/check/image_check builder/check/image_checking builder/check/image_check_places
builder/image/inventory builder/image/inventory_walk
builder/tree/tree builder/tree/tree_building builder/tree/tree_images
builder/reader/image_tree builder/reader/image_inodes
schema/database/sqlite_jail schema/database/sqlite_jail_file schema/database/sqlite_jail_index
schema/database/store_db schema/database/store_db_check schema/database/store_db_guard schema/database/store_db_open schema/database/store_db_shape
regd/registry regd/merge'

# circles TABLE: those of parts, where the lines of the table count as one part each.
circles() {
    awk -v table="$1" '
        function part(file) {
            sub(/\.[ch]$/, "", file)
            return file in leader ? leader[file] : file
        }
        BEGIN {
            lines = split(table, line, "\n")
            for (i = 1; i <= lines; i++) {
                count = split(line[i], names, " ")
                for (j = 1; j <= count; j++)
                    leader[names[j]] = names[1]
            }
        }
        part($1) != part($2) { print part($1), part($2) }' "$pairs" | sort -u | tsort 2>&1 >/dev/null |
        sed 's/^tsort: -: input contains a loop:/a circle of parts:/; s/^tsort: /  /'
}
circles "$whole" | grep . && status=1
# A line that is not needed any more goes.
echo "$whole" | while read -r first rest; do
    [ -z "$rest" ] || [ -n "$(circles "$(echo "$whole" | grep -v "^$first ")")" ] || echo "$first is in no circle: it needs no line in $0"
done | grep . && status=1
exit $status
