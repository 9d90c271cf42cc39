#!/bin/sh
# budgets.sh — is an input that claims far more than its size refused with a sentence, at little cost?
#
# Each input is made here and is small: a description with 40 000 signatures, one with 22 million empty lists, files of
# holes, a SHA256SUMS that names one file thousands of times, images of a few hundred bytes with huge holes
# (tests/hole_image.c), ramdisks of zeros. Time and memory are limited while they are read, and compared with the limit
# that the page gives.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/faults/budgets.sh
# shellcheck disable=SC2015,SC2016,SC2086,SC2317,SC3045  # dash has ulimit -t; `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C

case $REGD in /*) ;; *) REGD=$PWD/$REGD ;; esac
case $REGD_BUILD in /*) ;; *) REGD_BUILD=$PWD/$REGD_BUILD ;; esac
cd "$SCRATCH" || bail "$SCRATCH is not there"

base=00000000000000000000000000000000-x
zeros=$(printf '%064d' 0)
printf '/nix/store/%s\n%s\n1\n\n0\n' "$base" "$zeros" >manifest

# The most that a run may use: processor seconds, and MiB of what is resident.
SECONDS_MOST=30
limited() {
    (ulimit -t $SECONDS_MOST && exec /usr/bin/time -q -f %M -o peak "$@")
}

is_sanitized() {
    grep -q __asan_init "$REGD"
}

# peak_below MIB: the sanitizers take several times as much, so they are not measured.
peak_below() {
    is_sanitized && return
    [ "$(tail -n 1 peak)" -lt $(($1 * 1024)) ] || { echo "peak: $(tail -n 1 peak) KiB" && return 1; }
}

register() {
    rm -rf root && mkdir -p root/nix/store root/nix/var/nix &&
        limited "$REGD" register --root root --missing accept manifest 2>stderr
    status=$?
    cat stderr
    return $status
}

# not_used SENTENCE: the description is not used, the manifest is.
# Where the sanitizers leave no memory for it, that is the sentence.
not_used() {
    register && grep -q '1 of 1 paths registered' stderr &&
        { grep -qF "$1" stderr || { is_sanitized && grep -q 'reserve .* of memory' stderr; }; }
}

# --- Descriptions ------------------------------------------------------------------------------------------

# repeat TEXT COUNT
repeat() {
    yes "$1" | head -n "$2" | tr -d '\n'
}

signatures() {
    {
        printf '{"/nix/store/%s":{"narHash":"sha256:%s","narSize":1,"references":[],"signatures":[' "$base" "$zeros"
        repeat '"a",' 39999
        printf '"a"]}}'
    } >manifest.json
    register && ! grep -q 'not used' stderr && peak_below 64 &&
        "$REGD" dump --root root --json >dumped && [ "$(grep -o '"a"' dumped | wc -l)" -eq 40000 ]
}
claim '40 000 signatures of one path are taken, in time and memory that grow with their number' signatures

bomb() {
    { printf '[' && repeat '[],' 22369621 && printf '[]]'; } >manifest.json
    not_used 'JSON values, and 67108867 bytes may have' && peak_below 128
}
claim '64 MiB of empty lists are refused before they are values' bomb

holes() {
    rm -f manifest.json && truncate -s 1G manifest.json && not_used 'its size: more than' && peak_below 32
}
claim 'a description that is a hole is refused before it is read' holes

large() {
    rm -f manifest.json && truncate -s 2T manifest.json && not_used 'larger than the limit' && peak_below 32
}
claim 'one of 2 TiB, too' large

no_file() {
    rm -f manifest.json && mkdir manifest.json && not_used 'manifest.json'
    status=$?
    rmdir manifest.json
    return $status
}
claim 'one that is a directory is not used' no_file

# --- SHA256SUMS --------------------------------------------------------------------------------------------

sum=$(printf x | sha256sum | cut -c -64)

# refused SENTENCE: the tree is refused by this sentence, which is the only line.
refused() {
    limited "$REGD_BUILD" verify tree >stdout 2>stderr
    status=$?
    cat stdout stderr
    [ $status -eq 1 ] && [ "$(wc -l <stderr)" -eq 1 ] && grep -qF "$1" stderr
}

# sums TEXT...: makes a tree of a file "initrd" and these lines.
sums() {
    rm -rf tree && mkdir tree && printf x >tree/initrd && printf '%s\n' "$@" >tree/SHA256SUMS
}

short_line() {
    for text in x "$sum" "$sum " "$sum  " "$(printf %.60s "$sum")  initrd" "" "\\$sum  a\\nb" "$sum  a//b" "$sum  /b" "$sum  a/" "$sum  a/.." "$sum  .."; do
        sums "$sum  initrd" "$text" && refused 'SHA256SUMS: line 2: expected a SHA-256 in lower case' || return
    done
}
claim 'a line of another shape is refused by its number' short_line

repeated() {
    sums "$sum  initrd" && yes "$sum  initrd" | head -n 14001 >tree/SHA256SUMS && truncate -s 2G tree/initrd &&
        refused "'initrd' is already listed on line"
}
claim 'a name that is listed 14 001 times is refused before anything is hashed' repeated

sparse() {
    sums "$sum  initrd" && truncate -s 1T tree/initrd && printf '{' >tree/boot.json && limited "$REGD_BUILD" verify tree 2>stderr
    rm -f tree/boot.json
    cat stderr
    # What is wrong with files is reported with the rest; without a boot.json there is none.
    ! grep -q 'Killed' stderr && [ "$(wc -l <stderr)" -eq 1 ]
}
claim 'a file of 1 TiB of holes is not hashed' sparse

linked() {
    sums "$sum  initrd" && truncate -s 1G tree/initrd && : >tree/SHA256SUMS || return
    i=0
    while [ $i -lt 200 ]; do
        ln tree/initrd "tree/initrd.$i" && echo "$sum  initrd.$i" >>tree/SHA256SUMS || return
        i=$((i + 1))
    done
    refused 'boot.json'
}
claim 'one file under 200 names is hashed once' linked

# --- Images ------------------------------------------------------------------------------------------------

hole_image=$(dirname "$REGD")/tests/hole_image

# image KIND BYTES: makes an image of a few hundred bytes, in which the file, manifest or description is a hole.
image() {
    rm -rf image && "$hole_image" "$1" "$2" >image && real_kib=$(du -k image | cut -f 1)
}

# said COMMAND STATUS SENTENCE: what it says of the image. One of status 1 says one line.
said() {
    limited "$REGD_BUILD" "$1" image >stdout 2>stderr
    status=$?
    cat stdout stderr
    [ $status -eq "$2" ] && grep -qF "$3" stdout stderr && [ "$(wc -l <stderr)" -le 1 ]
}

# memory_paid: the peak is below 64 MiB, 64 times the image, and 32 MiB for the program and its threads' blocks.
memory_paid() {
    peak_below $((96 + 64 * real_kib / 1024))
}

contents_holes() {
    image file $((8 << 30)) && said verify 1 'its unpacked contents: more than' && memory_paid &&
        grep -q 'allow more with --unpacked-limit' stderr && said inspect 0 '8192.00 MiB' && memory_paid
}
claim 'an image of 500 bytes with 8 GiB of holes is refused at 4 GiB by verify, and inspected' contents_holes

wider() {
    image file $((5 << 30)) && said verify 1 'its unpacked contents' || return
    limited "$REGD_BUILD" verify --unpacked-limit 6G image >stdout 2>stderr
    cat stdout stderr
    grep -q '^mismatched' stdout || return
    limited "$REGD_BUILD" verify --unpacked-limit 1M image >stdout 2>stderr
    cat stderr
    grep -q 'more than 1048576 bytes' stderr
}
claim '--unpacked-limit allows more, or less' wider

many_holes() {
    image file $((16 << 40)) && said inspect 0 '16777216.00 MiB' && memory_paid && said verify 1 'its unpacked contents' &&
        memory_paid
}
claim '16 TiB of holes take no more memory than is paid for' many_holes

manifest_hole() {
    image manifest 4000000000 && for command in verify inspect; do
        said $command 1 'memory for its tables: more than' && peak_below 32 || return
    done
    image manifest 16000000 && said verify 1 'line 1'
}
claim 'a manifest that is a hole is refused before it is read' manifest_hole

description_hole() {
    image description $(((1 << 30) - 1)) && said verify 1 '1 unreadable' && peak_below 64 &&
        image description 2000000000000 && said verify 1 'larger than the limit' && peak_below 64
}
claim 'a description that is a hole is a finding' description_hole

sparse_image() {
    image file 1 && truncate -s 1T image && said verify 1 'expected' && said inspect 0 1048576 && memory_paid
}
claim 'an image with 1 TiB of holes behind it is not read to its end' sparse_image

# nar_text TEXT: as a NAR has it.
nar_text() {
    printf "\\$(printf %03o ${#1})\\0\\0\\0\\0\\0\\0\\0%s" "$1"
    head -c $(((8 - ${#1} % 8) % 8)) /dev/zero
}

nar_of_zeros() {
    for text in nix-archive-1 '(' type regular contents; do
        nar_text "$text"
    done
    printf '\0\0\0\100\0\0\0\0' && head -c 1G /dev/zero && nar_text ')'
}

honest() {
    rm -rf store image && mkdir -p store/nix/store && truncate -s 1G "store/nix/store/$base" || return
    hash=$(nar_of_zeros | sha256sum | cut -c -64)
    printf '/nix/store/%s\n%s\n%s\n\n0\n' "$base" "$hash" $((112 + (1 << 30))) >zeros
    limited "$REGD_BUILD" squashfs --root store --registration zeros -o image && said verify 0 '1 path verified' &&
        said inspect 0 '1024.00 MiB' && memory_paid
}
claim '1 GiB of zeros in an honest image is built, verified and inspected' honest

# --- Trees of compressed ramdisks ------------------------------------------------------------------------

# packed_tree BYTES NAME...: makes a tree whose compressed ramdisk has members of so many zeros; boot.json says that one is an
# image of that size.
packed_tree() {
    bytes=$1 && shift
    rm -rf tree packing && mkdir tree packing && (cd packing && truncate -s "$bytes" "$@") || return
    (cd packing && printf '%s\n' "$@" | cpio --quiet -o -H newc | zstd -q --long=23) >tree/initrd || return
    echo kernel >tree/bzImage
    jq -n --argjson bytes "$bytes" --arg zeros "$zeros" --arg system "/nix/store/$base" '{version: 1,
        toplevel: $system, label: "", system: "", init: "\($system)/init", kernelParams: "", commandLine: "init=\($system)/init",
        kernel: {name: "bzImage", size: 7, sha256: $zeros}, initrd: [{name: "initrd", size: 1, sha256: $zeros}],
        storeImages: [{name: "nix-store.squashfs", file: "initrd", size: $bytes, archiveOffset: 0}],
        unpackedSize: 1, memoryAtBoot: 1}' >tree/boot.json &&
        (cd tree && sha256sum boot.json bzImage initrd >SHA256SUMS)
}

# unpacked KIB SENTENCE: verifying the tree writes no file of more KiB, and finds this of its images.
unpacked() {
    (ulimit -f $(($1 * 2)) && limited "$REGD_BUILD" verify tree) 2>&1 | cat >stdout
    cat stdout
    grep -qF "the store images: $2" stdout && peak_below 64
}

bomb_ramdisk() {
    packed_tree 1500000000 nix-store.squashfs && [ "$(stat -c %s tree/initrd)" -lt 200000 ] &&
        unpacked 4 "initrd: unpack the ramdisk's archive: temporary space for the images in it: more than"
}

small_ramdisk() {
    packed_tree 60000000 nix-store.squashfs && unpacked 65536 'nix-store.squashfs: it is not a squashfs image' &&
        unpacked 1024 "initrd: unpack the ramdisk's archive: write a temporary file: File too large"
}

endless_archive() {
    packed_tree 2200000000 a b c nix-store.squashfs && unpacked 4 "initrd: unpack the ramdisk's archive: its unpacked contents: more than"
}

# Its sentence stands beside the other findings.
sparse_ramdisk() {
    packed_tree 4096 nix-store.squashfs && truncate -s 1T tree/initrd && limited "$REGD_BUILD" verify tree >stdout 2>stderr
    cat stdout stderr
    grep -q '^unreadable: initrd: contents of the tree: more than 42[0-9]* bytes, the limit for [0-9]* bytes of input' stdout &&
        [ "$(wc -l <stderr)" -eq 1 ] && peak_below 64
}

if have cpio 'a ramdisk of 1.5 GB' 'one of 60 MB' 'what is before the image' 'a ramdisk that is a hole' &&
    have jq 'a ramdisk of 1.5 GB' 'one of 60 MB' 'what is before the image' 'a ramdisk that is a hole'; then
    claim 'an image of 1.5 GB in a ramdisk of 150 KB is refused before it is written' bomb_ramdisk
    claim 'one of 60 MB is unpacked; where that fails it is a sentence' small_ramdisk
    claim 'an archive that has 6.6 GB before the image is not unpacked to its end' endless_archive
    claim 'a ramdisk of 1 TiB of holes is a finding, and is not hashed' sparse_ramdisk
fi

# --- Trees of many images -----------------------------------------------------------------------------------

# tree_of COUNT: a tree of so many times the image.
tree_of() {
    rm -rf tree && mkdir tree && echo kernel >tree/bzImage || return
    for i in $(seq 0 $(($1 - 1))); do
        cp image "tree/nix-store.$i.squashfs" || return
    done
    jq -n --argjson count "$1" --argjson size "$(stat -c %s image)" --arg zeros "$zeros" --arg system "/nix/store/$base" '{version: 1,
        toplevel: $system, label: "", system: "", init: "\($system)/init", kernelParams: "", commandLine: "init=\($system)/init",
        kernel: {name: "bzImage", size: 7, sha256: $zeros},
        initrd: [range($count) | {name: "nix-store.\(.).squashfs", size: $size, sha256: $zeros}],
        storeImages: [range($count) | {name: "nix-store.\(.).squashfs", file: "nix-store.\(.).squashfs", size: $size, offset: 0}],
        unpackedSize: 1, memoryAtBoot: 1}' >tree/boot.json && (cd tree && sha256sum -- *) >sums && mv sums tree/SHA256SUMS
}

# ends LIMIT SENTENCE: what the last line says of the tree, which may unpack so much; "" is the limit that it has by itself.
ends() {
    limited "$REGD_BUILD" verify ${1:+--unpacked-limit "$1"} tree >stdout 2>stderr
    tail -n 2 stderr
    tail -n 1 stderr | grep -qF "$2" && peak_below 96
}

# Each image alone is read; so are as many as the limit has room for.
shared_limit() {
    image file $((2 << 20)) && said verify 1 '1 mismatched' && tree_of 3 || return
    ends 5M 'nix-store.2.squashfs: its unpacked contents: more than 5242880 bytes' && ends 7M 'of 3 paths are as listed' &&
        tree_of 2 && ends 5M 'of 2 paths are as listed' && tree_of 400 &&
        ends 100M 'nix-store.49.squashfs: its unpacked contents: more than 104857600 bytes'
}
shared_floor() {
    image file $((3 << 29)) && said verify 1 '1 mismatched' && tree_of 3 &&
        ends '' 'nix-store.2.squashfs: its unpacked contents: more than 42' && tree_of 2 && ends '' 'of 2 paths are as listed'
}
if have jq 'images of a tree share one limit' 'and what is allowed without an option'; then
    claim 'images of a tree share one limit: three, and 400' shared_limit
    claim 'and what is allowed without an option: three of 1.5 GiB of holes are refused, one and two are not' shared_floor
fi

# --- Stores ----------------------------------------------------------------------------------------------

# sparse_store BYTES: makes a store whose one path, which is registered, is a hole.
sparse_store() {
    rm -rf store && mkdir -p store/nix/store store/nix/var/nix && truncate -s "$1" "store/nix/store/$base" &&
        "$REGD" register --quiet --root store manifest
}

# costs COMMAND...: it is refused, in one line, for what the store claims.
costs() {
    limited "$@" >stdout 2>stderr
    status=$?
    cat stdout stderr
    [ $status -eq 1 ] && [ "$(wc -l <stderr)" -eq 1 ] && grep -qF 'contents of the store: more than 4294967296 bytes' stderr &&
        peak_below 64
}

sparse_path() {
    printf '/nix/store/%s\n\n0\n' "$base" >graph
    sparse_store 1T && costs "$REGD" verify --root store &&
        costs "$REGD_BUILD" squashfs --root store --registration manifest -o refused &&
        costs "$REGD_BUILD" manifest --root store --graph graph && [ ! -e refused ]
}
claim 'a path of 1 TiB of holes is refused by verify, squashfs and manifest before it is hashed' sparse_path

sparse_names() {
    rm -rf store && mkdir -p "store/nix/store/$base" store/nix/var/nix && head -c 1M /dev/urandom >"store/nix/store/$base/a" &&
        truncate -s 100M "store/nix/store/$base/a" && (cd "store/nix/store/$base" && for i in $(seq 999); do ln a "$i" || exit; done) &&
        "$REGD" register --quiet --root store manifest || return
    limited "$REGD" verify --root store >stdout 2>stderr
    cat stderr
    grep -qF 'contents of the store: more than' stderr
}
claim '1000 names of a sparse file pay as one' sparse_names

# said_of SENTENCE: where the sanitizers leave no memory for the input, that is the sentence.
said_of() {
    cat stderr
    grep -qF "$1" stderr || { is_sanitized && grep -q 'out of memory' stderr; }
}

endless() {
    for option in --path-info --graph; do
        yes '[' | limited "$REGD_BUILD" manifest $option - 2>stderr
        said_of 'larger than the limit of 1073741824 bytes' && peak_below 2560 || return
    done
    yes "/nix/store/$base" | limited "$REGD_BUILD" manifest - 2>stderr
    said_of 'larger than the limit of 268435456 bytes' && peak_below 640 || return
    limited "$REGD_BUILD" manifest --registration /dev/zero 2>stderr
    cat stderr
    grep -qF 'line 1 is longer than' stderr && peak_below 32 && truncate -s 4G sparse || return
    limited "$REGD" register --root store sparse 2>stderr
    said_of 'line 1 is longer than' && peak_below 32
}
claim 'endless and sparse inputs are refused at their limits' endless

# --- Little room -----------------------------------------------------------------------------------------

# one_sentence COMMAND...: it does its work, or says in one line why not. With status 127 it was not even loaded.
one_sentence() {
    "$@" >stdout 2>stderr
    status=$?
    [ $status -ne 127 ] || return 0
    [ $status -le 1 ] && [ "$(wc -l <stderr)" -eq $status ] || { echo "status $status:" && cat stderr && return 1; }
}

little_memory() {
    for kib in 10000 30000 60000 100000 300000 1000000 4000000; do
        for kind in file manifest description; do
            image $kind 1000000 && for command in verify inspect; do
                (ulimit -v $kib && one_sentence "$REGD_BUILD" $command --quiet image) || return
            done
        done
    done
}
if is_sanitized; then
    skip 'little memory is one sentence' 'the sanitizers need terabytes of address space'
else
    claim 'little memory is one sentence' little_memory
fi

little_space() {
    mkdir -p small && packed_tree 60000000 nix-store.squashfs &&
        unshare -m sh -c 'mount -t tmpfs -o size=1m tmpfs small && TMPDIR=$PWD/small "$0" verify tree' "$REGD_BUILD" >stdout 2>&1
    cat stdout
    grep -qF "the store images: initrd: unpack the ramdisk's archive: write a temporary file: No space left on device" stdout
}
if ! unshare -m true 2>/dev/null; then
    skip 'little temporary space is one sentence' 'nothing can be mounted here'
elif have cpio 'little temporary space' && have jq 'little temporary space'; then
    claim 'little temporary space is one sentence' little_space
fi

finish
