#!/bin/sh
# register_cases.sh — does `regd register` do with each recorded case what Nix did?
#
# The cases stand in tests/data/cases, with what Nix did and, where regd differs, why. Accepted: the rows are those
# of Nix. Refused: exit status 1, one sentence, and the state directory is what it was.
#
# Usage    REGD=… SCRATCH=… sh tests/oracle/register_cases.sh [CASE...]
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C

data=$PWD/tests/data/cases
SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
unpacked=$SCRATCH/unpacked
mkdir "$unpacked" || bail "$SCRATCH is not empty"
wants sqlite3

# Makes the state before the case, in $root.
make_state() {
    mkdir -p "$root/nix/store"
    file=0
    while [ "$file" -lt "$files" ]; do
        file=$((file + 1))
        read -r place <"$unpacked/$name.file$file.path"
        mkdir -p "$root${place%/*}"
        cp "$unpacked/$name.file$file" "$root$place"
    done
    if [ -e "$unpacked/$name.before" ]; then
        while read -r place word target; do
            mkdir -p "$root${place%/*}"
            case $word in
            '->') ln -s "$target" "$root$place" ;;
            is) mkdir "$root$place" ;;
            esac
        done <"$unpacked/$name.before"
    fi
    [ -e "$unpacked/$name.sql" ] || return 0
    mkdir -p "$db/made"
    sed -e "s|^\\.schema10\$|.read $data/schema10.sql|" \
        -e 's|^\.hot$|.shell cp db.sqlite db.sqlite-wal ..|' "$unpacked/$name.sql" |
        (cd "$db/made" && sqlite3 -bail -batch db.sqlite >/dev/null) || return
    [ -e "$db/db.sqlite" ] || mv "$db/made/db.sqlite" "$db/"
    rm -r "$db/made"
}

# All that is in the state directory, but for the lock and empty directories.
state() {
    [ ! -d "$root/nix" ] || (cd "$root/nix" && find . ! -type d ! -name big-lock -exec cksum {} + | sort -k 3)
}

run() {
    timeout 20 "$REGD" register --missing=accept --root "$root" - <"$unpacked/$name.manifest" >"$root/out" 2>"$root/err"
    status=$?
}

print() {
    printf 'exit status %d\n' "$status"
    cat "$root/out" "$root/err"
}

registers() {
    make_state && run
    if [ "$status" -ne 0 ] || [ -s "$root/out" ]; then
        print
        return 1
    fi
    sqlite3 -batch "$db/db.sqlite" <"$data/rows.sql" >"$root/rows" &&
        diff "$unpacked/$name.rows" "$root/rows" &&
        [ "$(sqlite3 "$db/db.sqlite" 'pragma integrity_check; pragma foreign_key_check')" = ok ] &&
        [ "$(sed "s|^+||" "$db/schema")" = 10 ]
}

refuses() {
    make_state
    state >"$root.before"
    run
    state >"$root.after"
    if [ "$status" -ne 1 ] || [ -s "$root/out" ] || [ "$(wc -l <"$root/err")" -ne 1 ] ||
        ! grep -aq '^regd: .' "$root/err"; then
        print
        return 1
    fi
    diff "$root.before" "$root.after"
}

awk -v into="$unpacked" -f "$data/unpack.awk" "$data"/register/*.cases >"$SCRATCH/list" ||
    bail 'the cases cannot be read'

while read -r name verdict files; do
    case " $* " in
    '  ' | *" $name "*) ;;
    *) continue ;;
    esac
    root=$SCRATCH/$name db=$SCRATCH/$name/nix/var/nix/db
    text=
    [ ! -e "$unpacked/$name.note" ] || read -r text <"$unpacked/$name.note"
    case $verdict in
    registers | refuses) claim "regd $verdict $name${text:+: $text}" "$verdict" ;;
    *) bail "case $name does not say what regd does" ;;
    esac
done <"$SCRATCH/list"

finish
