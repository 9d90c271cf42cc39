#!/bin/sh
# registration_time.sh — `regd register --registration-time`: is the database of an image the same every time, and equal
# to Nix's for the same manifest with the times set by hand, as builders of container images do?
#
# Usage    REGD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/registration_time.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET JOURNAL_STREAM

wants nix-store sqlite3
find_store
private_nix
manifest=$SCRATCH/manifest
# shellcheck disable=SC2046  # store paths have no spaces
nix_store_of "$store" --dump-db $(nix_store_of "$store" -qR "$toplevel") >"$manifest" 2>"$SCRATCH/err" ||
    bail "Nix cannot dump $store"
# What the system refers to, and what that needs, is registered first.
# shellcheck disable=SC2046
nix_store_of "$store" --dump-db $(nix_store_of "$store" -qR "$(nix_store_of "$store" -q --references "$toplevel" | head -n 1)") \
    >"$SCRATCH/first" 2>"$SCRATCH/err" || bail "Nix cannot dump $store"

# make_image NAME: an unpacked image.
make_image() {
    mkdir -p "$SCRATCH/$1/nix"
    cp -al "$store/nix/store" "$SCRATCH/$1/nix/"
}
register() {
    image=$SCRATCH/$1
    shift
    "$REGD" register -q --root "$image" "$@"
}
# All below the state directory: names, modes, sizes, contents.
state() {
    (cd "$SCRATCH/$1/nix/var" && find . -printf '%p %y %m %s %l\n' | sort && find . -type f -exec cksum {} + | sort -k 3)
}
# Every table as it is, ids and times included.
rows() {
    sqlite3 "$SCRATCH/$1/nix/var/nix/db/db.sqlite" 'select * from ValidPaths order by id;
        select * from Refs order by 1, 2; select * from DerivationOutputs order by 1, 2; select * from sqlite_sequence'
}

# twice LOADER
twice() {
    make_image "$1-1" && register "$1-1" --loader="$1" --registration-time 1 "$manifest" && state "$1-1" >"$SCRATCH/state" || return
    sleep 1.1
    make_image "$1-2" && register "$1-2" --loader="$1" --registration-time 1 "$manifest" && state "$1-2" | diff "$SCRATCH/state" - &&
        cmp "$SCRATCH/$1-1/nix/var/nix/db/db.sqlite" "$SCRATCH/$1-2/nix/var/nix/db/db.sqlite"
}
claim 'a new database that is written as a file is the same twice, byte for byte, and so is all beside it' twice file
claim 'so is one that SQLite makes' twice sql

added() {
    for each in added-1 added-2; do
        make_image "$each" && register "$each" --registration-time 1 "$SCRATCH/first" &&
            register "$each" --registration-time 2 "$manifest" || return
        sleep 1.1
    done
    rows added-1 >"$SCRATCH/rows" && rows added-2 | diff "$SCRATCH/rows" - &&
        cmp "$SCRATCH/added-1/nix/var/nix/db/db.sqlite" "$SCRATCH/added-2/nix/var/nix/db/db.sqlite" &&
        [ "$(cut -d '|' -f 4 "$SCRATCH/rows" | grep -cx 1)" -ge 1 ] && [ "$(cut -d '|' -f 4 "$SCRATCH/rows" | grep -cx 2)" -ge 2 ]
}
claim 'one that is added to is the same twice, and paths keep the time of their registration' added

# What dockerTools does by hand, with Nix.
by_nix() {
    make_image nix && nix_store_of "$SCRATCH/nix" --load-db <"$manifest" &&
        sqlite3 "$SCRATCH/nix/nix/var/nix/db/db.sqlite" 'update ValidPaths set registrationTime = 1' &&
        rows nix >"$SCRATCH/rows" && [ -s "$SCRATCH/rows" ] && rows file-1 | diff "$SCRATCH/rows" - && rows sql-1 | diff "$SCRATCH/rows" -
}
claim 'its rows, ids and times included, are those of nix-store --load-db with the times set to 1' by_nix

nix_reads() {
    nix_store_of "$SCRATCH/file-1" --verify --check-contents &&
        nix_store_of "$SCRATCH/file-1" --dump-db >"$SCRATCH/dumped" && sort "$manifest" >"$SCRATCH/sorted" &&
        sort "$SCRATCH/dumped" | cmp - "$SCRATCH/sorted"
}
claim 'Nix verifies that image, and dumps what the manifest says' nix_reads

# The file format has integers of one to eight bytes.
reaches() {
    for seconds in 0 1 127 128 65535 2147483647 2147483648 4294967296 253402300799; do
        make_image "$seconds" && register "$seconds" --registration-time "$seconds" "$manifest" &&
            [ "$(sqlite3 "$SCRATCH/$seconds/nix/var/nix/db/db.sqlite" 'pragma integrity_check;
                select distinct registrationTime from ValidPaths')" = "ok
$seconds" ] || return
    done
}
claim 'times from 0 to the year 9999 are written' reaches

refuses() {
    make_image refused
    for seconds in '' x -1 1.5 0x10 253402300800 18446744073709551617 ' 1'; do
        register refused --registration-time "$seconds" "$manifest" 2>"$SCRATCH/err"
        status=$?
        echo "'$seconds': $status"
        cat "$SCRATCH/err"
        [ "$status" -eq 2 ] && grep -qF -- "--registration-time: '$seconds'" "$SCRATCH/err" &&
            [ ! -e "$SCRATCH/refused/nix/var" ] || return
    done
}
claim 'what is no time is a wrong command line' refuses

finish
