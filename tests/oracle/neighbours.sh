#!/bin/sh
# neighbours.sh — if regd and Nix work on one store at the same time, does either fail, and is a row lost?
#
# A fresh database    several regd and nix-store start at the same time, many rounds.
# Places              regd is stopped at each call that touches the database's files, and another process does its work.
# Locks               another process holds a lock that regd needs, or regd one that Nix needs: it waits, then succeeds.
# Traffic             nix-daemon and nix-store add, query, collect, optimise, verify and load while regd registers,
#                     registers again, dumps and tells the status.
#
# Two nix-stores that create a database at the same time disturb each other; that does not count, see nix_alone.
#
# Usage    REGD=… SCRATCH=… sh tests/oracle/neighbours.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"

# shellcheck source=tests/mounts.sh disable=SC1091
. tests/mounts.sh
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NIX_REMOTE NOTIFY_SOCKET

SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
wants nix-store sqlite3 flock timeout
rows_sql=$PWD/tests/data/cases/rows.sql
make=$(dirname "$REGD")/tests/make_manifest
private_nix
export HOME="$SCRATCH/home" NIX_CONF_DIR="$SCRATCH/conf" NIX_USER_CONF_FILES=/dev/null

# --- what is used over and over ---------------------------------------------------------------------

# nix_store ROOT-OR-URL ARGUMENT...
nix_store() {
    nix_root=$1
    shift
    timeout "$patience" nix-store --store "$nix_root" "$@"
}

# regd VERB ROOT ARGUMENT...
regd() {
    regd_verb=$1 regd_root=$2
    shift 2
    timeout "$patience" "$REGD" "$regd_verb" -q --root "$regd_root" "$@"
}

db() {
    printf '%s/nix/var/nix/db/db.sqlite' "$1"
}

# load ROOT FILE; a shell gives what it starts in the background no standard input.
load() {
    nix_store "$1" --load-db <"$2"
}

# The rows of a root's database, after what is wrong with it.
rows() {
    sqlite3 -batch -cmd '.timeout 600000' "$(db "$1")" 'pragma integrity_check; pragma foreign_key_check' \
        ".read $rows_sql"
}

# until_true COMMAND...: tries it again and again.
until_true() {
    tries=$((patience * 50))
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return
        sleep 0.02
    done
}

# Is a dump one state of the database? It is closed, and has all or none of what came in one transaction. The
# first file says what did, in lines of: path, transaction, number of references.
cat >"$SCRATCH/one_state.awk" <<'PROGRAM'
FNR == NR { group[$1] = $2; size[$2]++; count[$1] = $3; next }
line == 0 { path = $1; valid[path]; if (path in group) seen[group[path]]++ }
line == 4 { left = $1 }
line == 4 && path in count && left != count[path] { print path " has " left " references of " count[path] }
line >= 5 { referrer[$1] = path; left-- }
{ line = line >= 4 && left == 0 ? 0 : line + 1 }
END {
    for (transaction in seen)
        if (seen[transaction] != size[transaction])
            print seen[transaction] " of " size[transaction] " paths of transaction " transaction
    for (path in referrer)
        if (!(path in valid))
            print "a reference to " path ", which is not there"
    if (line)
        print "it ends within a record"
}
PROGRAM
one_state() {
    awk -f "$SCRATCH/one_state.awk" "$1" "$2" >"$2.wrong" && [ ! -s "$2.wrong" ]
}

# --- a fresh database -------------------------------------------------------------------------------

# What a nix-store fails with when it makes a database at once with another and no regd is near (1 in 130 did); and
# when anyone makes gcroots between its looking for it and its making of the link in it, for which it takes no lock.
# It is then run again, as its user would.
nix_alone() {
    grep -qE "^error: (SQLite database '.*' is busy|'.*/schema' is corrupt|creating symlink from '.*/gcroots/profiles' to .*: File exists)\$" "$1" &&
        echo again >>"$SCRATCH/race.again"
}
: >"$SCRATCH/race.again"

for number in 1 2 3 4; do
    "$make" 40 "$number" 4 >"$SCRATCH/race.$number"
    awk -v transaction="$number" '
        line == 0 { path = $1 }
        line == 4 { left = $1; print path, transaction, left }
        { left -= line > 4; line = line >= 4 && left == 0 ? 0 : line + 1 }' "$SCRATCH/race.$number"
done >"$SCRATCH/race.groups"
echo text >"$SCRATCH/added"

# What is to be there in the end.
load "$SCRATCH/expected" "$SCRATCH/race.1" 2>/dev/null || bail 'Nix makes no database'
load "$SCRATCH/expected" "$SCRATCH/race.2"
load "$SCRATCH/expected" "$SCRATCH/race.3"
rows "$SCRATCH/expected" >"$SCRATCH/rows.regds"
load "$SCRATCH/expected" "$SCRATCH/race.4"
nix_store "$SCRATCH/expected" --add "$SCRATCH/added" >/dev/null
rows "$SCRATCH/expected" >"$SCRATCH/rows.mixed"

# begin NAME DELAY-MS COMMAND...: in the background; writes out, err and status.
begin() {
    begin_name=$SCRATCH/race.$1
    begin_delay=$(printf '0.%03d' "$2")
    shift 2
    {
        [ "$begin_delay" = 0.000 ] || sleep "$begin_delay"
        "$@" >"$begin_name.out" 2>"$begin_name.err"
        echo $? >"$begin_name.status"
    } &
}

# well NAME...: each ended with 0 and said nothing.
well() {
    for name; do
        [ "$(cat "$SCRATCH/race.$name.status")" = 0 ] && [ ! -s "$SCRATCH/race.$name.err" ] && continue
        echo "$name: status $(cat "$SCRATCH/race.$name.status"): $(cat "$SCRATCH/race.$name.err")"
        return 1
    done
}

reader_well() {
    grep -q '^regd: there is no Nix database' "$SCRATCH/race.reader.err" && return
    well reader && one_state "$SCRATCH/race.groups" "$SCRATCH/race.reader.out" && return
    cat "$SCRATCH/race.reader.out.wrong"
    return 1
}

# The same with a nix-store, which may have failed by itself.
nix_well() {
    nix_name=$1
    shift
    [ "$(cat "$SCRATCH/race.$nix_name.status")" = 0 ] && return
    nix_alone "$SCRATCH/race.$nix_name.err" || {
        cat "$SCRATCH/race.$nix_name.err"
        return 1
    }
    "$@" >"$SCRATCH/race.$nix_name.out"
}

# Nothing but the files of a finished database, and the rows of FILE.
race_result() {
    rows "$root" | diff "$1" - >"$SCRATCH/race.diff" || {
        head -5 "$SCRATCH/race.diff"
        return 1
    }
    [ "$(cat "$root/nix/var/nix/db/schema")" = 10 ] && [ -z "$(find "$root" -name '.*.draft')" ]
}

race_regds() {
    wrong=0
    for round in $(seq "$1"); do
        rm -rf "$root"
        mkdir -p "$root/nix/store"
        begin a 0 regd register "$root" --missing=accept "$SCRATCH/race.1"
        begin b $((round % 4)) regd register "$root" --missing=accept --loader=sql "$SCRATCH/race.2"
        begin c 0 regd register "$root" --missing=accept "$SCRATCH/race.3"
        begin d $((round % 3)) regd register "$root" --missing=accept "$SCRATCH/race.1"
        begin reader $((round % 6)) regd dump "$root"
        wait
        { well a b c d && reader_well && race_result "$SCRATCH/rows.regds"; } >"$SCRATCH/race.problem" 2>&1 &&
            continue
        wrong=$((wrong + 1))
        sed "s/^/round $round: /" "$SCRATCH/race.problem"
    done
    echo "$wrong rounds"
    [ "$wrong" -eq 0 ]
}

# A nix-store comes to the database some 20 ms after its start, so regd is started later and later.
race_mixed() {
    wrong=0
    for round in $(seq "$1"); do
        rm -rf "$root"
        mkdir -p "$root/nix/store"
        begin load 0 load "$root" "$SCRATCH/race.4"
        begin add 0 nix_store "$root" --add "$SCRATCH/added"
        begin a $((8 + round * 7 % 40)) regd register "$root" --missing=accept "$SCRATCH/race.1"
        begin b $((8 + round * 11 % 40)) regd register "$root" --missing=accept --loader=sql "$SCRATCH/race.2"
        begin c $((8 + round * 13 % 40)) regd register "$root" --missing=accept "$SCRATCH/race.3"
        begin reader $((8 + round * 17 % 50)) regd dump "$root"
        wait
        {
            well a b c && reader_well &&
                nix_well add nix_store "$root" --add "$SCRATCH/added" </dev/null &&
                nix_well load load "$root" "$SCRATCH/race.4" && race_result "$SCRATCH/rows.mixed"
        } >"$SCRATCH/race.problem" 2>&1 && continue
        wrong=$((wrong + 1))
        sed "s/^/round $round: /" "$SCRATCH/race.problem"
    done
    echo "$wrong rounds"
    [ "$wrong" -eq 0 ]
}

root=$SCRATCH/race
rounds=30
# Sanitizers make the start of a program ten times as long.
grep -q __asan_init "$REGD" && rounds=10
all_well='all succeed, a reader sees whole transactions, all rows are there'
claim "four regd make one database: $all_well ($((3 * rounds)) rounds)" race_regds $((3 * rounds))
claim "three regd and two nix-store make one database: $all_well ($rounds rounds)" race_mixed $rounds
printf '# nix-stores that disturbed each other and were run again: %d of %d\n' \
    "$(wc -l <"$SCRATCH/race.again")" $((2 * rounds))

# --- places -----------------------------------------------------------------------------------------

touching=openat,openat2,flock,renameat,mkdirat
batch_size=20

# The rows that are wanted when all have registered.
for set in '1 2' 2; do
    rm -rf "$SCRATCH/expected"
    for number in $set; do
        load "$SCRATCH/expected" "$SCRATCH/race.$number" 2>/dev/null
    done
    rows "$SCRATCH/expected" >"$SCRATCH/rows.$(echo "$set" | tr ' ' -)"
done

# place_run JOB ROOT [STRACE-ARGUMENT...]
place_run() {
    place_job=$1 place_root=$2
    shift 2
    case $place_job in
    reader) timeout "$patience" "$@" "$REGD" dump -q --root "$place_root" ;;
    *) timeout "$patience" "$@" "$REGD" register -q --missing=accept --root "$place_root" "$SCRATCH/race.1" ;;
    esac
}

is_locked() {
    ! flock -n "$1" true
}

# Where another keeps the big lock shared, no database can be written as a file.
place_root() {
    mkdir -p "$2/nix/store" "$2/nix/var/nix/db"
    [ "$1" = in-place ] || return 0
    flock -s "$2/nix/var/nix/db/big-lock" sleep 3 &
    until_true is_locked "$2/nix/var/nix/db/big-lock"
}

# All places of a job, in lines of: call, which one of its kind. Those of the program's start are not told.
places() {
    rm -rf "$SCRATCH/places.root"
    place_root "$1" "$SCRATCH/places.root"
    [ "$1" != reader ] || regd register "$SCRATCH/places.root" --missing=accept "$SCRATCH/race.2"
    place_run "$1" "$SCRATCH/places.root" strace -qq -o "$SCRATCH/trace" -e "trace=$touching" >/dev/null || return
    awk -F '(' '{ count[$1]++ } !/AT_FDCWD/ { print $1, count[$1] }' "$SCRATCH/trace"
}

place_other() {
    case $1 in
    regd) regd register "$2" --missing=accept "$SCRATCH/race.2" ;;
    load) load "$2" "$SCRATCH/race.2" ;;
    esac
}

# place JOB OTHER CALL NUMBER: in a directory of its own; says what is wrong.
place() {
    here=$SCRATCH/place-$1-$2-$3-$4
    mkdir "$here"
    place_root "$1" "$here/root"
    place_run "$1" "$here/root" strace -qq -o "$here/trace" -e "trace=$3" -e "inject=$3:delay_enter=1000000:when=$4" \
        >"$here/out" 2>"$here/err" &
    sleep 0.4
    other=regd wanted=1-2
    [ "$2" = regd ] || other=load
    [ "$1" != reader ] || wanted=2
    if ! place_other "$other" "$here/root" >"$here/other" 2>&1; then
        if nix_alone "$here/other"; then
            wait $!
            place_other "$other" "$here/root" >"$here/other" 2>&1
        else
            echo 'the other failed'
        fi
    fi
    wait $!
    status=$?
    grep -vE "waiting for the big Nix store lock|^warning: error: SQLite database '.*' is busy\$" "$here/other"
    if [ "$1" != reader ] || ! grep -q '^regd: there is no Nix database' "$here/err"; then
        cat "$here/err"
        [ "$status" -eq 0 ] || echo "status $status"
    fi
    [ "$1" != reader ] || one_state "$SCRATCH/race.groups" "$here/out" || cat "$here/out.wrong"
    rows "$here/root" | diff "$SCRATCH/rows.$wanted" - | head -3
    [ "$(cat "$here/root/nix/var/nix/db/schema")" = 10 ] || echo 'the database is not finished'
    rm -rf "$here/root"
}

everywhere() {
    places "$1" >"$SCRATCH/places" && [ -s "$SCRATCH/places" ] || return
    number=0
    while read -r call which; do
        place "$1" "$2" "$call" "$which" >"$SCRATCH/place.$call.$which" 2>&1 </dev/null &
        number=$((number + 1))
        [ $((number % batch_size)) -ne 0 ] || wait
    done <"$SCRATCH/places"
    wait
    wrong=0
    while read -r call which; do
        [ -s "$SCRATCH/place.$call.$which" ] || continue
        wrong=$((wrong + 1))
        sed "s/^/at $call $which: /" "$SCRATCH/place.$call.$which" | head -4
    done <"$SCRATCH/places"
    echo "$wrong of $number places"
    [ "$wrong" -eq 0 ]
}

# A nix-store rests between making the schema file and writing it.
half_schema() {
    root=$SCRATCH/half
    rm -rf "$root"
    mkdir -p "$root/nix/store"
    timeout "$patience" strace -f -qq -o "$SCRATCH/trace" -P "$root/nix/var/nix/db/schema" -e trace=openat \
        -e inject=openat:delay_exit="$1" nix-store --store "$root" --init &
    until_true test -e "$root/nix/var/nix/db/schema"
    seen=late
    [ -s "$root/nix/var/nix/db/schema" ] || seen=early
    regd register "$root" --missing=accept "$SCRATCH/race.2"
    status=$?
    wait $!
    [ "$status" -eq 0 ] && rows "$root" | cmp - "$SCRATCH/rows.2" && [ "$seen" = early ]
}

# rested COMMAND...: with a rest in microseconds as its last argument, a longer one if this machine was too busy for it.
rested() {
    for rest in 700000 5000000 60000000; do
        "$@" "$rest" && return
    done
    return 1
}

while_making='wherever a regd rests that makes the database, another regd succeeds, and so does the first'
while_making_nix='and so does nix-store'
in_place='and where the database is made in place, because another keeps the big lock shared'
reading='wherever a reader rests, a regd makes the database, and the reader sees none or one state'
making_schema='regd waits for a nix-store that has not written the schema file yet'
if can_trace "$while_making" "$while_making_nix" "$in_place" "$reading" "$making_schema"; then
    claim "$while_making" everywhere file regd
    claim "$while_making_nix" everywhere file nix
    claim "$in_place" everywhere in-place regd
    claim "$reading" everywhere reader regd
    claim "$making_schema" rested half_schema
fi

# --- locks ------------------------------------------------------------------------------------------

# hold COMMAND...: it says "held" when it has what it needs, and lets go when told a line; see let_go.
hold() {
    rm -f "$SCRATCH/order"
    mkfifo "$SCRATCH/order"
    "$@" <"$SCRATCH/order" >"$SCRATCH/held" 2>&1 &
    holder=$!
    exec 8>"$SCRATCH/order"
}
is_held() {
    until_true grep -q held "$SCRATCH/held"
}
let_go() {
    echo "$1" >&8
    exec 8>&-
    wait "$holder"
}
hold_big_lock() {
    hold flock "$2" "$1/nix/var/nix/db/big-lock" sh -c 'echo held; read -r line' && is_held
}
hold_transaction() {
    hold sqlite3 -batch -cmd '.timeout 600000' "$(db "$1")" &&
        echo "begin immediate; insert into ValidPaths (path, hash, registrationTime) values
            ('/nix/store/00000000000000000000000000000000-theirs', 'sha256:$(printf %064d 0)', 1); select 'held';" >&8 &&
        is_held
}
count() {
    sqlite3 -cmd '.timeout 600000' "$(db "$1")" 'select count(*) from ValidPaths'
}

# waits COUNT ORDER COMMAND...: it does not end before the holder is given the order; then it succeeds, and there are
# so many paths.
waits() {
    wanted=$1 order=$2
    shift 2
    "$@" 8>&- &
    waiter=$!
    sleep 0.5
    still=no
    kill -0 "$waiter" 2>/dev/null && still=yes
    let_go "$order" || return
    wait "$waiter" || { echo "it failed with status $?"; return 1; }
    [ "$still" = yes ] || { echo 'it did not wait'; return 1; }
    [ "$(count "$root")" -eq "$wanted" ] && [ "$(rows "$root" | head -1)" = ok ]
}

# new_root [JOURNAL-MODE]: with the 40 paths of race.1 in a database of that mode; or with none.
new_root() {
    root=$SCRATCH/lock
    rm -rf "$root"
    mkdir -p "$root/nix/store" "$root/nix/var/nix/db"
    [ $# -eq 0 ] || { regd register "$root" --missing=accept "$SCRATCH/race.1" &&
        sqlite3 "$(db "$root")" "pragma journal_mode = $1" >/dev/null; }
}

big_lock_existing() {
    new_root wal && hold_big_lock "$root" -x && waits 80 go regd register "$root" --missing=accept "$SCRATCH/race.2"
}
big_lock_fresh() {
    new_root && hold_big_lock "$root" -x && waits 40 go regd register "$root" --missing=accept "$SCRATCH/race.1"
}
big_lock_shared() {
    for mode in none wal; do
        if [ "$mode" = none ]; then new_root; else new_root wal; fi
        hold_big_lock "$root" -s && regd register "$root" --missing=accept "$SCRATCH/race.2" 8>&- && let_go go &&
            rows "$root" | grep -c ^path && [ "$(cat "$root/nix/var/nix/db/schema")" = 10 ] || return
    done
}
transaction() {
    new_root "$1" && hold_transaction "$root" &&
        waits 81 'commit;' regd register "$root" --missing=accept "$SCRATCH/race.2"
}
undone() {
    new_root wal && hold_transaction "$root" &&
        waits 80 'rollback;' regd register "$root" --missing=accept "$SCRATCH/race.2"
}
reads_beside() {
    for mode in wal delete; do
        new_root "$mode" && hold_transaction "$root" && timeout "$patience" "$REGD" dump --root "$root" >"$SCRATCH/dump" 8>&- &&
            timeout "$patience" "$REGD" status --root "$root" >/dev/null 8>&- && let_go 'commit;' &&
            cmp "$SCRATCH/race.1" "$SCRATCH/dump" || return
    done
}
claim 'regd waits for who holds the big lock exclusively, then registers' big_lock_existing
claim 'and where there is no database yet' big_lock_fresh
claim 'it does not wait for who holds it shared, with or without a database' big_lock_shared
claim 'it waits for the write transaction of another, with a write-ahead log' transaction wal
claim 'and with a rollback journal' transaction delete
claim 'and for one that is undone' undone
claim 'dump and status do not wait for it, and see the rows before it' reads_beside

# slow CALL MICROSECONDS REGISTER-ARGUMENT...: registers, and rests before the first such call.
slow() {
    slow_call=$1 slow_rest=$2
    shift 2
    timeout "$patience" strace -qq -o "$SCRATCH/trace" -e "trace=$slow_call" -e "inject=$slow_call:delay_enter=$slow_rest:when=1" \
        "$REGD" register -q --root "$root" --missing=accept "$@" &
    slow=$!
}
nix_waits() {
    new_root && slow renameat "$1" "$SCRATCH/race.1" &&
        until_true test -s "$root/nix/var/nix/db/.db.sqlite.draft" &&
        load "$root" "$SCRATCH/race.2" 2>"$SCRATCH/nix.err" && wait "$slow" || return
    cat "$SCRATCH/nix.err"
    grep -q 'waiting for the big Nix store lock' "$SCRATCH/nix.err" && [ "$(count "$root")" -eq 80 ]
}
nix_waits_for_rows() {
    new_root wal && slow pwrite64 700000 "$SCRATCH/race.3" && sleep 0.2 &&
        load "$root" "$SCRATCH/race.2" && nix_store "$root" --add "$SCRATCH/added" && wait "$slow" &&
        [ "$(count "$root")" -eq 121 ] && [ "$(rows "$root" | head -1)" = ok ]
}
while_new='Nix waits for a regd that makes the database, then works on it'
while_adding='Nix waits for a regd in its transaction, and both succeed'
if can_trace "$while_new" "$while_adding"; then
    claim "$while_new" rested nix_waits
    claim "$while_adding" nix_waits_for_rows
fi

# --- traffic ----------------------------------------------------------------------------------------

pieces=40 piece_paths=25 loose_rounds=16 loose_paths=10 batches=8 batch_paths=50
root=$SCRATCH/traffic
manifests=$SCRATCH/manifests
mkdir -p "$root" "$manifests" "$SCRATCH/source"

# The files of an image, by Nix: "held" paths, which a temporary root protects as those that Nix is about to add
# are, and "loose" ones, which any collection may take. Some contents repeat, so that there is something to optimise.
prepare_image() {
    for number in $(seq $((pieces * piece_paths))); do
        if [ $((number % 8)) -eq 0 ]; then echo same; else echo "$number"; fi >"$SCRATCH/source/held-$number"
    done
    for number in $(seq $((loose_rounds * loose_paths))); do
        echo "$((number % 90))" >"$SCRATCH/source/loose-$number"
    done
    nix_store "$SCRATCH/image" --add "$SCRATCH"/source/* >/dev/null &&
        nix_store "$SCRATCH/image" --dump-db >"$manifests/image"
}

# Cuts the image's manifest into pieces; a held path refers to the one before it in its piece, and the first of a
# piece to the first of the piece before.
cut_manifests() {
    awk -v held=$piece_paths -v loose=$loose_paths -v into="$manifests" '
        NR % 5 == 1 { path = $1; number = path; sub(/.*-/, "", number); kind = path ~ /-held-/ ? "held" : "loose" }
        NR % 5 == 1 { at[kind, number] = path }
        NR % 5 == 2 { hash[path] = $1 }
        NR % 5 == 3 { size[path] = $1 }
        END {
            for (number = 1; ("held", number) in at; number++) {
                path = at["held", number]
                piece = int((number - 1) / held) + 1
                other = (number - 1) % held ? number - 1 : number - held
                print path, piece, (other > 0) >(into "/groups")
                record = path "\n" hash[path] "\n" size[path] "\n\n" (other > 0)
                if (other > 0)
                    record = record "\n" at["held", other]
                print record >(into "/held-" piece)
                print record >(into "/held")
            }
            for (number = 1; ("loose", number) in at; number++) {
                path = at["loose", number]
                print path "\n" hash[path] "\n" size[path] "\n\n0" >(into "/loose-" int((number - 1) / loose) + 1)
            }
        }' "$manifests/image"
}

# did COUNT KIND: adds to the operations.
did() {
    echo "$1 $2" >>"$SCRATCH/did"
}

# A loose path may be collected after regd has seen it and before its row is there. Then the row has no file until
# the next --verify, as with nix-store --load-db, and --optimise stops at it.
no_file() {
    grep -q "^error: getting status of '.*-loose-[0-9]*': No such file or directory" "$1"
}

# try SIDE COMMAND...: what fails is trouble.
try() {
    side=$1
    shift
    "$@" 2>"$SCRATCH/err.$worker"
    status=$?
    cat "$SCRATCH/err.$worker" >>"$SCRATCH/said.$side"
    if [ "$status" -ne 0 ] && ! no_file "$SCRATCH/err.$worker"; then
        printf '%s: status %d of %s\n' "$worker" "$status" "$(echo "$*" | cut -c 1-200)" >>"$SCRATCH/trouble.$side"
        cat "$SCRATCH/err.$worker" >>"$SCRATCH/trouble.$side"
    fi
}

# add STORE: batches of files; what Nix says that it added is noted.
nix_adder() {
    worker=$1
    for batch in $(seq "$batches"); do
        files=
        for number in $(seq "$batch_paths"); do
            file=$SCRATCH/source/$worker-$batch-$number
            echo "$((number % 30))" >"$file"
            files="$files $file"
        done
        # shellcheck disable=SC2086  # names without spaces
        try nix nix_store "$2" --add $files >>"$SCRATCH/said.added"
        did "$batch_paths" add
    done
}

# The paths of the pieces that regd has registered so far.
registered() {
    head -$(($(cat "$SCRATCH/progress") * piece_paths)) "$manifests/groups" | cut -d ' ' -f 1
}

nix_asker() {
    worker=$1
    for round in $(seq 14); do
        # shellcheck disable=SC2046  # names without spaces
        try nix nix_store "$2" -q --hash $(registered | tail -40) >/dev/null
        try nix nix_store "$2" -qR "$(registered | tail -1)" >/dev/null
        try nix nix_store "$2" -q --referrers-closure "$(registered | head -1)" >/dev/null
        did 42 query
    done
}

nix_collector() {
    worker=collector
    for round in $(seq 7); do
        try nix nix_store "$root" --gc >/dev/null
        try nix nix_store "$root" --optimise
        try nix nix_store "$root" --verify
        did 3 maintenance
    done
}

# Loads what regd has registered, and what it registers next.
nix_loader() {
    worker=loader
    for round in $(seq 14); do
        piece=$(cat "$SCRATCH/progress")
        [ "$piece" -eq "$pieces" ] || piece=$((piece + 1))
        try nix load "$root" "$manifests/held-$piece"
        try nix load "$root" "$manifests/held-$((piece / 2 + 1))"
        did $((2 * piece_paths)) load
    done
}

regd_writer() {
    worker=writer
    for piece in $(seq 2 "$pieces"); do
        try regd regd register "$root" "$manifests/held-$piece"
        echo "$piece" >"$SCRATCH/progress.new" && mv "$SCRATCH/progress.new" "$SCRATCH/progress"
        did "$piece_paths" register
        [ $((piece % 4)) -eq 0 ] || continue
        again_all "$piece"
        sleep 0.1
    done
    while [ ! -e "$SCRATCH/done" ]; do
        again_all "$pieces"
        sleep 0.1
    done
}

# again_all PIECES: registers them again, as one list.
again_all() {
    again=
    for number in $(seq "$1"); do
        again="$again $manifests/held-$number"
    done
    # shellcheck disable=SC2086  # names without spaces
    try regd regd register "$root" $again
    did $(($1 * piece_paths)) re-register
    try regd regd status "$root" --json >/dev/null
    did 1 status
}

# Collections go on: what they took before regd looked is left out, with a warning.
regd_loose() {
    worker=loose
    for round in $(seq "$loose_rounds"); do
        first=$(((round - 1) * loose_paths + 1))
        for number in $(seq "$first" $((first + loose_paths - 1))); do
            cp "$SCRATCH"/image/nix/store/*-loose-"$number" "$root/nix/store/"
        done
        try regd regd register "$root" --missing=skip "$manifests/loose-$round"
        did "$loose_paths" register
        sleep 0.2
    done
}

regd_reader() {
    worker=reader
    while [ ! -e "$SCRATCH/done" ]; do
        try regd regd dump "$root" >"$SCRATCH/dump"
        one_state "$manifests/groups" "$SCRATCH/dump" || cat "$SCRATCH/dump.wrong" >>"$SCRATCH/trouble.dump"
        did 1 dump
    done
}

# Until all have done their share; what they say is looked at afterwards.
traffic() {
    for side in nix regd dump; do
        : >"$SCRATCH/trouble.$side"
    done
    mkdir -p "$root/nix/store" "$root/nix/var/nix/temproots"
    cp "$SCRATCH"/image/nix/store/*-held-* "$root/nix/store/" &&
        cut -d ' ' -f 1 "$manifests/groups" | tr '\n' '\0' >"$root/nix/var/nix/temproots/1" &&
        hold flock -s "$root/nix/var/nix/temproots/1" sh -c 'echo held; read -r line' && is_held &&
        regd register "$root" "$manifests/held-1" 8>&- && echo 1 >"$SCRATCH/progress" || return
    nix_pids=
    for job in 'nix_adder a' 'nix_adder b' 'nix_asker c'; do
        $job "$root" 8>&- &
        nix_pids="$nix_pids $!"
    done
    if [ "$daemon" ]; then
        nix_adder d "unix://$SCRATCH/socket" 8>&- &
        nix_pids="$nix_pids $!"
        nix_asker e "unix://$SCRATCH/socket" 8>&- &
        nix_pids="$nix_pids $!"
    fi
    for job in nix_collector nix_loader regd_loose; do
        $job 8>&- &
        nix_pids="$nix_pids $!"
    done
    regd_writer 8>&- &
    regd_pids=$!
    regd_reader 8>&- &
    regd_pids="$regd_pids $!"
    # shellcheck disable=SC2086  # numbers
    wait $nix_pids
    echo yes >"$SCRATCH/done"
    # shellcheck disable=SC2086  # numbers
    wait $regd_pids
}

is_quiet() {
    head -20 "$SCRATCH/trouble.$1"
    [ -e "$SCRATCH/done" ] && [ ! -s "$SCRATCH/trouble.$1" ]
}

# The held paths have the rows that Nix alone makes of their manifests.
held_rows() {
    mkdir -p "$SCRATCH/alone/nix/store"
    load "$SCRATCH/alone" "$manifests/held" && rows "$SCRATCH/alone" >"$SCRATCH/rows.alone" &&
        [ "$(grep -c '^path ' "$SCRATCH/rows.alone")" -eq $((pieces * piece_paths)) ] &&
        [ "$(grep -c '^reference ' "$SCRATCH/rows.alone")" -eq $((pieces * piece_paths - 1)) ] &&
        rows "$root" | grep -e '^ok$' -e '-held-' | diff "$SCRATCH/rows.alone" - >"$SCRATCH/diff" && return
    head -5 "$SCRATCH/diff"
    return 1
}

# Paths that Nix said it deletes, or misses on disk.
collected() {
    sed -n -e "s|^deleting '\(/nix/store/[^']*\)'.*|\1|p" \
        -e "s|^path '\(/nix/store/[^']*\)' disappeared, removing.*|\1|p" "$SCRATCH/said.nix" \
        "$SCRATCH/said.daemon"
}
nothing_lost() {
    collected | sort -u >"$SCRATCH/collected"
    sqlite3 "$(db "$root")" 'select path from ValidPaths' | sort - "$SCRATCH/collected" >"$SCRATCH/accounted"
    grep -h '/nix/store/.*-loose-' "$manifests"/loose-* | sort -u - "$SCRATCH/said.added" >"$SCRATCH/wanted"
    comm -23 "$SCRATCH/wanted" "$SCRATCH/accounted" >"$SCRATCH/lost"
    wc -l "$SCRATCH/wanted" "$SCRATCH/collected" "$SCRATCH/lost"
    head -5 "$SCRATCH/lost"
    [ "$(wc -l <"$SCRATCH/said.added")" -eq "$((adders * batches * batch_paths))" ] && [ ! -s "$SCRATCH/lost" ]
}

sound() {
    [ "$(rows "$root" | grep -v -e '^path ' -e '^reference ')" = ok ] && nix_store "$root" --verify
}

# Nix reads the directory while it deletes from it, which some kernels' tmpfs ends early: so again, until all is done.
all_collected() {
    nix_store "$root" --gc 2>/dev/null | grep '^0 store paths deleted'
}

# With a root at the last held path of half-way, a collection keeps what Nix alone calls its closure and no more.
closure_stays() {
    last=$(sed -n "$((pieces * piece_paths / 2))p" "$manifests/groups" | cut -d ' ' -f 1)
    nix_store "$SCRATCH/alone" -qR "$last" | sort >"$SCRATCH/closure"
    ln -s "$last" "$root/nix/var/nix/gcroots/half" && until_true all_collected &&
        sqlite3 "$(db "$root")" 'select path from ValidPaths order by path' | diff "$SCRATCH/closure" - &&
        [ "$(wc -l <"$SCRATCH/closure")" -gt "$piece_paths" ]
}

# A regd rests half-way through the store's directory, and a nix-store replaces the files by links to each other.
optimised() {
    image=$SCRATCH/optimise
    mkdir -p "$image/nix/store"
    cp "$SCRATCH"/image/nix/store/*-held-* "$image/nix/store/" && regd register "$image" "$manifests/held" || return
    timeout "$patience" strace -qq -o "$SCRATCH/trace" -e trace=getdents64 -e inject=getdents64:delay_enter=1000000:when=2 \
        "$REGD" register --root "$image" "$manifests/held" &
    sleep 0.4
    nix_store "$image" --optimise
    wait $!
}

if ! prepare_image || ! cut_manifests; then
    bail 'Nix makes no image'
fi
while_optimising='files that nix-store --optimise replaces while regd looks are not missing'
can_trace "$while_optimising" && claim "$while_optimising" optimised
daemon='' adders=2
: >"$SCRATCH/said.daemon"
if command -v nix-daemon >/dev/null; then
    mkdir -p "$root/nix/store"
    NIX_DAEMON_SOCKET_PATH=$SCRATCH/socket timeout "$patience" nix-daemon --store "$root" >"$SCRATCH/said.daemon" 2>&1 &
    daemon=$!
    adders=3
    until_true test -S "$SCRATCH/socket" || bail "nix-daemon does not start: $(cat "$SCRATCH/said.daemon")"
fi
traffic
[ -z "$daemon" ] || kill "$daemon"
let_go go

who='nix-daemon and nix-store'
[ "$daemon" ] || skip 'nix-daemon at work beside regd' 'nix-daemon is not installed'
done_count=$(awk '{ n += $1 } END { print n + 0 }' "$SCRATCH/did")
claim "$who beside regd, $done_count operations: no error from Nix" is_quiet nix
claim "no error from regd" is_quiet regd
claim "each of $(grep -c dump "$SCRATCH/did") dumps is one state of the database" is_quiet dump
claim "the paths that regd registered have the rows that Nix alone makes" held_rows
claim "what Nix added, and what regd registered unprotected, is valid or was collected" nothing_lost
claim "the database is sound" sound
claim "a collection keeps the closure of a root, and no more" closure_stays
awk '{ n[$2] += $1 } END { for (kind in n) printf "# %s: %d\n", kind, n[kind] }' "$SCRATCH/did" | sort

finish
