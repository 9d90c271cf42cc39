#!/bin/sh
# odd_rows.sh — what becomes of rows that cannot be used, in each command of both programs?
#
# Nix comes across such a row only if it is asked for the path, and works on. So each command works on, too: the rows stay
# as they are, those without a legal path are counted in one warning, and verify lists all of them.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/oracle/odd_rows.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NIX_REMOTE NOTIFY_SOCKET
wants sqlite3 jq
SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"

d=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
a=/nix/store/${d}a-a b=/nix/store/${d}b-b c=/nix/store/${d}c-c
# Of an empty file.
hash=77ac62e2629d8e45f624589c0c8bf99e24b3a722349bf1e79bc186008534e246
root=$SCRATCH/root
db=$root/nix/var/nix/db/db.sqlite
mkdir -p "$root/nix/store" "$root/proc" && touch "$root/proc/cmdline" "$root$a" "$root$b" "$root$c" || bail "$SCRATCH is not empty"
printf '%s\n%s\n112\n\n0\n' "$a" $hash >"$SCRATCH/a"
printf '%s\n%s\n112\n\n1\n%s\n' "$b" $hash "$a" >"$SCRATCH/b"
printf '%s\n%s\n112\n\n1\n%s\n' "$c" $hash "$a" >"$SCRATCH/c"

rows() {
    sqlite3 "$db" "select * from ValidPaths where path not in ('$c'); select * from Refs where referrer not in
        (select id from ValidPaths where path = '$c')"
}

# begin SQL: a and b are registered, signed, at time 7; then the SQL runs.
begin() {
    rm -rf "$root/nix/var"
    "$REGD" register -q --root "$root" --registration-time 7 "$SCRATCH/a" "$SCRATCH/b" &&
        sqlite3 "$db" "update ValidPaths set sigs = 'k:c2ln' where path = '$b'" "$1" && rows >"$SCRATCH/rows"
}

# works WARNINGS NAME... : a command is done, with so many warnings, and has changed no row that was there.
works() {
    wanted=$1
    shift
    "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" || { cat "$SCRATCH/err" && return 1; }
    [ "$(grep -c 'warning: ' "$SCRATCH/err")" -eq "$wanted" ] || { cat "$SCRATCH/err" && return 1; }
    rows | diff "$SCRATCH/rows" -
}

# everything WARNINGS DUMPED: each command in turn; dump prints so many paths.
everything() {
    works "$1" "$REGD_BUILD" manifest --root "$root" "$b" && [ "$(grep -c ^/nix/store/ "$SCRATCH/out")" -eq 3 ] &&
        works "$1" "$REGD_BUILD" squashfs -q --root "$root" "$b" -o "$SCRATCH/image" &&
        works "$1" "$REGD" status --root "$root" &&
        works "$2" "$REGD" dump --root "$root" && ! grep -q "$c" "$SCRATCH/out" &&
        works "$1" "$REGD" dump --root "$root" "$b" &&
        works "$2" "$REGD" dump --json --root "$root" && jq -e --arg b "$b" --argjson count "$3" \
        'length == $count and .[$b].signatures == ["k:c2ln"] and (.[$b] | has("registrationTime") | not)' "$SCRATCH/out" &&
        works "$1" "$REGD" profile set --root "$root" "$b" &&
        works "$1" "$REGD" boot --no-tag --root "$root" "$SCRATCH/b" &&
        works "$1" "$REGD" register --root "$root" "$SCRATCH/c" &&
        [ "$(sqlite3 "$db" "select count(*) from ValidPaths join Refs on id = referrer where path = '$c'")" -eq 1 ] &&
        finds
}

# The finding has the row's number.
finds() {
    ! "$REGD" verify --root "$root" >"$SCRATCH/out" 2>"$SCRATCH/err" &&
        grep -q "^odd row: $finding" "$SCRATCH/out" && grep -q 'in the database: 1 odd row$' "$SCRATCH/err" ||
        { cat "$SCRATCH/out" "$SCRATCH/err" && return 1; }
}

# odd PATH NAME
odd() {
    finding='ValidPaths (3): '
    begin "insert into ValidPaths values (3, $1, 'sha256:$hash', 1, null, 112, null, null, null)" && everything 1 1 2
}
claim 'a row of another store' odd "'/foo$c'"
claim 'a row of which the path is the store' odd "'/nix/store'"
claim 'one with an empty name' odd "'/nix/store/'"
claim 'one with an empty path' odd "''"
claim 'one with a digest and no name' odd "'/nix/store/${d}e-'"
claim 'one with a short digest' odd "'/nix/store/aa-a'"
claim 'one with a name that has a space' odd "'$c c'"
claim 'one inside a path' odd "'$a/b'"
claim 'one with a NUL in it' odd "'$c' || char(0)"
claim 'one that is a blob' odd "cast('$a/b' as blob)"
claim 'one that is a number' odd 7

# Of these nobody is told who does not need them.
other() {
    finding=$2
    begin "$1" && everything 0 "$3" "$4"
}
row="insert into ValidPaths values (3, '/nix/store/${d}f-f',"
claim 'a row without a readable hash' other "$row 'x', 1, null, 112, null, null, null)" 'ValidPaths (3): ' 1 2
claim 'one with a deriver of another store' other "$row 'sha256:$hash', 1, '/foo/bar', 112, null, null, null)" 'ValidPaths (3): ' 1 2
claim 'references of no path' other 'insert into Refs values (98, 1)' 'Refs (98, 1): ' 0 2
claim 'outputs of no derivation' other "insert into DerivationOutputs values (98, 'out', '$a')" 'DerivationOutputs (98, out): ' 0 2

needed() {
    begin "update ValidPaths set hash = 'x' where path = '$a'" || return
    for command in "$REGD_BUILD manifest" "$REGD dump"; do
        # shellcheck disable=SC2086  # two words
        ! $command --root "$root" "$a" >"$SCRATCH/out" 2>"$SCRATCH/err" && [ ! -s "$SCRATCH/out" ] &&
            grep -q "the database row of ${a##*/}: " "$SCRATCH/err" || { cat "$SCRATCH/err" && return 1; }
    done
}
claim 'if the path of an odd row is named, the row is refused by that name' needed
refers() {
    begin "insert into ValidPaths values (3, '/foo/bar', 'sha256:$hash', 1, null, 112, null, null, null); insert into Refs values (2, 3)" &&
        ! "$REGD_BUILD" manifest --root "$root" "$b" >"$SCRATCH/out" 2>"$SCRATCH/err" && [ ! -s "$SCRATCH/out" ] &&
        grep -q "the database row of ${b##*/}: '/foo/bar' " "$SCRATCH/err"
}
claim 'so is one that refers to a path of another store' refers
finish
