#!/bin/sh
# register.sh — if any call fails, or regd is killed anywhere, is the state either the old or the new one?
#
# strace makes the Nth call of a kind fail, or kills regd there, for every N that a good run has. After each the
# database is absent, old or new, and sound; no link is but the old or the new one; and the next run completes.
#
# Usage    REGD=… SCRATCH=… [TEST_STEP=…] sh tests/faults/register.sh      TEST_STEP: if it is not 1, nothing is killed
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"

# shellcheck source=tests/mounts.sh disable=SC1091
. tests/mounts.sh
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET

SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
rows_sql=$PWD/tests/data/cases/rows.sql
wants sqlite3

# Faults that a call may meet, for strace's inject.
kinds='write pwrite64 ftruncate fallocate fsync fdatasync openat openat2 rename renameat renameat2 mkdir mkdirat
symlinkat unlink unlinkat fchmod'

# manifest FIRST LAST: that many paths, each with a reference to the one before.
manifest() {
    awk -v first="$1" -v last="$2" 'BEGIN {
        for (i = first; i <= last; i++) {
            printf "/nix/store/%032d-path-%d\n%064x\n%d\n\n%d\n", i, i, i, i * 1000, (i > 1)
            if (i > 1)
                printf "/nix/store/%032d-path-%d\n", i - 1, i - 1
        }
    }'
}
manifest 1 20 >"$SCRATCH/old.manifest"
manifest 15 40 >"$SCRATCH/new.manifest"
old_target=/nix/store/$(printf %032d 1)-path-1
new_target=/nix/store/$(printf %032d 2)-path-2
state=nix/var/nix

# The rows of a root's database, after what is wrong with it.
rows() {
    sqlite3 -batch "$1/$state/db/db.sqlite" 'pragma integrity_check; pragma foreign_key_check' \
        ".read $rows_sql"
}

# The links that mean something: none that is still a draft.
links() {
    (cd "$1/$state" && find profiles gcroots/auto -type l ! -name '.*.draft' -printf '%p -> %l\n' 2>/dev/null) | sort
}

# --- what is done ---------------------------------------------------------------------------------------

# run JOB ROOT [STRACE-ARGUMENT...]
run() {
    job=$1 root=$2
    shift 2
    case $job in
    fresh) set -- "$@" "$REGD" register -q --missing=accept --root "$root" "$SCRATCH/old.manifest" ;;
    existing | wal) set -- "$@" "$REGD" register -q --missing=accept --root "$root" "$SCRATCH/new.manifest" ;;
    first-profile) set -- "$@" "$REGD" profile set "$old_target" -q --root "$root" ;;
    profile) set -- "$@" "$REGD" profile set "$new_target" -q --root "$root" ;;
    rollback) set -- "$@" "$REGD" profile rollback -q --root "$root" ;;
    esac
    "$@"
}

# before JOB ROOT
before() {
    mkdir -p "$2/nix/store"
    [ "$1" = fresh ] && return
    run fresh "$2" || return
    case $1 in
    wal) sqlite3 "$2/$state/db/db.sqlite" 'pragma journal_mode = wal' >/dev/null ;;
    existing) sqlite3 "$2/$state/db/db.sqlite" 'pragma journal_mode = delete' >/dev/null ;;
    profile) run first-profile "$2" ;;
    rollback) : >"$2$old_target" && run first-profile "$2" && run profile "$2" ;;
    esac
}

# What is there, but for what SQLite makes and removes beside a database, and the roots of the garbage collector: as
# with Nix, a generation that is there and has none gets none.
names() {
    (cd "$1" && find . -path '*/db/db.sqlite-*' -o -path './*/gcroots/auto*' -o -print) |
        sort
}

# prepare JOB: the state before and after, and the places where a fault can be.
prepare() {
    before "$1" "$SCRATCH/$1.before" && cp -a "$SCRATCH/$1.before" "$SCRATCH/$1.after" &&
        run "$1" "$SCRATCH/$1.after" strace -f -qq -o "$SCRATCH/$1.trace" \
            -e "trace=$(echo "$kinds" | tr -s ' \n' ,)" || return
    for side in before after; do
        names "$SCRATCH/$1.$side" >"$SCRATCH/$1.$side.names"
        links "$SCRATCH/$1.$side" >"$SCRATCH/$1.$side.links"
        [ -e "$SCRATCH/$1.$side/$state/db/db.sqlite" ] || continue
        rows "$SCRATCH/$1.$side" >"$SCRATCH/$1.$side.rows"
    done
    # Lines of: call, which one of its kind. Opening for reading alone is of no interest.
    sed 's/^[0-9]* *//' "$SCRATCH/$1.trace" | awk -F '(' '
        !/^[a-z0-9]+\(/ { next }
        { count[$1]++ }
        /^openat/ && !/O_WRONLY|O_RDWR|O_CREAT/ { next }
        { print $1, count[$1] }' >"$SCRATCH/$1.places"
    [ -s "$SCRATCH/$1.places" ] && [ "$(head -1 "$SCRATCH/$1.after.rows")" = ok ]
}

# --- after a fault --------------------------------------------------------------------------------------

# Is the database of the root absent, old or new?
sound() {
    database=$1/$state/db/db.sqlite
    if [ ! -e "$database" ]; then
        [ ! -e "$1/$state/db/schema" ] && [ ! -e "$SCRATCH/$job.before/$state/db/db.sqlite" ] && return
        echo 'the database is gone, or the schema is there before it'
        return 1
    fi
    # On a copy: to look at it is to recover it, which is for the next run to do.
    rm -rf "$SCRATCH/copy"
    cp -a "$1" "$SCRATCH/copy"
    rows "$SCRATCH/copy" >"$SCRATCH/rows"
    cmp -s "$SCRATCH/rows" "$SCRATCH/$job.after.rows" && return
    [ -e "$SCRATCH/$job.before/$state/db/db.sqlite" ] && cmp -s "$SCRATCH/rows" "$SCRATCH/$job.before.rows" && return
    echo 'the database is not sound, or its rows are neither the old nor the new ones'
    return 1
}

# Are all links that count those of before or after, and does the profile lead somewhere?
linked() {
    links "$1" | sort -u - "$SCRATCH/$job.before.links" "$SCRATCH/$job.after.links" |
        diff - "$SCRATCH/$job.all.links" || return
    current=$(readlink "$1/$state/profiles/system") || {
        [ ! -L "$SCRATCH/$job.before/$state/profiles/system" ]
        return
    }
    [ -L "$1/$state/profiles/$current" ] || {
        echo "the profile leads to $current, which is not there"
        return 1
    }
}

again() {
    # To roll back once more would be to go further back.
    if [ "$job" != rollback ] || [ "$(readlink "$1/$state/profiles/system")" = system-2-link ]; then
        run "$job" "$1" && names "$1" | diff "$SCRATCH/$job.after.names" - || return
    fi
    rows "$1" | diff "$SCRATCH/$job.after.rows" - && links "$1" | grep -v '^gcroots/' |
        diff "$SCRATCH/$job.wanted.links" -
}

# fault JOB CALL WANTED-STATUS INJECTION...: the injections in turn
fault() {
    job=$1 kind=$2 wanted=$3
    shift 3
    bad=0
    sort -u "$SCRATCH/$job.before.links" "$SCRATCH/$job.after.links" >"$SCRATCH/$job.all.links"
    grep -v '^gcroots/' "$SCRATCH/$job.after.links" >"$SCRATCH/$job.wanted.links"
    while read -r call number; do
        [ "$call" = "$kind" ] || continue
        injection=$1
        shift
        set -- "$@" "$injection"
        root=$SCRATCH/root
        rm -rf "$root"
        cp -a "$SCRATCH/$job.before" "$root"
        run "$job" "$root" strace -f -qq -o "$SCRATCH/trace" -e "trace=$call" -e "inject=$call:$injection:when=$number" \
            >"$SCRATCH/out" 2>"$SCRATCH/err"
        status=$?
        {
            if ! grep -q 'INJECTED\|killed by SIGKILL' "$SCRATCH/trace"; then
                echo 'nothing was injected'
                false
            elif [ "$status" -eq 0 ] && [ "$wanted" -eq 1 ]; then
                # What can fail without harm may; but then it is done.
                sound "$root" && linked "$root" && again "$root"
            elif [ "$status" -ne "$wanted" ]; then
                echo "exit status $status"
                false
            elif [ "$wanted" -eq 1 ] && [ "$(wc -l <"$SCRATCH/err")" -ne 1 ]; then
                echo 'not one sentence'
                false
            else
                sound "$root" && linked "$root" && again "$root"
            fi
        } >"$SCRATCH/problem" 2>&1 && continue
        bad=$((bad + 1))
        printf '%s %d: ' "$call" "$number"
        cat "$SCRATCH/problem" "$SCRATCH/err"
        tail -1 "$SCRATCH/trace"
    done <"$SCRATCH/$job.places"
    [ "$bad" -eq 0 ]
}

# no_memory JOB: every mapping of memory or of a library behind the arena's own fails once (not brk: glibc itself does
# not survive that). What can do without goes on; the rest says so, in one sentence. Registering into an empty root and
# rolling back map nothing more.
no_memory() {
    job=$1
    rm -rf "$SCRATCH/root" && cp -a "$SCRATCH/$job.before" "$SCRATCH/root" &&
        run "$job" "$SCRATCH/root" strace -qq -o "$SCRATCH/trace" -e trace=mmap || return
    sed 's/(.*PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE.*/ arena/; s/(.*//' "$SCRATCH/trace" |
        awk '{ count[$1]++ } $2 == "arena" { main = 1; next } main { print $1, count[$1] }' >"$SCRATCH/requests"
    cat "$SCRATCH/requests"
    while read -r call number; do
        rm -rf "$SCRATCH/root" && cp -a "$SCRATCH/$job.before" "$SCRATCH/root"
        run "$job" "$SCRATCH/root" strace -qq -o "$SCRATCH/trace" -e trace=mmap -e "inject=$call:error=ENOMEM:when=$number" \
            >"$SCRATCH/out" 2>"$SCRATCH/err"
        status=$?
        echo "$call $number: status $status, $(cat "$SCRATCH/err")"
        grep -q INJECTED "$SCRATCH/trace" || return
        case $status in
        0) ;;
        1) [ "$(wc -l <"$SCRATCH/err")" -eq 1 ] || return ;;
        *) return 1 ;;
        esac
        sound "$SCRATCH/root" && linked "$SCRATCH/root" && again "$SCRATCH/root" || return
    done <"$SCRATCH/requests"
    [ -s "$SCRATCH/requests" ]
}

usable='strace can make calls fail here'
can_trace "$usable" || finish

for job in fresh existing wal first-profile profile rollback; do
    case $job in
    fresh) text='registering into an empty root' ;;
    existing) text='registering into a database with a rollback journal' ;;
    wal) text='registering into a database with a write-ahead log' ;;
    first-profile) text='setting the first generation' ;;
    profile) text='setting another generation' ;;
    rollback) text='rolling back' ;;
    esac
    claim "$text: a good run, to see what it does" prepare "$job"
    [ -s "$SCRATCH/$job.places" ] || continue
    for kind in $kinds; do
        number=$(grep -c "^$kind " "$SCRATCH/$job.places")
        [ "$number" -gt 0 ] || continue
        case $kind in
        write | pwrite64) errors='EIO and ENOSPC in turn' injections='error=EIO error=ENOSPC' ;;
        fsync | fdatasync | unlink | unlinkat | fchmod | rename*) errors=EIO injections=error=EIO ;;
        *) errors=ENOSPC injections=error=ENOSPC ;;
        esac
        # shellcheck disable=SC2086  # several words
        claim "$text: $errors at each of $number $kind" fault "$job" "$kind" 1 $injections
        # A kill is nothing that the sanitizers see.
        [ "${TEST_STEP:-1}" -ne 1 ] || claim "$text: killed at each of $number $kind" fault "$job" "$kind" 137 signal=KILL
    done
    # The sanitizers' own memory comes the same way, and they do not survive without.
    case ${TEST_STEP:-1}-$job in
    *-fresh | *-rollback) ;;
    1-*) claim "$text: no memory, at each request for some" no_memory "$job" ;;
    esac
done

finish
