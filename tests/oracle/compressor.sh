#!/bin/sh
# compressor.sh — is a compressed ramdisk what the uncompressed one is, and can a tree with one be verified and reused?
#
# gzip, xz, zstd and cpio unpack it here; tests/boot has the kernel unpack it.
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/compressor.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR
find_store
wants gzip xz zstd cpio jq
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

unpacker() {
    case $1 in
    gzip*) gzip -dc ;;
    xz*) xz -dc ;;
    zstd*) zstd -qdc ;;
    esac
}
fails() {
    "$@" 2>err
    status=$?
    cat err
    [ "$status" -ne 0 ]
}

# --- the ramdisk ------------------------------------------------------------------------------------------

# Some that compress well, some that do not, so many that each compressor cuts them in several pieces.
: >empty
head -c 3000000 /dev/zero >zeros
head -c 5000001 /bin/busybox >busy || bail 'there is no busybox'
{ printf hsqs && head -c 2500000 /dev/urandom; } >noise
head -c 1237 "$REGD_BUILD" >before
ramdisk() {
    "$REGD_BUILD" ramdisk -q --prepend before --file empty:empty --file zeros:a/zeros --file busy:a/busy --store noise "$@"
}
ramdisk -o plain || bail 'no ramdisk can be made'

# same_archive NAME: behind the first ramdisk, unpacked, is what the plain one has there. Offsets may differ: padding.
same_archive() {
    ramdisk --compressor "$1" -o "packed-$1" && cmp -n 1237 before "packed-$1" &&
        tail -c +1238 "packed-$1" | unpacker "$1" >archive && rm -rf got want && mkdir got want &&
        (cd got && cpio --quiet -idm) <archive && tail -c +1241 plain >archive && (cd want && cpio --quiet -idm) <archive &&
        diff -r got want && (cd got && find . -printf '%p %m\n' | sort) >got.list &&
        (cd want && find . -printf '%p %m\n' | sort) | diff - got.list && cmp noise got/nix-store.squashfs
}
smaller() {
    [ "$(stat -c %s "packed-$1")" -lt $(($(stat -c %s plain) - 3000000)) ]
}
same_bytes() {
    for jobs in 1 2 3 16; do
        ramdisk --compressor "$1" --jobs "$jobs" -o again && cmp again "packed-$1" || return
    done
}
for name in gzip gzip:1 xz:0 xz zstd zstd:1; do
    claim "$name: unpacked it is what was to be compressed" same_archive "$name"
    claim "$name: it is smaller" smaller "$name"
    claim "$name: any number of threads gives the same bytes" same_bytes "$name"
done
one_stream() {
    tail -c +1238 packed-zstd | zstd -qlv 2>&1 | grep -q 'Frames: *1$\|# Zstandard Frames: 1$' || {
        tail -c +1238 packed-zstd >frames.zst && zstd -lv frames.zst | grep 'Frames: 1$'
    } && tail -c +1238 packed-xz >stream.xz && xz --robot --list stream.xz | grep "^totals	1	"
}
claim 'zstd makes one frame, xz one stream: the kernel takes no second' one_stream
one_member() {
    tail -c +1238 packed-gzip >member.gz && [ "$(gzip -l member.gz | awk 'NR == 2 { print $2 }')" -eq "$(unpacker gzip <member.gz | wc -c)" ]
}
claim 'gzip makes one member: the size at its end is that of all' one_member
window() {
    # 13 << 3 is a window of 8 MiB, and smaller ones are lower; bit 5 of the byte before says that there is none, as all fits.
    tail -c +1238 packed-zstd >frame && flags=$(od -An -tu1 -j 4 -N 1 frame) && size=$(od -An -tu1 -j 5 -N 1 frame) &&
        echo "$flags $size" && [ $((flags & 32)) -ne 0 ] || [ "$size" -le 104 ]
}
claim "zstd's window is one that the kernel has memory for" window

none() {
    ramdisk --compressor none -o none && cmp none plain
}
claim 'none is no compressor' none
only_prepended() {
    "$REGD_BUILD" ramdisk -q --prepend before --compressor zstd -o alone && cmp -n 1237 before alone
}
claim 'nothing but other ramdisks is fine too' only_prepended
wrong() {
    for name in lz4 lzo bzip2 gzip:0 gzip:10 zstd:20 xz:10 zstd: '' none:1; do
        ramdisk --compressor "$name" -o wrong 2>err
        [ $? -eq 2 ] && grep -qF "'$name' is no compression of a ramdisk; known are " err && [ ! -e wrong ] || { cat err && return 1; }
    done
}
claim 'other names and levels are a wrong command line' wrong

# --- a tree -----------------------------------------------------------------------------------------------

tree() {
    "$REGD_BUILD" tree --root "$store" -q --compression zstd:3 "$@" "$toplevel"
}
tree -o plain-tree || bail 'no tree can be made'
described() {
    tree --compressor "$1" -o "tree-$1" && (cd "tree-$1" && sha256sum --quiet -c SHA256SUMS) || return
    offset=$(jq '.storeImages[0].archiveOffset' "tree-$1/boot.json")
    jq -e '.storeImages[0] | .file == "initrd" and (has("offset") | not)' "tree-$1/boot.json" &&
        mkdir "files-$1" && tail -c +$((offset + 1)) "tree-$1/initrd" | unpacker "$1" | (cd "files-$1" && cpio --quiet -idm) &&
        tail -c +$(($(jq '.storeImages[0].offset' plain-tree/boot.json) + 1)) plain-tree/initrd |
        cmp -n "$(jq '.storeImages[0].size' "tree-$1/boot.json")" - "files-$1/nix-store.squashfs"
}
verified() {
    "$REGD_BUILD" verify "tree-$1" && cp -r "tree-$1" hurt && at=$(($(stat -c %s hurt/initrd) / 2)) &&
        printf '\125\252' | dd of=hurt/initrd bs=1 seek="$at" conv=notrunc 2>err &&
        (cd hurt && rm initrd.gz && ln initrd initrd.gz) && fails "$REGD_BUILD" verify hurt
    status=$?
    rm -rf hurt
    return "$status"
}
reused() {
    tree --reuse "tree-$1" -o reusing --json >report 2>err && cat err && [ ! -s err ] &&
        jq -e '.reusedBytes == .storedBytes' report && diff -r plain-tree reusing
}
for name in gzip xz zstd; do
    claim "$name: the tree's image is the same, and boot.json says where the archive starts" described "$name"
    claim "$name: verify finds it whole, and a change in it" verified "$name"
    claim "$name: an image can be reused out of it" reused "$name"
done
lies() {
    cp -r tree-zstd lies && jq "$1" tree-zstd/boot.json >lies/boot.json && fails "$REGD_BUILD" verify lies >found && grep -F -- "$2" found
    status=$?
    rm -rf lies
    return "$status"
}
claim 'an image of another size is found' lies '.storeImages[0].size += 4096' 'says'
claim 'an image that is not in the archive is found' lies '.storeImages[0].name = "nix-store.1.squashfs"' 'has no nix-store.1.squashfs'
claim 'an archive that starts elsewhere is found' lies '.storeImages[0].archiveOffset += 1' "archive"
# A small archive can unpack to any size: no more than boot.json says is written.
endless() {
    mkdir -p endless/in && cp -r tree-zstd/* endless/ && truncate -s 256M endless/in/nix-store.squashfs &&
        (cd endless/in && echo nix-store.squashfs | cpio --quiet -o -H newc | zstd -q) >endless/initrd &&
        jq '.storeImages[0].archiveOffset = 0' tree-zstd/boot.json >endless/boot.json && rm -r endless/in &&
        trap '' XFSZ && ulimit -f 131072 && fails "$REGD_BUILD" verify endless >found &&
        grep 'it has 268435456 bytes, and boot.json says' found && tree --reuse endless -o reusing 2>err && cat err &&
        diff -r plain-tree reusing
}
claim 'an archive that unpacks to more is not unpacked' endless
# Where files without a name cannot be made. What a killed run left is in nobody's way.
no_temporary() {
    : >.ramdisk-archive && strace -f -qq -e trace=openat -o trace "$REGD_BUILD" ramdisk -q --store noise --compressor zstd -o named &&
        nth=$(grep openat trace | grep -n O_TMPFILE | cut -d: -f1) && rm named &&
        strace -f -qq -e trace=openat,unlink -e inject="openat:error=EOPNOTSUPP:when=$nth" -o trace \
            "$REGD_BUILD" ramdisk -q --store noise --compressor zstd -o named && grep 'O_TMPFILE.*INJECTED' trace && grep 'unlink(' trace &&
        "$REGD_BUILD" ramdisk -q --store noise --compressor zstd -o unnamed && cmp named unnamed && rm .ramdisk-archive
}
text='where no file can be without a name, one that has it for a moment serves'
if strace -o /dev/null true 2>/dev/null; then
    claim "$text" no_temporary
else
    skip "$text" 'strace is not there, or must not trace'
fi
separate() {
    tree --compressor zstd --separate-store -o separate 2>err
    [ $? -eq 2 ] && grep 'cannot be combined' err
}
claim '--separate-store does not go together with it' separate
extras() {
    tree --compressor zstd --max-size 8M --file before:etc/before -o layers && mkdir layer-files &&
        tail -c +$(($(jq '.storeImages[1].archiveOffset' layers/boot.json) + 1)) layers/initrd | zstd -qdc |
        (cd layer-files && cpio --quiet -idm) && cmp before layer-files/etc/before && "$REGD_BUILD" verify layers &&
        [ "$(find layer-files -name 'nix-store*.squashfs' | wc -l)" -eq "$(jq '.storeImages | length' layers/boot.json)" ]
}
claim 'several images and extra files are in it too' extras
left() {
    [ -z "$(find . -name '.*' -mindepth 1)" ]
}
claim 'nothing is left lying about' left

finish
