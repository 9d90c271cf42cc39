#!/bin/sh
# register_cases.sh — does `regd register` do with each recorded case what Nix did? Does the Nix that is here?
#
# The cases stand in tests/data/cases, with what each version of Nix did and, where regd differs, why. Accepted: the
# rows are those of Nix. Refused: exit status 1, one sentence, and the state directory is what it was.
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
nix_column=$(head -n 1 "$data/versions")
with_nix=
if command -v nix-store >/dev/null; then
    with_nix=yes
    find_nix_column
    private_nix
fi

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

# What never ends is ended by the seconds it computes, which are the same on a busy machine. It is called in a subshell.
limit() {
    # shellcheck disable=SC3045  # every sh of Debian has it
    ulimit -c 0 && ulimit -t "$1"
}

run() {
    limit 20
    "$REGD" register --missing=accept --root "$root" - <"$unpacked/$name.manifest" >"$root/out" 2>"$root/err"
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

# What Nix did, in the word of the cases. Its endless loop takes memory as long as there is any.
nix_word() {
    limit 5
    nix_store_of "$root" --load-db <"$unpacked/$name.manifest" >"$root/out" 2>"$root/err"
    status=$?
    case $status in
    0) echo registers ;;
    1) echo refuses ;;
    134) echo crashes ;;
    137) echo hangs ;;
    *) echo "exit status $status" ;;
    esac
}

nix_does() {
    make_state || return
    mkdir -p "$root"
    word=$(nix_word)
    if [ "$word" != "$1" ]; then
        printf 'Nix: %s\n' "$word"
        cat "$root/out" "$root/err"
        return 1
    fi
    [ "$1" = registers ] && [ -e "$unpacked/$name.rows" ] && [ ! -e "$unpacked/$name.why" ] || return 0
    sqlite3 -batch "$db/db.sqlite" <"$data/rows.sql" >"$root/rows" && diff "$unpacked/$name.rows" "$root/rows"
}

awk -v into="$unpacked" -v nix="$nix_column" -f "$data/unpack.awk" "$data"/register/*.cases >"$SCRATCH/list" ||
    bail 'the cases cannot be read'

while read -r name verdict recorded files; do
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
    root=$SCRATCH/$name.nix db=$SCRATCH/$name.nix/nix/var/nix/db
    if [ "$with_nix" ]; then
        claim "Nix $recorded $name" nix_does "$recorded"
    else
        skip "Nix $recorded $name" 'Nix is not installed'
    fi
done <"$SCRATCH/list"

finish
