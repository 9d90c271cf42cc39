#!/bin/sh
# unpacked.sh — does boot.json say what a prepended ramdisk unpacks to, however it is compressed?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/unpacked.sh
#
# The ramdisks are made by cpio and by the compressors themselves. What is expected is counted in the files: whole pages, and
# 1 KiB for each of them.
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
find_store
wants cpio jq
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

tree() {
    rm -rf tree
    "$REGD_BUILD" tree --root "$store" --quiet --compression lz4 -o tree "$@" "$toplevel" 2>stderr
}
unpacked() {
    jq .unpackedSize tree/boot.json
}
# It takes the place of the system's own ramdisk.
: >nothing
tree --prepend nothing || bail 'no tree can be made'
without=$(unpacked)

mkdir -p files/directory && ln -s directory files/link && : >files/empty && seq 4096 | head -c 4096 >files/page &&
    seq 4097 | head -c 4097 >files/directory/more && seq 900000 >files/directory/much &&
    echo 'mount /nix-store.squashfs' >files/init || bail 'no files can be made'
(cd files && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc) >plain || bail 'cpio failed'
# A link's target is data, as cpio has it.
expected=$(find files -mindepth 1 -type f -printf '%s\n' -o -mindepth 1 -type l -printf '%s\n' -o -mindepth 1 -printf '0\n' |
    awk '{ sum += int(($1 + 4095) / 4096) * 4096 + 1024 } END { print sum }')
[ "$expected" -gt 6000000 ] || bail 'the files are not what they should be'

# counted TIMES RAMDISK
counted() {
    tree --prepend "$2" && cat stderr && [ ! -s stderr ] || return
    echo "$(unpacked) - $without, expected $1 times $expected"
    [ "$(($(unpacked) - without))" -eq "$(($1 * expected))" ]
}
claim 'not compressed' counted 1 plain
pad() {
    truncate -s %4 "$1"
}
while read -r name program command; do
    have "$program" "$name" || continue
    $command <plain >"$name" || bail "$program failed"
    claim "$name" counted 1 "$name"
    # Early microcode comes first, not compressed; secrets are added behind.
    { cat plain && head -c 512 /dev/zero && cat "$name"; } >behind
    claim "$name behind one that is not compressed" counted 2 behind
    # lz4's format does not say where it ends: for the kernel, too, nothing can follow.
    [ "$name" != lz4 ] || continue
    cp "$name" front && pad front && cat plain >>front
    claim "$name in front of one" counted 2 front
    cat "$name" "$name" >several && gzip -n <plain >>several && pad several && cat plain >>several
    claim "$name twice, gzip right behind, and one that is not compressed" counted 4 several
done <<'END'
gzip gzip gzip -n
bzip2 bzip2 bzip2
xz xz xz --check=crc32
lzma xz xz --format=lzma
zstd zstd zstd -19
lz4 lz4 lz4 -l
lzo lzop lzop -1
lzo-9 lzop lzop -9
END

: >other && echo other | cpio --quiet -o -H newc | gzip -n >stranger || bail 'cpio failed'
not_mounted() {
    tree --prepend stranger && cat stderr &&
        grep -q 'warning: the initial ramdisk does not name nix-store.squashfs: this system may not mount' stderr &&
        tree --prepend stranger --prepend plain && cat stderr && [ ! -s stderr ]
}
claim 'a ramdisk that does not mount the image is told' not_mounted

# doubted RAMDISK SENTENCE: it is counted four times, and told even to who wants it quiet.
doubted() {
    tree --prepend "$1" && cat stderr && grep -qF "warning: the kernel may not unpack all of the ramdisk $1: at byte $2" stderr &&
        [ "$(grep -c -v 'does not name nix-store.squashfs' stderr)" -eq 1 ]
}
head -c 1000 /dev/urandom | tr '\0' x | sed '1s/^./?/' >noise
claim 'what is no archive is told' doubted noise '0: it is neither a cpio archive nor compressed as the kernel knows it'
{ cat plain && printf x && cat plain; } >junk
claim 'so is what stands between two' doubted junk "$(stat -c %s plain): it is neither a cpio archive nor compressed"
head -c 3000000 plain >short
claim 'and one that is cut off' doubted short '0: it ends within a member'
{ printf '\0' && cat plain; } >shifted
claim 'and one that does not start on a multiple of 4' doubted shifted '1: an archive does not start on a multiple of 4'
{ printf '\211LZO\0\r\n\032\n' && cat plain; } >no-lzo
claim 'and what only begins as lzo does' doubted no-lzo '0: it is damaged'
head -c 600000000 /dev/zero | { printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x' 1 33188 0 0 1 0 600000000 0 0 0 0 2 0 &&
    printf 'a\0' && cat; } | gzip -1n >bomb
too_much() {
    ! tree --prepend bomb && cat stderr && grep -q 'unpack the ramdisk bomb: its contents: more than [0-9]* bytes' stderr && [ ! -e tree ]
}
claim 'one that unpacks to what no initial ramdisk does is refused' too_much
finish
