#!/bin/sh
# kill.sh — regd is killed at random moments: is the database absent, old or new, and does the next run complete?
#
# register.sh kills at each system call of a small run; here the run is larger and the moments are spread evenly over
# the time that it takes, into computation and into the middle of SQLite's work as well.
#
# Usage    REGD=… SCRATCH=… [KILLS=80] sh tests/faults/kill.sh      KILLS: of each of the four jobs
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
wants sqlite3 timeout
make=$(dirname "$REGD")/tests/make_manifest
# Sanitizers make the start of a program ten times as long.
kills=${KILLS:-80}
grep -q __asan_init "$REGD" && kills=$((kills / 3))
state=nix/var/nix
"$make" 400 1 5 >"$SCRATCH/old.manifest"
"$make" 400 2 5 >"$SCRATCH/more"
cat "$SCRATCH/old.manifest" "$SCRATCH/more" >"$SCRATCH/new.manifest"

# run JOB ROOT [BEFORE...]
run() {
    run_job=$1 run_root=$2
    shift 2
    case $run_job in
    sql) set -- "$@" "$REGD" register --loader=sql ;;
    *) set -- "$@" "$REGD" register ;;
    esac
    "$@" -q --missing=accept --root "$run_root" "$SCRATCH/new.manifest"
}

# before JOB: the state in which it begins.
before() {
    mkdir -p "$SCRATCH/$1.before/nix/store"
    case $1 in
    file | sql) return ;;
    esac
    "$REGD" register -q --missing=accept --root "$SCRATCH/$1.before" "$SCRATCH/old.manifest" &&
        sqlite3 "$SCRATCH/$1.before/$state/db/db.sqlite" "pragma journal_mode = $1" >/dev/null
}

# The digest of all that there is, times aside, after what is wrong with it.
rows() {
    sqlite3 -batch "$1/$state/db/db.sqlite" 'pragma integrity_check; pragma foreign_key_check;
        select id, path, hash, deriver, narSize, ultimate, sigs, ca from ValidPaths order by id;
        select * from Refs order by 1, 2; select name, sql from sqlite_master order by name, tbl_name' | tee "$2" |
        cksum
}

now_us() {
    echo $(($(date +%s%N) / 1000))
}

# What a good run leaves, and how long it takes: the median of five.
prepare() {
    before "$1" || return
    [ ! -e "$SCRATCH/$1.before/$state/db/db.sqlite" ] ||
        rows "$SCRATCH/$1.before" "$SCRATCH/rows" >"$SCRATCH/$1.old"
    for _ in 1 2 3 4 5; do
        rm -rf "$SCRATCH/$1.after"
        cp -a "$SCRATCH/$1.before" "$SCRATCH/$1.after"
        begin=$(now_us)
        run "$1" "$SCRATCH/$1.after" timeout --foreground "$patience" || return
        echo $(($(now_us) - begin))
    done | sort -n | sed -n 3p >"$SCRATCH/$1.us"
    rows "$SCRATCH/$1.after" "$SCRATCH/rows" >"$SCRATCH/$1.new"
    [ "$(head -1 "$SCRATCH/rows")" = ok ] && [ "$(grep -c '|/nix/store/' "$SCRATCH/rows")" -eq 800 ] &&
        [ -s "$SCRATCH/$1.us" ] && ! cmp -s "$SCRATCH/$1.old" "$SCRATCH/$1.new"
}

# state_of ROOT: which of the states it may be in? Looked at on a copy: to look at it is to recover it, which is for
# the next run to do.
state_of() {
    if [ ! -e "$1/$state/db/db.sqlite" ]; then
        if [ -e "$1/$state/db/schema" ]; then
            echo 'a schema file without a database'
        elif [ -e "$SCRATCH/$job.before/$state/db/db.sqlite" ]; then
            echo 'the database is gone'
        else
            echo absent
        fi
        return
    fi
    rm -rf "$SCRATCH/copy"
    cp -a "$1" "$SCRATCH/copy"
    rows "$SCRATCH/copy" "$SCRATCH/rows" >"$SCRATCH/found"
    if cmp -s "$SCRATCH/found" "$SCRATCH/$job.new"; then
        echo new
    elif [ -e "$SCRATCH/$job.old" ] && cmp -s "$SCRATCH/found" "$SCRATCH/$job.old"; then
        echo old
    else
        echo "neither old nor new: $(head -1 "$SCRATCH/rows"), $(grep -c '|/nix/store/' "$SCRATCH/rows") paths"
    fi
}

# The next run completes, and leaves nothing lying about.
completes() {
    run "$job" "$1" 2>&1 || return
    rows "$1" "$SCRATCH/rows" | cmp - "$SCRATCH/$job.new" && [ "$(cat "$1/$state/db/schema")" = 10 ] || return
    find "$1/$state" -name '*.draft' -o -name 'db.sqlite-*' | grep . || return 0
    echo 'it left these lying about'
    return 1
}

# Nix instead of the next run, on a copy.
nix_completes() {
    rm -rf "$SCRATCH/copy"
    cp -a "$1" "$SCRATCH/copy"
    HOME=$SCRATCH NIX_CONF_DIR=$SCRATCH nix-store --store "$SCRATCH/copy" --load-db <"$SCRATCH/new.manifest" 2>&1 &&
        [ "$(sqlite3 "$SCRATCH/copy/$state/db/db.sqlite" 'pragma integrity_check; select count(*) from ValidPaths' |
            tr '\n' ' ')" = 'ok 800 ' ]
}

# kill_often JOB: until it was killed so often. The moments are spread over the run and a little more, and as many
# over its last third, where the database appears; how long it takes is learned on the way, as others use the machine
# too. Counts the states in which the root was left.
kill_often() {
    job=$1 killed=0 tries=0 wrong=0
    whole=$(cat "$SCRATCH/$job.us")
    : >"$SCRATCH/$job.states"
    while [ "$killed" -lt "$kills" ] && [ "$tries" -lt $((kills * 6)) ]; do
        tries=$((tries + 1))
        rm -rf "$SCRATCH/root"
        cp -a "$SCRATCH/$job.before" "$SCRATCH/root"
        # In parts of 10000 of the run, by the golden ratio, which leaves no gaps.
        part=$((tries * 6180 % 10000))
        [ $((tries % 2)) -eq 0 ] || part=$((6500 + part * 45 / 100))
        moment=$((whole * part / 10000 + 1))
        run "$job" "$SCRATCH/root" timeout --foreground -s KILL \
            "$((moment / 1000000)).$(printf %06d $((moment % 1000000)))" 2>"$SCRATCH/err"
        status=$?
        # It was killed, ended before, or just then.
        case $status in
        137) ended=killed killed=$((killed + 1)) whole=$((whole + whole * part / 250000)) ;;
        0 | 124) ended='not in time' whole=$((whole - whole / 25)) ;;
        *) ended="status $status" ;;
        esac
        left=$(state_of "$SCRATCH/root")
        echo "$ended: $left" >>"$SCRATCH/$job.states"
        case $ended:$left in
        killed:absent | killed:old | *:new) ;;
        *) false ;;
        esac && {
            [ "$have_nix" -eq 0 ] || [ $((tries % 15)) -ne 0 ] || nix_completes "$SCRATCH/root"
        } >"$SCRATCH/problem" && completes "$SCRATCH/root" >"$SCRATCH/problem" && continue
        wrong=$((wrong + 1))
        echo "try $tries, after $moment us: $ended: $left: $(cat "$SCRATCH/err")"
        head -3 "$SCRATCH/problem"
    done
    echo "$killed kills, $wrong wrong"
    [ "$killed" -eq "$kills" ] && [ "$wrong" -eq 0 ]
}

have_nix=0
command -v nix-store >/dev/null && have_nix=1
echo 'build-users-group =' >"$SCRATCH/nix.conf"

for job in file sql delete wal; do
    case $job in
    file) text='a new database, written as a file' states='absent or new' ;;
    sql) text='a new database, by SQL' states='absent or new' ;;
    delete) text='an existing one with a rollback journal' states='old or new' ;;
    wal) text='an existing one with a write-ahead log' states='old or new' ;;
    esac
    claim "$text: a good run, to see what it does" prepare "$job"
    [ -s "$SCRATCH/$job.new" ] || continue
    claim "$text: after each of $kills kills it is $states, sound, and the next run completes" kill_often "$job"
    [ ! -s "$SCRATCH/$job.states" ] || sort "$SCRATCH/$job.states" | uniq -c |
        sed 's/^ */# /'
done
[ "$have_nix" -eq 1 ] || skip 'Nix completes what was killed' 'nix-store is not installed'
printf '# %d kills in all\n' "$(cat "$SCRATCH"/*.states | grep -c '^killed')"

finish
