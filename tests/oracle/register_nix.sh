#!/bin/sh
# register_nix.sh — does `regd register` on a real store what `nix-store --load-db` does, and does Nix work on it?
#
# Nix runs beside regd, on a store of its own. The claims about disks and mounts need root; without, they are
# skipped by name.
#
# Usage    REGD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/register_nix.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"

# Some claims need mounts: run in a mount namespace of our own, where one can be had.
if [ -z "${REGISTER_NIX_MOUNTS-}" ]; then
    export REGISTER_NIX_MOUNTS=none
    for flags in -m -rm; do
        if unshare "$flags" mount -t tmpfs none "$SCRATCH" 2>/dev/null; then
            REGISTER_NIX_MOUNTS=private exec unshare "$flags" sh "$0" "$@"
        fi
    done
fi

# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C

wants nix-store sqlite3
find_store
rows_sql=$PWD/tests/data/cases/rows.sql

# Nix, with nothing of the host's configuration.
mkdir "$SCRATCH/conf" "$SCRATCH/home" || bail "$SCRATCH is not empty"
printf 'build-users-group =\nsubstitute = false\nexperimental-features = nix-command\n' >"$SCRATCH/conf/nix.conf"
nix() {
    env -u NIX_REMOTE -u NIX_STORE_DIR -u NIX_STATE_DIR HOME="$SCRATCH/home" NIX_CONF_DIR="$SCRATCH/conf" \
        NIX_USER_CONF_FILES=/dev/null "$@"
}
nix_store() {
    nix_root=$1
    shift
    nix nix-store --store "$nix_root" "$@"
}
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR

# --- what is used over and over ---------------------------------------------------------------------

# A root whose store has the fixture's paths and whose database is not there. Files are hard links.
make_root() {
    mkdir -p "$1/nix"
    cp -al "$store/nix/store" "$1/nix/"
    chmod u+w "$1/nix/store"
}

db() {
    printf '%s/nix/var/nix/db/db.sqlite' "$1"
}

# The rows of a database, without ids.
rows() {
    sqlite3 -batch "$(db "$1")" <"$rows_sql"
}

# All rows with their ids.
rows_and_ids() {
    rows "$1"
    sqlite3 "$(db "$1")" 'select id, path from ValidPaths order by path; select * from Refs order by 1, 2;
        select * from DerivationOutputs order by 1, 2; select * from sqlite_sequence'
}

integrity() {
    [ "$(sqlite3 "$(db "$1")" 'pragma integrity_check; pragma foreign_key_check')" = ok ]
}

register() {
    register_root=$1
    shift
    "$REGD" register --quiet --root "$register_root" "$@"
}

# refused STATUS COMMAND...: ends with that status and one sentence on standard error alone.
refused() {
    wanted=$1
    shift
    out=$("$@" 2>"$SCRATCH/refused" </dev/null)
    status=$?
    cat "$SCRATCH/refused"
    if [ "$status" -ne "$wanted" ] || [ "$out" ] || [ "$(wc -l <"$SCRATCH/refused")" -ne 1 ] ||
        ! grep -q '^regd: .' "$SCRATCH/refused"; then
        printf 'exit status %d, standard output: %s\n' "$status" "$out"
        return 1
    fi
}

# All that a tree is: names, types, modes, link targets, contents, and the times of all but directories, which
# change when SQLite opens a database.
tree() {
    (cd "$1" && find . -type d -printf '%p %m\n' -o -printf '%p %y %m %l %T@\n' | sort &&
        find . -type f -exec cksum {} + | sort -k 3)
}

manifest=$SCRATCH/manifest
nix_store "$store" --dump-db >"$manifest" 2>"$SCRATCH/nix.err" || bail "Nix cannot dump $store"
count=$(grep -c '^[0-9a-f]\{64\}$' "$manifest")

find_nix_column

# --- the same rows ----------------------------------------------------------------------------------

fresh=$SCRATCH/fresh
by_nix=$SCRATCH/by-nix
make_root "$fresh"
make_root "$by_nix"

same_rows() {
    register "$fresh" "$manifest" && nix_store "$by_nix" --load-db <"$manifest" &&
        rows_and_ids "$fresh" >"$SCRATCH/rows.regd" && rows_and_ids "$by_nix" >"$SCRATCH/rows.nix" &&
        [ "$(grep -c '^path ' "$SCRATCH/rows.nix")" -eq "$count" ] && grep -q '^output ' "$SCRATCH/rows.nix" &&
        diff "$SCRATCH/rows.nix" "$SCRATCH/rows.regd" && integrity "$fresh"
}
claim "a fresh database holds the rows that Nix makes of the same manifest, ids included ($count paths)" same_rows

# Nix 2.34 makes no link gcroots/profiles, which older ones need.
not_made='^$'
case $nix_column in 2.34.*) not_made='^\./nix/gcroots/profiles ' ;; esac
same_layout() {
    for root in "$by_nix" "$fresh"; do
        (cd "$root/nix/var" && find . -printf '%p %y %m %l\n' | sed "s| $root/| /|" |
            grep -Ev ' f |-(wal|shm)|/per-user/root' | grep -v "$not_made" | sort) >"$SCRATCH/layout"
        [ -e "$SCRATCH/layout.nix" ] || cp "$SCRATCH/layout" "$SCRATCH/layout.nix"
    done
    diff "$SCRATCH/layout.nix" "$SCRATCH/layout" &&
        [ "$(cat "$fresh/nix/var/nix/db/schema")" = 10 ] && [ "$(wc -c <"$fresh/nix/var/nix/db/schema")" -eq 2 ] &&
        (cd "$fresh/nix/var/nix/db" && [ "$(stat -c '%n %a' big-lock db.sqlite schema | tr '\n' ' ')" = \
            'big-lock 600 db.sqlite 644 schema 644 ' ] && [ -z "$(find . -name '.*.draft')" ])
}
claim 'directories, modes and the schema file are as Nix leaves them' same_layout

# 2 000 paths with some ten references each, and names that tell nothing.
big_manifest() {
    awk 'BEGIN {
        digits = "0123456789abcdfghijklmnpqrsvwxyz"
        srand(1)
        for (i = 0; i < 2000; i++) {
            text = ""
            for (j = 0; j < 32; j++)
                text = text substr(digits, int(rand() * 32) + 1, 1)
            name[i] = "/nix/store/" text "-package-" i
        }
        for (i = 0; i < 2000; i++) {
            printf "%s\n%064x\n%d\n", name[i], i, i * 4096
            print i % 3 ? "" : substr(name[i], 1, 43) "-package.drv"
            list = i % 7 == 0 ? name[i] "\n" : ""
            number = i % 7 == 0
            split("", seen)
            for (j = 0; j < 10 && i > 0; j++) {
                other = int(rand() * i)
                if (!(other in seen)) {
                    seen[other]
                    list = list name[other] "\n"
                    number++
                }
            }
            printf "%d\n%s", number, list
        }
    }'
}
same_many() {
    big_manifest >"$SCRATCH/big"
    mkdir -p "$SCRATCH/big-nix/nix/store" "$SCRATCH/big-regd/nix/store"
    register "$SCRATCH/big-regd" --missing=accept "$SCRATCH/big" &&
        nix_store "$SCRATCH/big-nix" --load-db <"$SCRATCH/big" &&
        rows_and_ids "$SCRATCH/big-nix" >"$SCRATCH/rows.nix" &&
        rows_and_ids "$SCRATCH/big-regd" >"$SCRATCH/rows.regd" &&
        [ "$(grep -c '^path ' "$SCRATCH/rows.nix")" -eq 2000 ] &&
        cmp "$SCRATCH/rows.nix" "$SCRATCH/rows.regd"
}
claim 'so it does for 2 000 made-up paths' same_many

many_references() {
    {
        printf '/nix/store/%s-many\n%064d\n1\n\n2000\n' 00000000000000000000000000000000 0
        grep -E '^/nix/store/.*-package-[0-9]+$' "$SCRATCH/big" | sort -u
        cat "$SCRATCH/big"
    } >"$SCRATCH/many"
    mkdir -p "$SCRATCH/many-nix/nix/store" "$SCRATCH/many-regd/nix/store"
    register "$SCRATCH/many-regd" --missing=accept "$SCRATCH/many" &&
        nix_store "$SCRATCH/many-nix" --load-db <"$SCRATCH/many" &&
        rows_and_ids "$SCRATCH/many-nix" >"$SCRATCH/rows.nix" &&
        rows_and_ids "$SCRATCH/many-regd" >"$SCRATCH/rows.regd" && cmp "$SCRATCH/rows.nix" "$SCRATCH/rows.regd"
}
claim 'and for a path with 2 000 references' many_references

from_stdin() {
    make_root "$SCRATCH/stdin"
    register "$SCRATCH/stdin" - <"$manifest" && rows "$SCRATCH/stdin" >"$SCRATCH/rows.stdin" &&
        rows "$fresh" | diff - "$SCRATCH/rows.stdin"
}
claim "'-' reads standard input" from_stdin

# The manifest in two, on the command line: neither is closed alone.
split_records() {
    awk -v first="$1" -v second="$2" '
        left == 0 { record = ""; left = 5; number++ }
        { record = record $0 "\n"; left--; line++ }
        left == 0 && !counted { left = $0 + 0; counted = 1 }
        left == 0 { printf "%s", record > (number % 2 ? first : second); counted = 0 }' "$manifest"
}
two_manifests() {
    split_records "$SCRATCH/odd" "$SCRATCH/even"
    [ "$(cat "$SCRATCH/odd" "$SCRATCH/even" | wc -c)" -eq "$(wc -c <"$manifest")" ] || return
    make_root "$SCRATCH/two"
    refused 1 register "$SCRATCH/two" "$SCRATCH/odd" && [ ! -e "$(db "$SCRATCH/two")" ] &&
        register "$SCRATCH/two" "$SCRATCH/even" "$SCRATCH/odd" && rows "$SCRATCH/two" >"$SCRATCH/rows.two" &&
        rows "$fresh" | diff - "$SCRATCH/rows.two"
}
claim 'two manifests that need each other are registered together, and one alone is refused' two_manifests

# --- again, and over what is there --------------------------------------------------------------------

second_run() {
    tree "$fresh/nix/var" >"$SCRATCH/tree.before"
    register "$fresh" "$manifest" && tree "$fresh/nix/var" | diff "$SCRATCH/tree.before" -
}
claim 'a second run changes not one byte' second_run

# A copy of the fixture with its own database, made by Nix as it built: it has signatures, content addresses.
kept=$SCRATCH/kept
make_root "$kept"
copy_state "$store/nix/var" "$kept/nix"
keeps() {
    rows_and_ids "$kept" >"$SCRATCH/rows.before"
    for column in sigs ca ultimate; do
        [ "$(sqlite3 "$(db "$kept")" "select count(*) from ValidPaths where $column is not null")" -gt 0 ] || {
            printf 'the fixture has no %s\n' "$column"
            return 1
        }
    done
    register "$kept" "$manifest" && rows_and_ids "$kept" | diff "$SCRATCH/rows.before" -
}
claim 'over the database that Nix made while it built, signatures, content addresses and ultimate are kept' keeps

changed_hash() {
    changed=$(sqlite3 "$(db "$kept")" "select path from ValidPaths where sigs is not null order by path limit 1")
    [ "$changed" ] || return
    awk -v path="$changed" '$0 == path && !done { found = NR; done = 1 } found && NR == found + 1 {
        print "0000000000000000000000000000000000000000000000000000000000000000"; next } { print }' \
        "$manifest" >"$SCRATCH/changed"
    [ "$(cmp -l "$manifest" "$SCRATCH/changed" | wc -l)" -gt 30 ] || return
    rows "$kept" >"$SCRATCH/rows.before"
    "$REGD" register --root "$kept" "$SCRATCH/changed" 2>"$SCRATCH/err"
    status=$?
    cat "$SCRATCH/err"
    [ "$status" -eq 0 ] && grep -q "${changed#/nix/store/}.*another NAR hash" "$SCRATCH/err" &&
        [ "$(rows "$kept" | diff "$SCRATCH/rows.before" - | grep -c '^[<>]')" -eq 2 ] &&
        [ "$(sqlite3 "$(db "$kept")" "select substr(hash, 8, 64) || ifnull(sigs, '') || ifnull(ultimate, '')
            from ValidPaths where path = '$changed'")" = \
            0000000000000000000000000000000000000000000000000000000000000000 ]
}
claim 'another NAR hash is taken over with a warning that names the path, and its signatures go' changed_hash

merges() {
    root=$SCRATCH/merge
    make_root "$root"
    echo stranger >"$SCRATCH/stranger"
    stranger=$(nix_store "$root" --add "$SCRATCH/stranger") &&
        [ "$(sqlite3 "$(db "$root")" 'select count(*) from ValidPaths')" -eq 1 ] &&
        register "$root" "$manifest" && integrity "$root" &&
        rows "$root" | grep -vF "$stranger" >"$SCRATCH/rows.merged" && rows "$fresh" | diff - "$SCRATCH/rows.merged" &&
        [ "$(sqlite3 "$(db "$root")" "select id from ValidPaths where path = '$stranger'")" -eq 1 ] &&
        nix_store "$root" --verify --check-contents 2>&1 | sed 's/^/nix: /'
}
claim 'paths that are registered already stay beside those of the manifest' merges

known_reference() {
    root=$SCRATCH/known
    make_root "$root"
    printf '%s\n%064d\n1\n\n1\n%s\n' /nix/store/00000000000000000000000000000000-new 0 "$toplevel" >"$SCRATCH/new"
    mkdir "$root/nix/store/00000000000000000000000000000000-new"
    refused 1 register "$root" "$SCRATCH/new" && [ ! -e "$(db "$root")" ] &&
        register "$root" "$manifest" && register "$root" "$SCRATCH/new" &&
        [ "$(nix_store "$root" -q --references /nix/store/00000000000000000000000000000000-new)" = "$toplevel" ] &&
        rm -r "$root/nix/store/00000000000000000000000000000000-new"
}
claim 'a reference that only the database knows is enough, and without it refused' known_reference

# --- Nix works on it ----------------------------------------------------------------------------------

says_nothing() {
    said=$("$@" 2>&1)
    status=$?
    printf '%s\n' "$said"
    [ "$status" -eq 0 ] && ! printf '%s\n' "$said" | grep -Ev '^((reading|checking) .*\.\.\.|)$'
}
claim 'nix-store --verify finds nothing to say' says_nothing nix_store "$fresh" --verify
claim 'nix-store --verify --check-contents finds nothing to say' says_nothing nix_store "$fresh" --verify \
    --check-contents

# same_answer ARGUMENT...: nix-store says the same on the store of regd as on that of Nix.
same_answer() {
    nix_store "$by_nix" "$@" >"$SCRATCH/answer.nix" && nix_store "$fresh" "$@" >"$SCRATCH/answer.regd" &&
        [ -s "$SCRATCH/answer.nix" ] && diff "$SCRATCH/answer.nix" "$SCRATCH/answer.regd"
}
claim 'nix-store -qR is the same' same_answer -qR "$toplevel"
leaf=$(sqlite3 "$(db "$by_nix")" 'select b.path from Refs join ValidPaths b on b.id = reference
    where referrer != reference group by reference order by count(*) desc limit 1')
claim 'nix-store -q --referrers is the same' same_answer -q --referrers "$leaf"
claim 'nix-store -q --referrers-closure is the same' same_answer -q --referrers-closure "$leaf"
derivation=$(sqlite3 "$(db "$by_nix")" 'select v.path from ValidPaths v join DerivationOutputs on drv = v.id
    group by drv order by count(*) desc limit 1')
claim 'nix-store -q --outputs is the same' same_answer -q --outputs "$derivation"
claim 'nix-store --dump-db is the same' same_answer --dump-db
claim 'nix path-info --json is the same' sh -c "
    for root in '$by_nix' '$fresh'; do
        HOME='$SCRATCH/home' NIX_CONF_DIR='$SCRATCH/conf' nix path-info --store \"\$root\" --all --json |
            sed 's/\"registrationTime\":[0-9]*//g' >\"\$root.json\" || exit
    done
    [ -s '$by_nix.json' ] && cmp '$by_nix.json' '$fresh.json'"

dumps() {
    "$REGD" dump --root "$fresh" >"$SCRATCH/dump" && cmp "$manifest" "$SCRATCH/dump" &&
        "$REGD" dump --root "$fresh" "$toplevel" "$leaf" >"$SCRATCH/dump" &&
        nix_store "$fresh" --dump-db "$toplevel" "$leaf" | awk 'NR' >"$SCRATCH/dump.nix" &&
        [ -s "$SCRATCH/dump" ] && [ "$(sort "$SCRATCH/dump")" = "$(sort "$SCRATCH/dump.nix")" ]
}
claim 'regd dump is nix-store --dump-db to the byte' dumps

adds() {
    echo added >"$SCRATCH/added"
    path=$(nix_store "$fresh" --add "$SCRATCH/added") && [ "$path" ] && nix_store "$fresh" --check-validity "$path" &&
        register "$fresh" "$manifest" && nix_store "$fresh" --check-validity "$path" &&
        [ "$("$REGD" dump --root "$fresh" "$path" | head -1)" = "$path" ]
}
claim 'Nix adds a path, and regd does not mind it' adds

reloads() {
    nix_store "$fresh" --load-db <"$manifest" && integrity "$fresh" &&
        register "$fresh" "$manifest" && integrity "$fresh" && nix_store "$fresh" --verify
}
claim 'Nix loads the manifest once more over it, and regd over that' reloads

collects() {
    root=$SCRATCH/collect
    make_root "$root"
    cp -a "$SCRATCH/two/nix/var" "$root/nix/"
    mkdir -p "$root/nix/var/nix/gcroots"
    ln -s "$leaf" "$root/nix/var/nix/gcroots/kept"
    wanted=$(nix_store "$root" -qR "$leaf" | sort)
    nix_store "$root" --gc >/dev/null && integrity "$root" &&
        [ "$(sqlite3 "$(db "$root")" 'select path from ValidPaths' | sort)" = "$wanted" ] &&
        [ "$(sqlite3 "$(db "$root")" 'select count(*) from DerivationOutputs')" -ge 0 ] &&
        nix_store "$root" --verify --check-contents
}
claim 'the garbage collector keeps the closure of a root and takes all the rest' collects

collected_again() {
    root=$SCRATCH/collect
    refused 1 register "$root" "$manifest" && rm -r "$root/nix/store" && cp -al "$store/nix/store" "$root/nix/" &&
        register "$root" "$manifest" && integrity "$root" && rows "$root" >"$SCRATCH/rows.again" &&
        rows "$SCRATCH/two" | diff - "$SCRATCH/rows.again"
}
claim 'what was collected is registered again, once it is there' collected_again

# --- manifests that are cut ---------------------------------------------------------------------------

# Twenty paths. A cut behind a record leaves a manifest that is whole, but between the tenth, which refers to the
# fifteenth, and that one.
twenty_paths() {
    awk 'function path(i) { return sprintf("/nix/store/%032d-p%d", i, i) }
    BEGIN {
        for (i = 1; i <= 20; i++) {
            printf "%s\n%064x\n%d\n%s\n", path(i), i, i * 100, i % 5 ? "" : path(i) ".drv"
            if (i == 1) print "0"
            else if (i == 10) printf "2\n%s\n%s\n", path(9), path(15)
            else if (i == 15) printf "2\n%s\n%s\n", path(3), path(15)
            else printf "1\n%s\n", path(i - 1 - (i == 11))
        }
    }'
}

# Where the records end that a cut may follow.
good_cuts() {
    awk 'left == 0 { left = 5; head = 1 }
        { bytes += length($0) + 1; left-- }
        left == 0 && head { left = $0 + 0; head = 0 }
        left == 0 { number++; if (number < 10 || number >= 15) print bytes }' "$1"
}

truncations() {
    size=$(wc -c <"$SCRATCH/twenty")
    good=" $(good_cuts "$SCRATCH/twenty" | tr '\n' ' ')"
    root=$SCRATCH/cut
    mkdir -p "$root/nix/store"
    length=0
    bad=0
    while [ $((length += 1)) -le "$size" ]; do
        case $good in
        *" $length "*) ;;
        *) [ $((length % ${TEST_STEP:-1})) -eq 0 ] || continue ;;
        esac
        head -c "$length" "$SCRATCH/twenty" >"$SCRATCH/cut.manifest"
        "$REGD" register -q --missing=accept --root "$root" "$SCRATCH/cut.manifest" 2>"$SCRATCH/err" >"$SCRATCH/out"
        status=$?
        case $good in
        *" $length "*)
            good="${good%%" $length "*} ${good#*" $length "}"
            [ "$status" -eq 0 ] && [ ! -s "$SCRATCH/err" ] && rm -r "$root/nix/var" && continue
            ;;
        *)
            [ "$status" -eq 1 ] && [ ! -e "$(db "$root")" ] && read -r sentence <"$SCRATCH/err" &&
                [ "${sentence#regd: }" != "$sentence" ] && [ ! -s "$SCRATCH/out" ] && continue
            ;;
        esac
        printf '%d bytes: exit status %d: ' "$length" "$status"
        cat "$SCRATCH/err"
        bad=$((bad + 1))
        rm -rf "$root/nix/var"
    done
    [ "$bad" -eq 0 ] && [ -z "${good# }" ]
}
twenty_paths >"$SCRATCH/twenty"
claim 'a manifest cut at any byte is refused, but for cuts behind a record where all references are there' truncations

# --- paths that are not there ---------------------------------------------------------------------------

# A store that lacks the path that most others refer to.
lacking=$SCRATCH/lacking
make_root "$lacking"
find "$lacking$leaf" -type d -exec chmod u+w {} +
rm -r "$lacking$leaf"

missing_refused() {
    refused 1 register "$lacking" "$manifest" && grep -qF "${leaf#/nix/store/}" "$SCRATCH/refused" &&
        [ ! -e "$(db "$lacking")" ]
}
claim 'a path that is not in the store is refused and named' missing_refused

missing_skipped() {
    wanted=$(nix_store "$by_nix" -q --referrers-closure "$leaf" | wc -l)
    "$REGD" register --missing=skip --root "$lacking" "$manifest" 2>"$SCRATCH/err" || return
    cat "$SCRATCH/err"
    grep -q "${leaf#/nix/store/} is skipped: it is not in the store" "$SCRATCH/err" &&
        [ "$(grep -c 'it depends on a path that is skipped' "$SCRATCH/err")" -eq $((wanted - 1)) ] &&
        nix_store "$by_nix" -q --referrers-closure "$leaf" | sort >"$SCRATCH/left-out" &&
        sqlite3 "$(db "$lacking")" 'select path from ValidPaths' | sort >"$SCRATCH/registered" &&
        sqlite3 "$(db "$by_nix")" 'select path from ValidPaths' | sort >"$SCRATCH/all" &&
        sort -m "$SCRATCH/left-out" "$SCRATCH/registered" | diff "$SCRATCH/all" - && integrity "$lacking" &&
        nix_store "$lacking" --verify
}
claim '--missing=skip leaves it out with all that depends on it, each with a warning' missing_skipped

missing_accepted() {
    register "$lacking" --missing=accept "$manifest" && rows "$lacking" >"$SCRATCH/rows.accepted" &&
        rows "$by_nix" | diff - "$SCRATCH/rows.accepted"
}
claim '--missing=accept registers all, as Nix does' missing_accepted

# --- never outside the root -----------------------------------------------------------------------------

# Whether it can be done there does not matter here, only that it was tried.
done_or_refused() {
    register "$1" --missing=accept "$SCRATCH/big"
    status=$?
    printf 'exit status %d\n' "$status"
    [ "$status" -le 1 ]
}

# hostile NAME PLACE TARGET: below a root with that link, nothing outside the root may change.
hostile() {
    root=$SCRATCH/hostile/$1
    outside=$SCRATCH/hostile/outside-$1
    mkdir -p "$root/nix/store" "$outside/nix/db" "$root${2%/*}"
    ln -s "$3" "$root$2"
    tree "$outside" >"$SCRATCH/tree.before"
    done_or_refused "$root" && tree "$outside" | diff "$SCRATCH/tree.before" -
}
claim 'with an absolute link nix/var out of the root nothing is written outside' \
    hostile var /nix/var "$SCRATCH/hostile/outside-var"
claim 'nor with a relative one' hostile relative /nix/var ../../outside-relative
claim 'nor with a link for the database directory' hostile db /nix/var/nix/db "$SCRATCH/hostile/outside-db/nix/db"
claim 'nor with a link for the database itself' \
    hostile file /nix/var/nix/db/db.sqlite "$SCRATCH/hostile/outside-file/db.sqlite"
claim 'nor with a link for the lock' hostile lock /nix/var/nix/db/big-lock "$SCRATCH/hostile/outside-lock/lock"
claim 'nor with a link for the schema' hostile schema /nix/var/nix/db/schema "$SCRATCH/hostile/outside-schema/schema"
claim 'nor with a link for the draft' \
    hostile draft /nix/var/nix/db/.db.sqlite.draft "$SCRATCH/hostile/outside-draft/draft"
claim 'nor with a link for the other directories' \
    hostile roots /nix/var/nix/gcroots "$SCRATCH/hostile/outside-roots"

# hostile_old NAME FILE MODE: so with a link beside a database that is there.
hostile_old() {
    root=$SCRATCH/hostile/$1
    mkdir -p "$root/nix/store"
    register "$root" --missing=accept "$SCRATCH/twenty" &&
        sqlite3 "$(db "$root")" "pragma journal_mode = $3" >/dev/null && hostile "$1" "/nix/var/nix/db/$2" \
            "$SCRATCH/hostile/outside-$1/$2"
}
claim 'nor with a link for the log beside a database' hostile_old wal db.sqlite-wal wal
claim 'nor with a link for the shared memory beside a database' hostile_old shm db.sqlite-shm wal
claim 'nor with a link for the journal beside a database' hostile_old journal db.sqlite-journal delete

database_outside() {
    root=$SCRATCH/hostile/old
    mkdir -p "$root/nix/store" "$root-outside/nix/store" "$root/nix/var/nix/db"
    register "$root-outside" --missing=accept "$SCRATCH/twenty" && cp "$root-outside/nix/var/nix/db/schema" \
        "$root/nix/var/nix/db/" && ln -s "$(db "$root-outside")" "$root/nix/var/nix/db/db.sqlite" &&
        tree "$root-outside" >"$SCRATCH/tree.before" || return
    done_or_refused "$root" && tree "$root-outside" | diff "$SCRATCH/tree.before" -
}
claim 'nor with a link to a database outside' database_outside

link_inside() {
    root=$SCRATCH/hostile/inside
    mkdir -p "$root/nix/store" "$root/persist/nix-var"
    ln -s /persist/nix-var "$root/nix/var"
    register "$root" --missing=accept "$SCRATCH/big" &&
        [ "$(sqlite3 "$root/persist/nix-var/nix/db/db.sqlite" 'select count(*) from ValidPaths')" -eq 2000 ]
}
claim 'an absolute link within the root leads to its place below the root' link_inside

# --- what cannot work -----------------------------------------------------------------------------------

nothing=$SCRATCH/nothing
mkdir -p "$nothing/nix/store"
untouched() {
    "$@" && [ -z "$(find "$nothing" -name db.sqlite -o -name schema)" ]
}
claim 'a manifest that is not there is refused and named' untouched refused 1 register "$nothing" "$SCRATCH/absent"
claim 'a manifest that is a directory is refused' untouched refused 1 register "$nothing" "$SCRATCH"
claim 'without a manifest there is nothing to register' untouched refused 1 register "$nothing"
claim 'a root that is not there is refused' refused 1 register "$SCRATCH/absent" "$manifest"
state_is_a_file() {
    mkdir -p "$SCRATCH/file/nix/store" "$SCRATCH/file/nix/var"
    : >"$SCRATCH/file/nix/var/nix"
    refused 1 register "$SCRATCH/file" --missing=accept "$SCRATCH/twenty"
}
claim 'a state directory that is a file is refused' state_is_a_file

wrong() {
    refused 2 "$REGD" "$@"
}
claim 'an unknown command is a wrong command line' wrong frobnicate
claim 'so is an unknown option' wrong register --frobnicate
claim 'so is an option that the command does not have' wrong dump --missing=skip
claim 'so is a value that is not one of those' wrong register --missing=perhaps
claim 'so is a value that is missing' wrong register --root
claim 'so is no command' wrong
claim 'so is an argument too many' wrong status more

help_fits() {
    for verb in '' boot register profile status dump; do
        # shellcheck disable=SC2086  # no argument, or one
        "$REGD" $verb --help >"$SCRATCH/help" 2>"$SCRATCH/err" || return
        cat "$SCRATCH/err"
        if [ -s "$SCRATCH/err" ] || [ ! -s "$SCRATCH/help" ] || grep -nE '.{81}' "$SCRATCH/help"; then
            printf 'in the help of %s\n' "$verb"
            return 1
        fi
    done
}
claim 'help is on standard output and no wider than 80 columns' help_fits

# --- disks ------------------------------------------------------------------------------------------------

disk=$SCRATCH/disk
mkdir "$disk"

mount_disk() {
    mount -t tmpfs -o "$1" none "$disk" && mkdir -p "$disk/nix/store"
}

full_fresh() {
    mount_disk size=600k && refused 1 register "$disk" --missing=accept "$SCRATCH/big" &&
        grep -qi 'full\|space' "$SCRATCH/refused" && [ -z "$(find "$disk" -type f ! -name big-lock)" ]
}

full_old() {
    mount_disk size=600k && register "$disk" --missing=accept "$SCRATCH/twenty" &&
        rows_and_ids "$disk" >"$SCRATCH/rows.before" &&
        refused 1 register "$disk" --missing=accept "$SCRATCH/big" && grep -qi 'full\|space' "$SCRATCH/refused" &&
        integrity "$disk" && rows_and_ids "$disk" | diff "$SCRATCH/rows.before" - &&
        register "$disk" --missing=accept "$SCRATCH/twenty"
}

read_only() {
    mount_disk size=10m && register "$disk" --missing=accept "$SCRATCH/twenty" && mount -o remount,bind,ro "$disk" &&
        tree "$disk" >"$SCRATCH/tree.before" && refused 1 register "$disk" --missing=accept "$SCRATCH/big" &&
        grep -q 'Read-only\|readonly' "$SCRATCH/refused" && tree "$disk" | diff "$SCRATCH/tree.before" - &&
        "$REGD" dump --root "$disk" >"$SCRATCH/dump" && [ "$(grep -c '^[0-9a-f]\{64\}$' "$SCRATCH/dump")" -eq 20 ]
}

read_only_fresh() {
    mount_disk size=10m && mount -o remount,bind,ro "$disk" &&
        refused 1 register "$disk" --missing=accept "$SCRATCH/twenty" && grep -q Read-only "$SCRATCH/refused"
}

# The mounts are seen by this script alone: it runs in a mount namespace of its own, or makes none.
on_disk() {
    if [ "$REGISTER_NIX_MOUNTS" = private ]; then
        claim "$@"
        umount "$disk"
    else
        skip "$1" 'no mount namespace can be made here'
    fi
}
on_disk 'a full disk gives one sentence and leaves no database' full_fresh
on_disk 'a full disk gives one sentence and leaves the old database' full_old
on_disk 'a read-only file system gives one sentence, and is read all the same' read_only
on_disk 'a read-only file system without a database gives one sentence' read_only_fresh

finish
