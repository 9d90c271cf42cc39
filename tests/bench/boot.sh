#!/bin/sh
# boot.sh — the benchmark of booting: how much memory and time it takes with the store in the ramdisk, and by URL.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] [WAYS='ramdisk url'] [LEAST=no] sh tests/bench/boot.sh [MEBIBYTES...]
#
#            MEBIBYTES   of the store image; 60 and 460 by default. Bytes that do not compress fill the image.
#
#            LEAST=no    measure no memory, which takes eight boots
#
# The machines are those of tests/boot: emulated, BIOS, iPXE, one system with one initial ramdisk, which runs systemd. The
# server is busybox on this host.
#
# Prints   for each way and image: seconds from the start of the machine until multi-user.target is reached, with 2 GiB of
#          memory; what systemd says of it; the smallest memory with which it is reached, to a hundredth, and by regd-build;
#          and the same less the image and its verity data. A line each that starts with "=".
# shellcheck disable=SC2015,SC2154  # `A && B || C` is meant so; variables of the kit
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh
# shellcheck source=tests/boot/kit/stage1.sh disable=SC1091
. tests/boot/kit/stage1.sh
# shellcheck source=tests/boot/kit/fetch.sh disable=SC1091
. tests/boot/kit/fetch.sh
[ $# -gt 0 ] || set -- 60 460

begin_fetch 'a benchmark'
begin_boots 'a benchmark'
trap stop_machine EXIT
echo 'claim "multi-user.target is reached" is_up' >"$SCRATCH/up"
pass_checks "$SCRATCH/up"
make_stage1 stage1 add_fetch
toplevel=$(cat "$live/first")
"$REGD_BUILD" squashfs --quiet --root "$live" --compression zstd:3 "$toplevel" -o "$SCRATCH/least.squashfs" || bail 'no image can be made'
least_kib=$(($(stat -c %s "$SCRATCH/least.squashfs") >> 10))

# The image of this many mebibytes: the system, and a store path that fills it up.
fill() {
    head -c $((($1 * 1024 - least_kib) * 1024)) /dev/urandom >"$SCRATCH/fill-$1"
    live=$SCRATCH/live-$1
    cp -a "$fixture" "$live" && filler=$(nix-store --option build-users-group '' --store "$live" --add "$SCRATCH/fill-$1") || bail 'nothing fills the image'
    rm "$SCRATCH/fill-$1"
}

# is_reached MEBIBYTES: with so much memory.
is_reached() {
    machine_memory=$1
    boot_net "$2" >&2 && grep -q '^ok .*reached' "$SCRATCH/$2.results"
}

# least NAME LOW HIGH: bisects.
least() {
    low=$2 high=$3
    while [ $((high - low)) -gt $((high / 100 + 1)) ]; do
        middle=$(((low + high) / 2))
        if is_reached "$middle" "$1"; then high=$middle; else low=$middle; fi
        echo "# $1: more than $low, at most $high MiB" >&2
    done
    echo "$high"
}

fixture=$live
for size; do
    fill "$size"
    for way in ${WAYS:-ramdisk url}; do
        name=$way-$size
        by_url=
        [ "$way" = ramdisk ] || by_url=--by-url
        # shellcheck disable=SC2086  # nothing, or an option
        make_tree "$name" first $by_url --prepend "$SCRATCH/stage1.gz" --add "$filler"
        said=$((($(told_by memoryAtBoot) + 1048575) >> 20))
        is_reached 2048 "$name" || bail "$name does not boot"
        seconds=$(($(stat -c %Y "$SCRATCH/$name.results") - machine_start))
        sed -n 's/\r//; s/^# measured /= '"$name"': /p' "$SCRATCH/$name.results"
        echo "= $name: $seconds s, load $(cut -d ' ' -f 1 /proc/loadavg)"
        [ "${LEAST-}" = no ] && continue
        memory=$(least "$name" $((said / 2)) $((said * 5 / 4)))
        image=$(($(stat -c %s "$SCRATCH/$name"/stores/*.squashfs "$SCRATCH/$name"/stores/*.verity 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }') >> 20))
        [ "$way" = url ] || image=$size
        echo "= $name: $memory MiB boot, regd-build says $said; $((memory - image)) MiB besides the image"
        rm -rf "${SCRATCH:?}/$name"
    done
    chmod -R u+w "$live" && rm -rf "$live"
done
