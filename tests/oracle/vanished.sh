#!/bin/sh
# vanished.sh — does `regd boot` leave the rows that `nix-store --verify` leaves, where the image below a store changes?
#
# Random histories of a machine whose /nix/var stays: an image is booted, things are built on it, paths are collected,
# another image is booted … At each boot regd has one such machine, and Nix another: there `nix-store --load-db` reads the
# image's manifest, and `nix-store --verify` drops what has vanished. The rows have to be the same. Nix builds and collects
# on both machines. At some boots the power is cut while regd works: it is killed at one of its writes, and started again.
#
# Usage    REGD=… SCRATCH=… [HISTORIES=12] [FIRST=1] sh tests/oracle/vanished.sh
#
#            FIRST   the seed of the first history; that of each further one is one more
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET
wants nix-store sqlite3 jq strace
SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
private_nix

ours=$SCRATCH/ours theirs=$SCRATCH/theirs
hash=77ac62e2629d8e45f624589c0c8bf99e24b3a722349bf1e79bc186008534e246 # of an empty file

# db ROOT SQL
db() {
    sqlite3 -batch "$1/nix/var/nix/db/db.sqlite" "$2"
}

rows() {
    db "$1" "select path, hash, narSize, ifnull(deriver, '') from ValidPaths order by path;
        select r.path, p.path from Refs join ValidPaths r on referrer = r.id join ValidPaths p on reference = p.id order by 1, 2;
        select count(*) from Refs;
        select v.path, o.id, o.path from DerivationOutputs o join ValidPaths v on drv = v.id order by 1, 2"
}

# same: have both machines the same rows and the same paths?
same() {
    rows "$ours" >"$SCRATCH/rows.ours" && rows "$theirs" >"$SCRATCH/rows.theirs" && diff "$SCRATCH/rows.theirs" "$SCRATCH/rows.ours" &&
        [ "$(ls "$ours/nix/store")" = "$(ls "$theirs/nix/store")" ]
}

# plan SEED: a history. The first lines are `path NAME REFERENCE...`, of 24 paths that images are made of; the rest is what
# happens: `boot NAME...`, with all paths of the image; `build NUMBER`, `collect NUMBER`: which one is chosen by the number;
# `cut NUMBER`: the next boot is cut off at the write of that number.
plan() {
    awk -v seed="$1" '
        function below(n) { return int(rand() * n) }
        function need(i, j) {
            if (i in image)
                return
            image[i]
            for (j = 0; j < i; j++)
                if ((i, j) in refers)
                    need(j)
        }
        function boot(i, line, roots) {
            split("", image)
            for (roots = 1 + below(4); roots > 0; roots--)
                need(below(24))
            line = "boot"
            for (i = 0; i < 24; i++)
                if (i in image)
                    line = line " " name[i]
            print line
        }
        BEGIN {
            srand(seed)
            for (i = 0; i < 24; i++) {
                name[i] = sprintf("%032d-p%d", i, i)
                line = "path " name[i]
                for (n = i ? below(4) : 0; n > 0; n--) {
                    j = below(i)
                    if (!((i, j) in refers))
                        line = line " " name[j]
                    refers[i, j]
                }
                print line (below(4) ? "" : " " name[i])
            }
            for (boots = 0; boots < 4; boots++) {
                if (below(2))
                    print "cut " 1 + below(32)
                boot()
                for (n = below(4); n > 0; n--)
                    print (below(3) ? "build " : "collect ") below(1000)
            }
        }'
}

# manifest NAME...: of these paths, from the plan.
manifest() {
    printf '%s\n' "$@" | awk -v hash="$hash" '
        NR == FNR { wanted[$1]; next }
        $1 == "path" && $2 in wanted {
            printf "/nix/store/%s\n%s\n112\n\n%d\n", $2, hash, NF - 2
            for (i = 3; i <= NF; i++)
                print "/nix/store/" $i
        }' - "$SCRATCH/plan"
}

# place ROOT NAME...: mounts the image below what was built and collected there.
place() {
    root=$1
    shift
    rm -rf "$root/nix/.ro-store" "$root/nix/store"
    mkdir -p "$root/nix/.ro-store" "$root/nix/store"
    for name; do
        : >"$root/nix/.ro-store/$name"
        grep -qxF "$name" "$root/collected" || : >"$root/nix/store/$name"
    done
    while read -r name; do : >"$root/nix/store/$name"; done <"$root/built"
    cp "$SCRATCH/manifest" "$root/nix/.ro-store/nix-path-registration"
}

# cut NUMBER
cut() {
    cut_at=$1
}

# cut_off: regd is killed at that write, and a copy of its database is looked at.
writes=pwrite64,ftruncate,fsync,fdatasync,linkat,renameat2,unlink,unlinkat
cut_off() {
    : >"$SCRATCH/rows.before"
    : >"$SCRATCH/rows.cut"
    [ ! -e "$theirs/nix/var/nix/db/db.sqlite" ] || rows "$theirs" >"$SCRATCH/rows.before"
    strace -f -qq -o "$SCRATCH/trace" -e "trace=$writes" -e "inject=$writes:signal=KILL:when=$cut_at" \
        "$REGD" boot -q --no-profile --no-tag --root "$ours" 2>/dev/null || cuts=$((cuts + 1))
    cut_at=
    rm -rf "$SCRATCH/copy"
    mkdir -p "$SCRATCH/copy/nix" && cp -a "$ours/nix/var" "$SCRATCH/copy/nix/" || return 0
    [ ! -e "$SCRATCH/copy/nix/var/nix/db/db.sqlite" ] || rows "$SCRATCH/copy" >"$SCRATCH/rows.cut"
}

# boot NAME...: regd is run twice, and the second time changes nothing. It forgets, keeps and skips what Nix does. Where it was
# cut off, it left the rows of before or after; what it forgot then, it cannot report again.
boot() {
    boots=$((boots + 1))
    manifest "$@" >"$SCRATCH/manifest"
    place "$ours" "$@"
    place "$theirs" "$@"
    was_cut=$cut_at
    [ -z "$was_cut" ] || cut_off
    "$REGD" boot --json --no-profile --no-tag --root "$ours" >"$SCRATCH/report" 2>"$SCRATCH/err" || { cat "$SCRATCH/err" && return 1; }
    # regd skips what was collected, and what depends on that. Nix would register it, and --verify drop it, or keep it.
    jq -r '.registered | .collected[], .dependOnMissing[]' "$SCRATCH/report" >"$SCRATCH/skipped"
    printf '%s\n' "$@" | grep -vxFf "$SCRATCH/skipped" >"$SCRATCH/rest"
    db "$theirs" 'select path from ValidPaths order by 1' >"$SCRATCH/before" 2>/dev/null
    # shellcheck disable=SC2046  # names without blanks
    manifest $(cat "$SCRATCH/rest") | nix_store_of "$theirs" --load-db || return 1
    verify
    same || return 1
    db "$theirs" 'select path from ValidPaths order by 1' | comm -23 "$SCRATCH/before" - | sed 's|.*/||' >"$SCRATCH/gone"
    if [ "$was_cut" ] && ! cmp -s "$SCRATCH/rows.before" "$SCRATCH/rows.cut"; then
        completed=$((completed + 1))
        diff "$SCRATCH/rows.cut" "$SCRATCH/rows.ours" || return 1
    else
        jq -r '.registered.forgotten[]' "$SCRATCH/report" | diff "$SCRATCH/gone" - || return 1
    fi
    absent "$theirs" >"$SCRATCH/absent"
    jq -r '.registered.vanished[].path' "$SCRATCH/report" | diff "$SCRATCH/absent" - || return 1
    forgotten=$((forgotten + $(wc -l <"$SCRATCH/gone"))) kept=$((kept + $(wc -l <"$SCRATCH/absent")))
    collected=$((collected + $(jq '.registered.collected | length' "$SCRATCH/report")))
    cp "$SCRATCH/rows.ours" "$SCRATCH/rows.once"
    "$REGD" boot -q --no-profile --no-tag --root "$ours" 2>/dev/null && rows "$ours" | diff "$SCRATCH/rows.once" -
}

# verify: Nix removes what has vanished. Where it has kept a path, and then comes to one which that path refers to, it tries
# to remove this one, SQLite refuses, and Nix gives up. Then SQL says what the rule is: what something refers to that is there
# stays, and what that refers to.
verify() {
    nix_store_of "$theirs" --verify >"$SCRATCH/verify" 2>&1
    grep -q 'constraint failed' "$SCRATCH/verify" || return 0
    gave_up=$((gave_up + 1))
    db "$theirs" "pragma foreign_keys = 1; $(there "$theirs")
        create temp table needed as with recursive n (id) as (
            select reference from Refs join ValidPaths on referrer = ValidPaths.id where path in there
            union select reference from Refs join n on referrer = n.id) select id from n;
        create temp table gone as select id from ValidPaths where path not in there and id not in needed;
        delete from Refs where referrer in gone;
        delete from ValidPaths where id in gone"
}

# there ROOT: SQL that makes a table of what is in the store.
there() {
    echo 'create temp table there (path);'
    find "$1/nix/store" -mindepth 1 -printf "insert into there values ('/nix/store/%f');\n"
}

# absent ROOT: the names of what is valid, and not in the store.
absent() {
    db "$1" "$(there "$1") select substr(path, 12) from ValidPaths where path not in there order by path"
}

# choose NUMBER: one of the lines of standard input.
choose() {
    awk -v number="$1" '{ line[NR] = $0 } END { if (NR) print line[number % NR + 1] }'
}

# build NUMBER: a path that refers to two that are there.
build() {
    built=$((built + 1))
    name=$(printf '%032d-built%d' "$((100 + built))" "$built")
    for which in 0 7; do
        db "$theirs" 'select path from ValidPaths order by path' | while read -r path; do
            [ ! -e "$theirs$path" ] || echo "$path"
        done | choose $(($1 + which))
    done | sort -u >"$SCRATCH/references"
    { printf '/nix/store/%s\n%s\n112\n\n%d\n' "$name" "$hash" "$(wc -l <"$SCRATCH/references")" && cat "$SCRATCH/references"; } >"$SCRATCH/built"
    for root in "$ours" "$theirs"; do
        : >"$root/nix/store/$name"
        echo "$name" >>"$root/built"
        nix_store_of "$root" --load-db <"$SCRATCH/built" || return 1
    done
}

# collect NUMBER: a path that nothing refers to.
collect() {
    path=$(db "$theirs" 'select path from ValidPaths where id not in (select reference from Refs where referrer != reference) order by path' |
        choose "$1")
    [ -n "$path" ] || return 0
    for root in "$ours" "$theirs"; do
        nix_store_of "$root" --delete --ignore-liveness "$path" >/dev/null 2>&1 || return 1
        if grep -qxF "${path##*/}" "$root/built"; then
            sed -i "/^${path##*/}$/d" "$root/built"
        else
            echo "${path##*/}" >>"$root/collected"
        fi
    done
    same
}

boots=0 cut_at='' cuts=0 completed=0 gave_up=0 forgotten=0 kept=0 collected=0

# history SEED
history() {
    rm -rf "$ours" "$theirs"
    mkdir -p "$ours/proc" "$theirs"
    : >"$ours/proc/cmdline"
    for root in "$ours" "$theirs"; do : >"$root/built" && : >"$root/collected"; done
    plan "$1" >"$SCRATCH/plan"
    built=0
    while read -r what rest; do
        # shellcheck disable=SC2086  # names without blanks
        [ "$what" = path ] || "$what" $rest || { printf 'history %d: %s\n' "$1" "$what" && return 1; }
    done <"$SCRATCH/plan"
}

histories() {
    seed=$first
    while [ "$seed" -lt $((first + count)) ]; do
        history "$seed" || return 1
        seed=$((seed + 1))
    done
    printf '%d histories, %d boots (Nix gave up at %d), %d cut off (%d with all rows written), %d paths forgotten, %d kept, %d collected\n' \
        "$count" "$boots" "$gave_up" "$cuts" "$completed" "$forgotten" "$kept" "$collected" >"$SCRATCH/said"
    printf '%d %d %d %d\n' "$forgotten" "$kept" "$collected" "$cuts" >"$SCRATCH/sums"
}

count=${HISTORIES:-12} first=${FIRST:-1}
claim "$count histories: at each boot the rows are those that Nix leaves" histories
has_all() {
    read -r forgotten kept collected cuts <"$SCRATCH/sums" && [ "$forgotten" -gt 0 ] && [ "$kept" -gt 0 ] &&
        [ "$collected" -gt 0 ] && [ "$cuts" -gt 0 ]
}
claim 'paths were forgotten, kept and collected in them, and regd was cut off' has_all
sed 's/^/# /' "$SCRATCH/said" 2>/dev/null

# --- when nothing is forgotten ----------------------------------------------------------------------

a=$(printf %032d 1)-a b=$(printf %032d 2)-b c=$(printf %032d 3)-c

# machine: a was registered by an older image and has vanished; b is in the image, and c too, but it was collected.
machine() {
    rm -rf "$ours"
    mkdir -p "$ours/proc" "$ours/nix/store" "$ours/nix/.ro-store"
    : >"$ours/proc/cmdline"
    : >"$ours/nix/store/$b"
    : >"$ours/nix/.ro-store/$b"
    : >"$ours/nix/.ro-store/$c"
    printf 'path %s\n' "$a" "$b" "$c" >"$SCRATCH/plan"
    manifest "$a" >"$SCRATCH/old"
    manifest "$b" "$c" >"$ours/nix/.ro-store/nix-path-registration"
    "$REGD" register -q --missing=accept --root "$ours" "$SCRATCH/old"
}

# booted WANTED OPTION...: boots and compares the names of all valid paths, by their last letters.
booted() {
    wanted=$1
    shift
    "$REGD" boot --no-profile --no-tag --root "$ours" "$@" 2>"$SCRATCH/err" || { cat "$SCRATCH/err" && return 1; }
    [ "$(db "$ours" "select group_concat(substr(path, -1), '') from (select path from ValidPaths order by path)")" = "$wanted" ] ||
        { cat "$SCRATCH/err" && return 1; }
}
forgets() { machine && booted b && grep -qx 'regd: 1 path forgotten: no longer in the store' "$SCRATCH/err"; }
claim 'what has vanished is forgotten, and that is said' forgets
keeps() { machine && booted ab --vanished=keep && ! grep -q forgotten "$SCRATCH/err"; }
claim '--vanished=keep keeps it' keeps
named() { machine && booted ab "$ours/nix/.ro-store/nix-path-registration" && booted b --vanished=forget "$ours/nix/.ro-store/nix-path-registration"; }
claim 'where the manifests are named, only --vanished=forget forgets' named
registers() {
    machine && "$REGD" register -q --root "$ours" && booted ab --vanished=keep &&
        "$REGD" register -q --vanished=forget --root "$ours" && booted b --vanished=keep
}
claim 'register keeps it, unless it is told to forget' registers
unmounted() { machine && mkdir "$ours/nix/.ro-store.1" && booted ab; }
claim 'a layer without its manifest: nothing is forgotten' unmounted
gap() { machine && mkdir "$ours/nix/.ro-store.2" && : >"$ours/nix/.ro-store.2/nix-path-registration" && booted ab; }
claim 'a layer that is not there: nothing is forgotten' gap
missing() { machine && rm "$ours/nix/store/$b" "$ours/nix/.ro-store/$b" && booted a; }
claim 'a path that is missing: nothing is forgotten' missing
outside() {
    machine && printf '/nix/store/%s\n%s\n112\n\n1\n/nix/store/%s\n' "$b" "$hash" "$a" >"$ours/nix/.ro-store/nix-path-registration" && booted ab
}
claim 'a reference to what no manifest lists: nothing is forgotten' outside

# --- what was collected -----------------------------------------------------------------------------

noted() {
    machine && booted b &&
        grep -qx "regd: 1 path of the image collected on this machine; 'regd status' lists them" "$SCRATCH/err" &&
        ! grep -q warning "$SCRATCH/err"
}
claim 'a path of the image that was collected here is no warning' noted
listed() {
    machine && booted b && "$REGD" status --root "$ours" >"$SCRATCH/out" && grep -qx "           $c" "$SCRATCH/out" &&
        grep -qx '           1 of its 2 paths are registered' "$SCRATCH/out" &&
        "$REGD" status --json --root "$ours" | jq -e --arg c "$c" '.collected == [$c]'
}
claim 'status lists it' listed
needs() {
    machine && printf '/nix/store/%s\n%s\n112\n\n1\n/nix/store/%s\n' "$b" "$hash" "$c" >"$SCRATCH/needs" && manifest "$c" >>"$SCRATCH/needs" &&
        cp "$SCRATCH/needs" "$ours/nix/.ro-store/nix-path-registration" && booted '' &&
        grep -qx "regd: warning: $c is skipped: it was collected on this machine" "$SCRATCH/err" &&
        grep -qx "regd: warning: $b is skipped: it depends on a path that is skipped" "$SCRATCH/err" &&
        ! "$REGD" register --root "$ours" 2>"$SCRATCH/err" && grep -q "'$b' depends on a path that was collected" "$SCRATCH/err"
}
claim 'one that the image needs is a warning, and refused by register' needs

finish
