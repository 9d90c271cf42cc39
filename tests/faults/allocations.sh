#!/bin/sh
# allocations.sh — where memory ends, at whatever allocation: a sentence, and nothing half-done?
#
# For each verb, on small inputs: each allocation of a library fails in turn (allocations.c), and the address space is limited,
# step by step, until a run succeeds. A run succeeds with the right result, or ends with status 1 and a sentence; what was
# there before is then there still.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [ALLOCATIONS=12] sh tests/faults/allocations.sh
#
# Of a verb's allocations so many are tried, evenly spread; `ALLOCATIONS=all` tries each.
# shellcheck disable=SC2030,SC2031,SC3045  # programs are wrapped in a subshell; every sh of Debian limits the address space
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET
wants cc sqlite3 nix-store
for program in REGD REGD_BUILD; do
    eval "case \$$program in /*) ;; *) $program=\$PWD/\$$program ;; esac"
done
rows_sql=$PWD/tests/data/cases/rows.sql
generator=${REGD%/*}/regd-initrd-generator
SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
cc -O1 -shared -fPIC -o "$SCRATCH/allocations.so" tests/faults/allocations.c || bail 'the library does not compile'
cd "$SCRATCH" || bail "$SCRATCH is not there"

# --- a machine with two paths, and what is built of them ----------------------------------------------------

linux=/nix/store/11111111111111111111111111111111-linux
system=/nix/store/00000000000000000000000000000000-system
mkdir -p "root$linux" "root$system" root/etc build keep
head -c 3001 "$REGD_BUILD" >"root$linux/bzImage"
head -c 1001 "$REGD_BUILD" >"root$linux/initrd"
ln -s "$linux/bzImage" "root$system/kernel"
ln -s "$linux/initrd" "root$system/initrd"
printf 'quiet' >"root$system/kernel-params"
printf '#!/bin/sh\n' >"root$system/init"
chmod 555 "root$system/init"
: >manifest
for path in "$linux" "$system"; do
    nix-store --dump "root$path" >nar
    printf '%s\n%s\n%s\n\n' "$path" "$(sha256sum nar | cut -c 1-64)" "$(wc -c <nar)" >>manifest
    if [ "$path" = "$linux" ]; then echo 0; else printf '1\n%s\n' "$linux"; fi >>manifest
done
head -n 5 manifest >first.manifest
"$REGD" register -q --root root first.manifest || bail 'nothing can be registered'
"$REGD" profile set -q --root root "$linux" || bail 'no profile can be set'
cp -a root whole
"$REGD" register -q --root whole manifest || bail 'nothing can be registered'
cp manifest root/nix/store/nix-path-registration
build="--root root --registration manifest -q --compression zstd:1 --jobs 2"
# shellcheck disable=SC2086  # options
if ! "$REGD_BUILD" squashfs $build "$system" -o keep/image || ! "$REGD_BUILD" tree $build "$system" -o keep/tree; then
    bail 'nothing can be built'
fi

# run JOB: does it, in work/, and leaves its results in work/out.
run_job() {
    # shellcheck disable=SC2086  # options
    case $1 in
    register) "$REGD" register -q --root work/root manifest ;;
    register-new) "$REGD" register -q --root work/new --missing=accept manifest ;;
    register-sql) "$REGD" register -q --root work/new --missing=accept --loader=sql manifest ;;
    boot) "$REGD" boot -q --root work/root --system "$system" ;;
    profile-set) "$REGD" profile set -q --root work/new "$system" ;;
    profile-list) "$REGD" profile list --json --root work/root ;;
    status) "$REGD" status --json --root work/root ;;
    verify) "$REGD" verify --root work/root ;;
    dump) "$REGD" dump --json --root work/root ;;
    manifest) "$REGD_BUILD" manifest --root root --registration manifest "$system" ;;
    squashfs) "$REGD_BUILD" squashfs $build --signatures "$system" -o work/out/it ;;
    reuse) "$REGD_BUILD" squashfs $build --reuse keep/image "$system" -o work/out/it ;;
    split) "$REGD_BUILD" squashfs $build --max-size 1M "$system" -o work/out/it ;;
    tree) "$REGD_BUILD" tree $build "$system" -o work/out/it ;;
    tarball) "$REGD_BUILD" tree $build "$system" -o work/out/it --tarball work/out/it.tar.zst ;;
    ramdisk) "$REGD_BUILD" ramdisk -q --compressor zstd --prepend "root$linux/initrd" --store keep/image -o work/out/it ;;
    ramdisk-xz) "$REGD_BUILD" ramdisk -q --compressor xz --store keep/image -o work/out/it ;;
    ipxe) "$REGD_BUILD" ipxe --root root "$system" ;;
    kexec) "$REGD_BUILD" kexec --root root "$system" ;;
    inspect) "$REGD_BUILD" inspect keep/image --json --svg work/out/it ;;
    why) "$REGD_BUILD" inspect keep/image --why system linux ;;
    verify-image) "$REGD_BUILD" verify --jobs 2 keep/image ;;
    verify-tree) "$REGD_BUILD" verify --jobs 2 --json keep/tree ;;
    generator) mkdir -p work/out/it && "$generator" work/out/it ;;
    esac
}
jobs='register register-new register-sql boot profile-set profile-list status verify dump manifest squashfs reuse split tree
tarball ramdisk ramdisk-xz ipxe kexec inspect why verify-image verify-tree generator'

prepare() {
    rm -rf work
    mkdir work work/out work/new
    cp -a root work/root
    [ "$job" != profile-set ] || cp -a whole/. work/new
}

# What a job leaves behind, but for times, and for a generation that the profile does not lead to yet.
state() {
    for root in work/root work/new; do
        database=$root/nix/var/nix/db/db.sqlite
        [ ! -s "$database" ] || sqlite3 -batch "$database" 'pragma integrity_check' ".read $rows_sql"
    done
    find work/*/nix/var/nix/profiles work/root/etc -type l ! -name '.*' ! -name 'system-*' -printf '%f %l\n' 2>/dev/null | sort
    find work/out -type f ! -name '.*' ! -path '*/.*' -exec sha256sum {} + 2>/dev/null | sort -k 2
}

# It has succeeded as it should, or says why not and has left what was there, or what should be there.
check_result() {
    status=$1
    case $status in
    0) [ "$(state)" = "$good" ] && cmp -s stdout good.stdout && return ;;
    1) [ -s stderr ] && { [ "$(state)" = "$old" ] || [ "$(state)" = "$good" ] || [ "$job" = "generator" ]; } && return ;;
    esac
    echo "$job, $2: status $status"
    head -n 3 stderr
    state | diff /dev/fd/3 - 3<<END | head -n 5
$good
END
    return 1
}

know_job() {
    job=$1
    prepare
    old=$(state)
    run_job "$job" >good.stdout 2>stderr || { cat stderr && return 1; }
    good=$(state)
}

# --- allocations ----------------------------------------------------------------------------------------------

run_failing() {
    prepare
    rm -f log
    # The shell's own allocations are not meant, so what it sets is for the program alone.
    (
        for name in REGD REGD_BUILD generator; do
            eval "program=\$$name"
            printf '#!/bin/sh\nLD_PRELOAD=%s FAIL_ALLOCATION=%s FAIL_LOG=%s exec %s "$@"\n' "$SCRATCH/allocations.so" "$1" \
                "$SCRATCH/log" "$program" >"wrapped-$name"
            chmod 755 "wrapped-$name"
        done
        REGD=$SCRATCH/wrapped-REGD REGD_BUILD=$SCRATCH/wrapped-REGD_BUILD generator=$SCRATCH/wrapped-generator
        run_job "$job"
    ) >stdout 2>stderr
}

fail_each() {
    know_job "$1" || return
    run_failing 0 || return
    total=$(grep -v failed log | tail -n 1)
    step=1
    [ "${ALLOCATIONS:-12}" = all ] || step=$((total / ${ALLOCATIONS:-12} + 1))
    number=1 bad=0
    while [ "$number" -le "$total" ]; do
        run_failing "$number"
        check_result $? "allocation $number of $total" || bad=$((bad + 1))
        number=$((number + step))
    done
    [ "$bad" -eq 0 ]
}

# --- the address space ------------------------------------------------------------------------------------------

limit_each() {
    know_job "$1" || return
    limit=12000 bad=0
    while [ "$limit" -lt 40000000 ]; do
        prepare
        (ulimit -v "$limit" && run_job "$job") >stdout 2>stderr
        status=$?
        # The loader, or the shell that starts it, has no room.
        case $status in
        126 | 127) ;;
        *) check_result "$status" "$limit KiB" || bad=$((bad + 1)) ;;
        esac
        limit=$((limit + limit / 3))
    done
    [ "$bad" -eq 0 ] && [ "$status" -eq 0 ]
}

if grep -q __asan_init "$REGD"; then
    skip 'each failing allocation has a sentence' 'the sanitizer has its own allocator'
    skip 'and so has each limit of the address space' 'the sanitizer needs all of it'
    finish
fi
for job in ${JOBS:-$jobs}; do
    claim "$job: each allocation that fails leaves the old state or the new one, and a sentence" fail_each "$job"
    claim "$job: so does each limit of the address space" limit_each "$job"
done
finish
