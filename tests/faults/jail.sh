#!/bin/sh
# jail.sh — can a hostile root make regd or regd-build read, change or wait for files outside its database?
#
# Journals          a hot journal of 600 bytes names an outside file as its super-journal, which SQLite would delete.
# What is no file   each name in the database's directory is a link, a FIFO, a socket, a directory, a device.
# Swapper           the database's directory, its files, the manifest and the profiles are exchanged for links out of
#                   the root as fast as it goes (tests/swapper.c), while each command runs. ROUNDS: of all commands
#                   together.
# Read-only         a write-ahead log's database on a read-only mount, and one of 2 GiB that is nearly all hole.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [ROUNDS=800] sh tests/faults/jail.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"

# shellcheck source=tests/mounts.sh disable=SC1091
. tests/mounts.sh
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET

SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
wants sqlite3 timeout python3
rounds=${ROUNDS:-800}
rounds=$((rounds / ${TEST_STEP:-1}))
swapper=$(dirname "$REGD")/tests/swapper
state=nix/var/nix
verbs='status dump verify register profile-list profile-set rollback prune boot manifest squashfs unpack'

# path NUMBER
path() {
    printf '/nix/store/%032d-path-%d' "$1" "$1"
}

# manifest FIRST LAST: those paths, all of them empty directories, so that they are as listed.
manifest() {
    for number in $(seq "$1" "$2"); do
        printf '%s\n%s\n96\n\n0\n' "$(path "$number")" a50a5ab6d992f5598edd92105059fae9acfc192981e08bd88534c2167e92526a
    done
}
manifest 1 20 >"$SCRATCH/old"
manifest 1 30 >"$SCRATCH/new"

# new_root ROOT [MODE]: a finished one with a database, a store and a profile.
new_root() {
    rm -rf "$1"
    mkdir -p "$1/nix/store" "$1/etc" "$1/proc"
    for number in $(seq 30); do
        mkdir "$1$(path "$number")"
    done
    cp "$SCRATCH/new" "$1/nix/store/nix-path-registration"
    "$REGD" register -q --root "$1" "$SCRATCH/old" &&
        "$REGD" profile set -q --root "$1" "$(path 1)" &&
        sqlite3 "$1/$state/db/db.sqlite" "pragma journal_mode = ${2:-delete}" >/dev/null
}

# run VERB ROOT: whatever it is like, it ends.
run() {
    case $1 in
    status | dump | verify) set -- "$REGD" "$1" --root "$2" ;;
    register) set -- "$REGD" register --root "$2" ;;
    profile-list) set -- "$REGD" profile list --json --root "$2" ;;
    profile-set) set -- "$REGD" profile set --root "$2" "$(path 2)" ;;
    rollback) set -- "$REGD" profile rollback --root "$2" ;;
    prune) set -- "$REGD" profile prune --root "$2" ;;
    boot) set -- "$REGD" boot --root "$2" --system "$(path 3)" ;;
    manifest) set -- "$REGD_BUILD" manifest --root "$2" "$(path 1)" ;;
    squashfs) set -- "$REGD_BUILD" squashfs -q --no-check --compression lz4 --root "$2" "$(path 1)" -o "$SCRATCH/made" ;;
    unpack) set -- "$REGD_BUILD" unpack -q "$SCRATCH/image" "$(path 1)" --root "$2" --register --profile "/$state/profiles/system" ;;
    esac
    timeout "$patience" "$@"
}

# Another's database and profile, which must neither be shown nor changed. Of its generations, a rollback would take the first
# and prune the last, which leads to a canary.
outside=$SCRATCH/outside
new_root "$outside" &&
    "$REGD_BUILD" squashfs -q --compression lz4 --root "$outside" "$(path 1)" -o "$SCRATCH/image" ||
    bail 'the canary could not be made'
ln -s "$(path 1)" "$outside/$state/profiles/system-2-link"
ln -s "/nix/store/$(printf %032d 99)-canary-99" "$outside/$state/profiles/system-3-link"
ln -sfn system-2-link "$outside/$state/profiles/system"
sqlite3 "$outside/$state/db/db.sqlite" "update ValidPaths set path = replace(path, 'path', 'canary')"
printf '/nix/store/%032d-canary-99\n%064x\n120\n\n0\n' 99 99 >"$outside/manifest"
cp "$outside/manifest" "$outside/nix/store/nix-path-registration"
mkdir "$outside/empty"
echo canary >"$outside/file"

# All of it but the times of reading.
picture() {
    (cd "$1" && find . -printf '%p %y %m %s %T@ %C@ %l %n\n' | sort && find . -type f -exec sha256sum {} + | sort)
}
picture "$outside" >"$SCRATCH/outside.before"
untouched() {
    picture "$outside" | diff "$SCRATCH/outside.before" - >"$SCRATCH/outside.diff" && return
    head -5 "$SCRATCH/outside.diff"
    return 1
}

# --- journals -------------------------------------------------------------------------------------------

# journal ROOT NAME: a hot one, of one sector's header, no pages, and the name of a super-journal. See
# www.sqlite.org/fileformat2.html#the_rollback_journal.
cat >"$SCRATCH/journal.py" <<'PROGRAM'
import struct, sys
database, name = sys.argv[1], sys.argv[2].encode()
pages = struct.unpack(">I", open(database, "rb").read(32)[28:32])[0]
header = bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", 0, 0, pages, 512, 4096)
page = struct.pack(">I", 0x40000000 // 4096 + 1)
tail = struct.pack(">II", len(name), sum(struct.unpack("%db" % len(name), name)) & 0xffffffff)
with open(database + "-journal", "wb") as journal:
    journal.write(header.ljust(512, b"\0") + page + name + tail + bytes.fromhex("d9d505f920a163d7"))
PROGRAM

super_journal() {
    new_root "$SCRATCH/root" || return
    echo content >"$SCRATCH/victim"
    python3 "$SCRATCH/journal.py" "$SCRATCH/root/$state/db/db.sqlite" "$SCRATCH/victim" || return
    cp "$SCRATCH/root/$state/db/db.sqlite" "$SCRATCH/database.before"
    run "$1" "$SCRATCH/root" >"$SCRATCH/out" 2>"$SCRATCH/err"
    status=$?
    cat "$SCRATCH/err"
    [ "$(cat "$SCRATCH/victim")" = content ] && [ "$status" -le 1 ] &&
        cmp "$SCRATCH/database.before" "$SCRATCH/root/$state/db/db.sqlite" || return
    case $1 in
    profile-list | rollback | prune) [ "$status" -eq "$([ "$1" = rollback ] && echo 1 || echo 0)" ] ;;
    status) grep -q "belongs to a transaction that changed '$SCRATCH/victim' too" "$SCRATCH/out" "$SCRATCH/err" ;;
    *) [ "$status" -eq 1 ] && grep -q "belongs to a transaction that changed '$SCRATCH/victim' too" "$SCRATCH/err" ;;
    esac
}

# The journal is one that SQLite itself believes: else the claims above show nothing.
super_journal_is_hot() {
    new_root "$SCRATCH/root" || return
    echo content >"$SCRATCH/victim"
    python3 "$SCRATCH/journal.py" "$SCRATCH/root/$state/db/db.sqlite" "$SCRATCH/victim" || return
    sqlite3 "$SCRATCH/root/$state/db/db.sqlite" 'select count(*) from ValidPaths' && [ ! -e "$SCRATCH/victim" ]
}

text='sqlite3 deletes the file that the journal names'
case $(sqlite3 --version) in
3.[1-4]?.*) claim "$text" super_journal_is_hot ;;
*) skip "$text" 'SQLite 3.53 no longer does' ;;
esac
for verb in $verbs; do
    claim "$verb: a journal that names a file outside: the file survives, the database is as it was" \
        super_journal "$verb"
done

# --- what is no file ------------------------------------------------------------------------------------

# special KIND NAME
special() {
    case $1 in
    link) ln -s "$outside/$state/db/${2##*/}" "$2" ;;
    loop) ln -s "${2##*/}" "$2" ;;
    FIFO) mkfifo "$2" ;;
    socket) python3 -c 'import os, socket, sys; os.chdir(os.path.dirname(sys.argv[1]))
socket.socket(socket.AF_UNIX).bind(os.path.basename(sys.argv[1]))' "$2" ;;
    directory) mkdir "$2" ;;
    device) mknod "$2" c 1 5 ;;
    esac
}

# no_file VERB KIND: each name in turn; one sentence, in time, and the rest is as it was.
no_file() {
    bad=0
    for name in db.sqlite db.sqlite-journal db.sqlite-wal db.sqlite-shm schema big-lock; do
        mode=delete
        [ "$name" != db.sqlite-shm ] || mode=wal
        new_root "$SCRATCH/root" "$mode" || return
        rm -f "$SCRATCH/root/$state/db/$name"
        special "$2" "$SCRATCH/root/$state/db/$name" || return
        run "$1" "$SCRATCH/root" >"$SCRATCH/out" 2>"$SCRATCH/err"
        status=$?
        untouched && ! grep -q canary "$SCRATCH/out" "$SCRATCH/err" &&
            [ "$status" -le 1 ] && { [ "$status" -eq 0 ] || [ -s "$SCRATCH/err" ]; } && continue
        echo "$name: status $status"
        head -3 "$SCRATCH/err"
        bad=$((bad + 1))
    done
    [ "$bad" -eq 0 ]
}

for kind in link loop FIFO socket directory device; do
    if [ "$kind" = device ] && ! mknod "$SCRATCH/device" c 1 5 2>/dev/null; then
        skip 'a device in the place of a file of the database' 'no device can be made'
        continue
    fi
    for verb in $verbs; do
        case ${TEST_STEP:-1}-$verb in
        1-* | *-status | *-register)
            claim "$verb: a $kind in the place of each file of the database: no file outside, no hang" \
                no_file "$verb" "$kind"
            ;;
        esac
    done
done

# --- the swapper ----------------------------------------------------------------------------------------

# pairs ROOT: prints what is exchanged; makes the other half of each pair.
pairs() {
    ln -s "$outside/$state/db" "$1/$state/db.swap"
    ln -s "$outside/$state/db/db.sqlite" "$1/$state/db/db.swap"
    ln -s "$outside/manifest" "$1/nix/store/registration.swap"
    ln -s "$outside/$state/profiles" "$1/$state/profiles.swap"
    ln -s "$outside/nix/var" "$1/nix/var.swap"
    ln -s "$outside/empty" "$1/etc.swap"
    printf '%s\n' "$1/$state/db" "$1/$state/db.swap" "$1/$state/db/db.sqlite" "$1/$state/db/db.swap" \
        "$1/nix/store/nix-path-registration" "$1/nix/store/registration.swap" \
        "$1/$state/profiles" "$1/$state/profiles.swap" "$1/nix/var" "$1/nix/var.swap" "$1/etc" "$1/etc.swap"
}

# generations ROOT NUMBER: as many that a rollback finds, besides the first.
generations() {
    for number in $(seq 2 $(($2 + 1))); do
        ln -s "$(path 1)" "$1/$state/profiles/system-$number-link"
    done
    ln -sfn "system-$number-link" "$1/$state/profiles/system"
}

# swapped VERB NUMBER: in turn all pairs, and one alone, so that also what comes late in a run is met. Of each run the status is
# counted.
swapped() {
    new_root "$SCRATCH/root" "$(if [ $(($2 % 2)) = 0 ]; then echo wal; else echo delete; fi)" || return
    case $1 in
    rollback) generations "$SCRATCH/root" "$2" ;;
    prune) ln -s "$(path 77)" "$SCRATCH/root/$state/profiles/system-2-link" ;;
    esac
    pairs "$SCRATCH/root" >"$SCRATCH/pairs"
    done_count=0 bad=0
    for round in $(seq "$2"); do
        pair=$((round % 7))
        : >"$SCRATCH/begun"
        # shellcheck disable=SC2046  # a list of paths without blanks
        "$swapper" $(sed -n "$((pair ? 2 * pair - 1 : 1)),$((pair ? 2 * pair : 12))p" "$SCRATCH/pairs") >"$SCRATCH/begun" &
        swapping=$!
        until [ -s "$SCRATCH/begun" ]; do kill -0 "$swapping" || return; done
        run "$1" "$SCRATCH/root" >"$SCRATCH/out" 2>"$SCRATCH/err"
        status=$?
        kill "$swapping" && wait "$swapping" || { echo "round $round: the swapper has ended" && return 1; }
        [ "$status" -ne 0 ] || done_count=$((done_count + 1))
        if [ "$status" -gt 1 ] || grep -q canary "$SCRATCH/out" "$SCRATCH/err"; then
            echo "round $round: status $status"
            head -3 "$SCRATCH/out" "$SCRATCH/err"
            bad=$((bad + 1))
        fi
    done
    echo "$1: $done_count of $2 done" >>"$SCRATCH/swapped"
    untouched && [ "$bad" -eq 0 ] && [ "$done_count" -gt 0 ]
}
# The swapper was met: of these runs some could not be done.
met() {
    awk '{ done += $2; rounds += $4 } END { exit !(done < rounds) }' "$SCRATCH/swapped"
}

if [ -x "$swapper" ]; then
    each=$((rounds / $(echo "$verbs" | wc -w) + 1))
    for verb in $verbs; do
        claim "$verb: $each rounds beside a swapper: nothing outside is changed or shown" swapped "$verb" "$each"
    done
    claim 'beside it, some were refused' met
    sed 's/^/# /' "$SCRATCH/swapped"
else
    skip 'a swapper exchanges paths' 'tests/swapper has not been built'
fi

# --- read-only ------------------------------------------------------------------------------------------

# dump_read_only ROOT ROWS
dump_read_only() {
    mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || return
    run dump "$1" >"$SCRATCH/out" 2>"$SCRATCH/err"
    status=$?
    cat "$SCRATCH/err"
    umount "$1" && [ "$status" -eq 0 ] && [ "$(grep -c '^/nix/store/' "$SCRATCH/out")" -eq "$2" ]
}

wal_read_only() {
    new_root "$SCRATCH/root" wal && [ ! -e "$SCRATCH/root/$state/db/db.sqlite-wal" ] &&
        dump_read_only "$SCRATCH/root" 20
}

# The hole belongs to the database: its header counts the pages.
sparse() {
    new_root "$SCRATCH/root" wal || return
    database=$SCRATCH/root/$state/db/db.sqlite
    truncate -s 2G "$database" && printf '\0\010\0\0' | dd of="$database" bs=1 seek=28 conv=notrunc 2>/dev/null || return
    mount --bind "$SCRATCH/root" "$SCRATCH/root" && mount -o remount,bind,ro "$SCRATCH/root" || return
    python3 "$measure" "$REGD" dump --root "$SCRATCH/root" >"$SCRATCH/out" 2>"$SCRATCH/err"
    status=$?
    umount "$SCRATCH/root"
    cat "$SCRATCH/err"
    peak_kib=$(awk 'END { print $NF }' "$SCRATCH/err")
    [ "$status" -eq 0 ] && [ "$(grep -c '^/nix/store/' "$SCRATCH/out")" -eq 20 ] && [ "$peak_kib" -lt 65536 ]
}

measure=$SCRATCH/measure.py
cat >"$measure" <<'PROGRAM'
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
PROGRAM

# A journal that has to be replayed is not overlooked where that cannot be done.
journal_read_only() {
    new_root "$SCRATCH/root" || return
    python3 "$SCRATCH/journal.py" "$SCRATCH/root/$state/db/db.sqlite" '' || return
    ! dump_read_only "$SCRATCH/root" 20 && [ "$(wc -l <"$SCRATCH/err")" -eq 1 ]
}

read_only='a write-ahead log is read on a read-only mount, without a log'
read_sparse='a database of 2 GiB that is nearly all hole is read on a read-only mount, in less than 64 MiB'
read_journal='a journal that cannot be replayed on a read-only mount is one sentence'
if [ "$TEST_MOUNTS" = private ]; then
    claim "$read_only" wal_read_only
    claim "$read_sparse" sparse
    claim "$read_journal" journal_read_only
else
    skip "$read_only" 'no mount can be made'
    skip "$read_sparse" 'no mount can be made'
    skip "$read_journal" 'no mount can be made'
fi

finish
