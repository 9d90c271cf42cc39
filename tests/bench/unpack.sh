#!/bin/sh
# unpack.sh — the benchmark: from an image to an installed store, by `nix copy`, by what nixos-install does, by `unsquashfs`,
# and by `regd-build unpack`.
#
# Usage    [REGD_BUILD=…] [RUNS=5] [DISK=yes] sh tests/bench/unpack.sh [DIR [MEBIBYTES [COMPRESSION...]]]
#
#            DIR, MEBIBYTES, REGD_BUILD, RUNS as image.sh has them; the tree is the same. What is measured is written to DIR
#            COMPRESSION  of the images: zstd:19 lz4 by default
#            DISK         before each run a new ext4 file system is made in a file of DIR and mounted, as an installer does. (On
#                         one where files were just removed ext4 may look for a free inode most of the time.) Only root can
#
# Prints   for each COMPRESSION: median wall and CPU time, the least CPU time, in milliseconds; peak memory; how many times as
#          long nix copy and unsquashfs take. All run with the highest priority, if they may: on a busy machine the one that has
#          more threads would get more of the CPUs. Each row ends when the data is on disk. CPU time of the kernel's own threads is
#          nobody's. Rows:
#            nix copy            from the image into a new store, which copies and registers; then sync. The image is mounted
#                                anew before, because an installer reads each path once. Only root can
#            nixos-install       as it does: paths are substituted from that store, and the profile is set; then sync
#            unsquashfs          then nix-store --load-db, then sync. Nothing is compared with a hash
#            regd-build unpack   --register. Each path is compared with its NAR hash
#            regd-build unpack --optimise
set -eu
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NIX_REMOTE
# shellcheck source=tests/bench/common.sh disable=SC1091
. tests/bench/common.sh
begin ${1:+"$1"}
given=${1-}
mebibytes=${2:-100}
if [ $# -gt 2 ]; then
    shift 2
else
    set -- zstd:19 lz4
fi

[ -s "$dir/tree/registration" ] || sh tests/bench/make_tree.sh "$dir/tree" "$mebibytes"
mkdir -p "$dir/conf" "$dir/home"
printf 'build-users-group =\nexperimental-features = nix-command\n' >"$dir/conf/nix.conf"
export HOME="$dir/home" NIX_CONF_DIR="$dir/conf" NIX_USER_CONF_FILES=/dev/null
sed -n 's|^/nix/store/|&|p' "$dir/tree/registration" | sort -u >"$dir/paths"

live=$dir/live
out=$dir/out
unmount() {
    if [ -d "$live" ]; then
        umount -q "$live/nix/store" "$live/image" || :
    fi
}
if [ "${DISK-}" ]; then
    mkdir -p "$out" && truncate -s "$((mebibytes * 4 + 256))M" "$dir/disk"
    clear="umount -q $out; mkfs.ext4 -qF -E lazy_itable_init=0,lazy_journal_init=0 $dir/disk && mount -o loop $dir/disk $out"
else
    clear="chmod -R u+w $out 2>/dev/null; rm -rf $out; mkdir -p $out; sync -f $out"
fi
trap 'unmount; umount -q "$out"; rm -f "$dir/disk"; chmod -R u+w "$out" 2>/dev/null; rm -rf "$out"; [ -n "$given" ] || { chmod -R u+w "$dir"; rm -rf "$dir"; }' EXIT
trap 'exit 1' HUP INT TERM

# Nothing of what was read before is in memory as the kernel has unpacked it.
cat >"$dir/mount.sh" <<END
umount -q '$live/nix/store' '$live/image'
mount -t squashfs -o loop,ro "\$1" '$live/image' &&
    mount -t overlay -o 'lowerdir=$live/image,upperdir=$live/upper,workdir=$live/work' regd '$live/nix/store'
END

# What a live system mounts, with its database.
mount_image() {
    unmount
    rm -rf "$live"
    mkdir -p "$live/image" "$live/upper" "$live/work" "$live/nix/store"
    sh "$dir/mount.sh" "$1" && nix-store --store "$live" --load-db <"$dir/tree/registration"
}

cat >"$dir/copy.sh" <<END
xargs nix copy --from '$live' --to '$out' --no-check-sigs <'$dir/paths' 2>'$dir/copy.log' && sync -f '$out'
END
# The store URI and the options are those of nixos-install. The paths of this tree have no references, so all are named.
cat >"$dir/install.sh" <<END
xargs nix-store --store '$out' --option substituters 'local?root=$live&trusted=1' --realise <'$dir/paths' >'$dir/install.log' 2>&1 &&
    nix-env --store '$out' -p '$out/nix/var/nix/profiles/system' --set "\$(head -n 1 '$dir/paths')" && sync -f '$out'
END
cat >"$dir/unsquash.sh" <<END
mkdir -p '$out/nix' && unsquashfs -q -n -d '$out/nix/store' "\$1" >/dev/null && rm '$out/nix/store/nix-path-registration' &&
    nix-store --store '$out' --load-db <'$dir/tree/registration' && sync -f '$out'
END

priority=
! nice -n -20 nice 2>/dev/null | grep -qxe -20 || priority='nice -n -20'

printf '%d MiB in %d files, %d paths; %d threads, %d runs each\n' "$(($(du -sb "$dir/tree/nix/store" | cut -f 1) >> 20))" \
    "$(find "$dir/tree/nix/store" -type f ! -path '*/.links/*' | wc -l)" "$(wc -l <"$dir/paths")" "$(nproc)" "$runs"
for compression; do
    image=$dir/$compression.squashfs
    "$REGD_BUILD" squashfs -q --root "$dir/tree" --registration "$dir/tree/registration" --compression "$compression" -o "$image"
    set -- 'unsquashfs' "$clear" "$priority sh $dir/unsquash.sh $image"
    if [ "$(id -u)" -eq 0 ] && mount_image "$image"; then
        set -- 'nix copy' "$clear && sh $dir/mount.sh $image" "$priority sh $dir/copy.sh" \
            'nixos-install' "$clear && sh $dir/mount.sh $image" "$priority sh $dir/install.sh" "$@"
    else
        echo 'the image cannot be mounted here: those rows are skipped'
    fi
    printf '\n%-40s %10s %10s %10s %8s %9s %9s\n' "$compression" 'wall ms' 'CPU ms' 'least CPU' 'MiB' 'nix copy' unsquash
    "$measure" "$runs" "$@" 'regd-build unpack' "$clear" "$priority $REGD_BUILD unpack -q $image --root $out --register" \
        'regd-build unpack --optimise' "$clear" "$priority $REGD_BUILD unpack -q $image --root $out --register --optimise" |
        awk -F '\t' '/^nix copy\t/ { copy = $2 } /^unsquashfs\t/ { plain = $2 }
            { printf "%-40s %10.0f %10.0f %10.0f %8.0f %9.2f %9.2f\n", $1, $2, $4, $5, $6 / 1024, copy / $2, plain / $2 }'
    unmount
    rm -rf "$image" "$live"
done
