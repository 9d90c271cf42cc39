#!/bin/sh
# verity.sh — is the verity data of an image what veritysetup makes and accepts, and is every change found?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/verity.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
wants jq unsquashfs
find_store
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

build() {
    "$REGD_BUILD" squashfs --root "$store" --quiet --compression lz4 "$@" "$toplevel"
}
build -o plain && build --verity append -o append && build --verity file -o file || bail 'no image can be made'
size=$(stat -c %s plain)
root=$("$REGD_BUILD" inspect --json append | jq -er .rootHash) || bail 'no root hash'

same_image() {
    cmp plain file && cmp -n "$size" plain append && tail -c "+$((size + 1))" append | cmp - file.verity &&
        [ "$(stat -c %s append)" -eq $((size + $(stat -c %s file.verity))) ]
}
claim 'the image is the same, and so is its verity data behind it and beside it' same_image

same_tree() {
    "$REGD_BUILD" inspect --json file | jq -e --arg root "$root" '.rootHash == $root' &&
        "$REGD_BUILD" inspect file | grep -qx "verity    root hash $root" &&
        "$REGD_BUILD" inspect --json plain | jq -e 'has("rootHash") | not'
}
claim 'inspect shows the root hash, or none' same_tree

told() {
    build --verity append --json -o told | jq -e --arg root "$root" '.rootHashes == [$root] and .images == ["told"]' &&
        "$REGD_BUILD" squashfs --root "$store" --compression lz4 --verity file -o told "$toplevel" 2>&1 |
        grep -qx "regd-build: root hash of told: $root"
}
claim 'squashfs tells it' told

any_jobs() {
    for jobs in 1 2 7; do
        (umask 077 && build --jobs "$jobs" --verity append -o other) && cmp append other || return
    done
}
claim 'any number of threads gives the same bytes' any_jobs

if have veritysetup 'veritysetup makes the same bytes' 'and accepts them, beside the image and behind it' 'and no other image'; then
    uuid=$(od -An -tx1 -j16 -N16 file.verity | tr -d ' \n' | sed 's/\(.\{8\}\)\(....\)\(....\)\(....\)/\1-\2-\3-\4-/')
    their_bytes() {
        veritysetup format --salt=- --uuid="$uuid" plain theirs | grep -q "^Root hash:[[:space:]]*$root\$" && cmp theirs file.verity
    }
    claim 'veritysetup makes the same bytes' their_bytes
    accepted() {
        veritysetup verify file file.verity "$root" && veritysetup verify --hash-offset="$size" append append "$root"
    }
    claim 'and accepts them, beside the image and behind it' accepted
    refused() {
        cp plain other && printf x | dd of=other bs=1 seek=70000 conv=notrunc status=none &&
            ! veritysetup verify other file.verity "$root" && ! veritysetup verify plain file.verity "${root%?}$(echo "${root#"${root%?}"}" | tr 0-9a-f 1-9a-f0)"
    }
    claim 'and no other image' refused
fi

reads() {
    rm -rf out && unsquashfs -q -n -d out append >/dev/null && rm -rf plain.out && unsquashfs -q -n -d plain.out plain >/dev/null &&
        diff -r --no-dereference out plain.out
}
claim 'unsquashfs reads an image with verity data behind it' reads
mounts() {
    mkdir -p mounted && mount -o loop,ro append mounted && diff -r --no-dereference mounted plain.out
    status=$?
    umount mounted
    return "$status"
}
if [ "$(id -u)" = 0 ] && mkdir -p mounted && mount -o loop,ro plain mounted 2>/dev/null; then
    umount mounted
    claim 'so does the kernel' mounts
else
    skip 'so does the kernel' 'this machine mounts no image'
fi

# --- verify -----------------------------------------------------------------------------------------------

verify() {
    "$REGD_BUILD" verify "$@" >stdout 2>stderr
    status=$?
    cat stdout stderr
    return "$status"
}
verified() {
    verify append && verify file && verify append --root-hash "$root" && verify file --root-hash "$root" && [ ! -s stdout ]
}
claim 'verify accepts both' verified

# finds SENTENCE OPTION...: the one finding.
finds() {
    wanted=$1
    shift
    ! verify "$@" && [ "$(cat stdout)" = "layout: verity data: $wanted" ] && grep -q 'found: 1 layout$' stderr
}
# changed FILE BYTE: as other, with one bit less or more.
changed() {
    cp "$1" other
    byte=$(od -An -tu1 -j "$2" -N 1 other)
    # shellcheck disable=SC2059  # the byte, as an escape
    printf "\\$(printf %03o $((byte ^ 4)))" | dd of=other bs=1 seek="$2" conv=notrunc status=none
}
wrong=$(printf %064d 0)
claim 'another root hash is found' finds "append: its root hash is $root, expected $wrong" append --root-hash "$wrong"
claim 'also beside the image' finds "file.verity: its root hash is $root, expected $wrong" file --root-hash "$wrong"
claim 'no verity data is found, where a root hash is given' finds 'there is none, and --root-hash is given' plain --root-hash "$root"
lowest=$((size + $(stat -c %s file.verity) - 4096 * ((size / 4096 + 127) / 128)))
leaf() {
    changed append $((lowest + 32 * 3 + 5)) && finds 'other: the block at byte 12288 does not have the hash that other lists' other
}
claim 'a changed hash is found' leaf
superblock() {
    changed append $((size + 20)) && finds 'other: its superblock is not the one that regd-build writes' other
}
claim 'so is a changed superblock' superblock
cut() {
    head -c -1 append >other && finds "it has $(($(stat -c %s file.verity) - 1)) bytes, expected $(stat -c %s file.verity)" other
}
claim 'and verity data that is cut off' cut
block() {
    changed append 70000 && ! verify other && grep -qx 'layout: verity data: other: the block at byte 69632 does not have the hash that other lists' stdout &&
        grep -qx 'layout: checksum: it is not that of the image' stdout
}
claim 'and a changed block of the image' block
every_bit() {
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        at=$((size + (i * 7919) % $(stat -c %s file.verity)))
        changed append "$at" && ! verify other && grep -q '^layout: verity data: ' stdout || { echo "not found: byte $at" && return 1; }
    done
}
claim 'bits of the verity data here and there are found' every_bit
inspected() {
    changed append $((size + 20)) && "$REGD_BUILD" inspect other -q 2>stderr >stdout && cat stderr stdout &&
        grep -qx 'regd-build: warning: other: no root hash is shown, because of its verity data: other: its superblock is not the one that regd-build writes' stderr &&
        ! grep -q '^verity' stdout
}
claim 'inspect warns of it, and shows the rest' inspected

# --- several images, and what is refused ------------------------------------------------------------------

limit=$((size / 3))
layers() {
    build --verity append --max-size "$limit" --json -o layer.squashfs >json && jq -e '.images | length > 2' json &&
        [ "$(jq '.rootHashes | length' json)" -eq "$(jq '.images | length' json)" ] &&
        for i in $(seq 0 $(($(jq '.images | length' json) - 1))); do
            name=$(jq -r ".images[$i]" json)
            [ "$(stat -c %s "$name")" -le "$limit" ] && "$REGD_BUILD" inspect --json "$name" | jq -e --arg root "$(jq -r ".rootHashes[$i]" json)" '.rootHash == $root' &&
                verify "$name" --base plain || return
        done
}
claim 'each of several images has its own, and is not larger with it than --max-size' layers
before_work() {
    rm -rf beside beside.verity && mkdir beside.verity && ! build --verity file -o beside 2>stderr && cat stderr && grep -q 'beside.verity' stderr && [ ! -e beside ]
}
claim 'where the name of the verity data is taken, that is told before the work' before_work
usage() {
    build --verity both -o other 2>stderr
    [ $? -eq 2 ] && cat stderr && grep -qx "regd-build: --verity expects append or file, not 'both'" stderr &&
        { verify plain --root-hash 12; [ $? -eq 2 ]; } && grep -qx "regd-build: --root-hash expects 64 hex digits, not '12'" stderr
}
claim 'wrong values are refused' usage
finish
