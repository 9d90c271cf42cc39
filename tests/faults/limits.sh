#!/bin/sh
# limits.sh — if the system grants little memory or few threads, is the work done, or is the need stated?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/faults/limits.sh
# shellcheck disable=SC2317,SC3045  # claims call functions by their names; every sh here has ulimit -v
set -u
: "${REGD:?}" "${REGD_BUILD:?}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh

find_store
cd "$SCRATCH" || bail "$SCRATCH is not there"

# A store of 5 kB.
small=/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-small
mkdir -p "root$small" && head -c 5000 /dev/zero | tr '\0' x >"root$small/file" && printf '%s\n\n0\n' $small >graph
image() {
    "$REGD_BUILD" squashfs --root root --graph graph -q "$@"
}
image -j 1 -o expected || bail 'no image could be made'

is_sanitized() {
    grep -q __asan_init "$REGD_BUILD"
}

# limited KIB COMMAND...
limited() (
    ulimit -v "$1"
    shift
    "$@"
)

# as_ever COMMAND...: with the outcome of one thread that is not limited.
as_ever() {
    rm -f image
    "$@" -o image && cmp image expected
}

claim '1000 threads have the outcome of one' as_ever image -j 1000

# as_ever_or_told KIB COMMAND...
as_ever_or_told() {
    if as_ever limited "$@" 2>err; then
        worked=$((worked + 1))
        return
    fi
    cat err
    [ "$(wc -l <err)" -eq 1 ] && grep -q 'reserve 16 MiB of memory: .*; allow 256 MiB of address space (ulimit -v)' err
}
at_any_limit() {
    worked=0
    for kib in 60000 70000 80000 90000 100000 110000 120000 130000 150000 200000 250000; do
        for jobs in 1 2 8 1000; do
            as_ever_or_told "$kib" image -j "$jobs" || return
        done
    done
    test "$worked" -gt 10
}
verified() {
    limited "$1" "$REGD_BUILD" verify -q -j "$2" expected && limited "$1" "$REGD" verify --root "$store" -q -j "$2"
}
if is_sanitized; then
    skip 'little address space is enough, or one sentence says what is' 'the sanitizers take more'
else
    for jobs in 1 2 8 1000; do
        claim "$jobs threads in 8 GB of address space" as_ever limited 8000000 image -j $jobs
        claim "$jobs threads in 256 MiB of address space" as_ever limited 262144 image -j $jobs
        claim "verification by $jobs threads in 256 MiB" verified 262144 $jobs
    done
    claim 'less is enough, or one sentence says what is' at_any_limit
    # What may be written counts here, as with vm.overcommit_memory=2, whether it is used or not.
    limited() (
        ulimit -d "$1"
        shift
        "$@"
    )
    for jobs in 1 2 8 1000; do
        claim "$jobs threads in 256 MiB of memory that counts before it is used" as_ever limited 262144 image -j $jobs
    done
    claim 'less of it is enough, or one sentence says what is' at_any_limit
    limited() (
        ulimit -v "$1"
        shift
        "$@"
    )
fi

# --- Few threads ----------------------------------------------------------------------------------

# As a user who may have so many processes.
few() {
    setpriv --reuid 65533 --regid 65533 --clear-groups prlimit --nproc="$1:$1" "${TMPDIR:-/tmp}/$copy" \
        tree --root "$store" --compression zstd:1 --compressor "$2" -j 8 -q -o "$SCRATCH/open/tree" "$toplevel"
}
whole() {
    rm -rf open/tree
    few "$@" && "$REGD_BUILD" verify -q open/tree
}
told() {
    rm -rf open/tree
    ! few "$@" 2>err && cat err && [ "$(wc -l <err)" -eq 1 ] &&
        grep -q 'no room for [0-9]* threads; use fewer (--jobs), or gzip, which takes as many as there are' err
}
# What is run lies where that user finds it.
copy=$(basename "$(mktemp "${TMPDIR:-/tmp}/regd-build.XXXXXX")")
cp "$REGD_BUILD" "${TMPDIR:-/tmp}/$copy" && chmod 755 "${TMPDIR:-/tmp}/$copy"
trap 'rm -f "${TMPDIR:-/tmp}/$copy"; tap_end' EXIT
mkdir -m 777 open
if [ "$(id -u)" -ne 0 ] || ! have setpriv 'a limit of processes' || ! have prlimit 'a limit of processes'; then
    [ "$(id -u)" -eq 0 ] || skip 'a limit of processes' 'only root can become a user without any'
elif ! (setpriv --reuid 65533 --regid 65533 --clear-groups "${TMPDIR:-/tmp}/$copy" --version) >out 2>&1; then
    skip 'a limit of processes' 'that user cannot run the program'
else
    for most in 1 3; do
        claim "a limit of $most processes" whole $most none
        claim "and a compressed archive" whole $most gzip
        for compressor in zstd:1 xz:0; do
            claim "or one sentence says what $compressor needs" told $most $compressor
        done
    done
fi

# --- Many images ----------------------------------------------------------------------------------

# A tree of 41 images: each but the last has some paths, and those before it below it.
many_images() {
    set --
    for path in $("$REGD_BUILD" manifest --root "$store" "$toplevel" | grep '^/nix/store/' | sort -u | head -40); do
        "$REGD_BUILD" squashfs --root "$store" --compression zstd:1 -q "$@" -o "base.$#" "$path" || return
        set -- "$@" --base "base.$#"
    done
    "$REGD_BUILD" tree --root "$store" --compression zstd:1 -q "$@" -o many "$toplevel" &&
        "$REGD_BUILD" tree --root "$store" --compression zstd:1 -q -o one "$toplevel" &&
        [ "$(grep -c '"nix-store.*squashfs"' many/boot.json)" -eq 41 ]
}
peak_kib() {
    /usr/bin/time -q -f %M -o peak "$REGD_BUILD" verify -q -j 2 "$1" && cat peak
}
as_small() {
    one=$(peak_kib one) && many=$(peak_kib many) || return
    echo "one image: $one KiB; 41 images: $many KiB"
    [ "$many" -lt $((one + 16384)) ]
}
if is_sanitized; then
    skip 'the memory of a verification does not grow with the number of images' 'the sanitizers take more'
elif have /usr/bin/time 'the memory of a verification does not grow with the number of images'; then
    claim 'a tree of 41 images' many_images
    claim 'the memory of its verification is that of one image' as_small
fi

finish
