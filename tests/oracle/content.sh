#!/bin/sh
# content.sh — do files of every shape come out of an image unchanged, and is a store that differs from what was
# registered refused before there is an image?
#
# Usage    REGD_BUILD=… SCRATCH=… sh tests/oracle/content.sh
# shellcheck disable=SC2015  # `A && B || C` is meant so
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
case $REGD_BUILD in /*) ;; *) REGD_BUILD=$PWD/$REGD_BUILD ;; esac
cd "$SCRATCH" || bail "$SCRATCH is not there"
command -v nix-store >/dev/null && command -v unsquashfs >/dev/null || {
    skip 'files of every shape come out as they went in' 'nix-store or unsquashfs is not installed'
    finish
    exit
}

digest=0123456789abcdfghijklmnpqrsvwxyz
mebibyte=1048576
mkdir -p root/nix/store image

# path NAME: the store path of that name, which need not be there.
path() {
    printf 'root/nix/store/%s-%s' "$digest" "$1"
}

# register: the manifest of all that is in the store, with the NAR hashes and sizes of Nix.
register() {
    for at in root/nix/store/*; do
        nix-store --dump "$at" >nar || return
        printf '/nix/store/%s\n%s\n%s\n\n0\n' "${at##*/}" "$(sha256sum nar | cut -c 1-64)" "$(wc -c <nar)"
    done >manifest
    rm -f nar
}

build() {
    "$REGD_BUILD" squashfs --root root --registration manifest -q -o image/it "$@"
}

# unpacked: what unsquashfs makes of the image is the store.
unpacked() {
    rm -rf out
    unsquashfs -q -n -d out image/it >/dev/null && rm -f out/nix-path-registration &&
        diff -r --no-dereference root/nix/store out
}

# bytes COUNT SEED: that many bytes that do not compress, the same for the same seed.
bytes() {
    awk -v "left=$1" -v "seed=$2" 'BEGIN {
        srand(seed)
        while (left > 0) {
            line = sprintf("%.15f%.15f", rand(), rand())
            printf "%s", substr(line, 1, left)
            left -= length(line)
        }
    }'
}

# --- sizes --------------------------------------------------------------------------------------------------

sizes=$(path sizes)
mkdir "$sizes" "$sizes/empty-directory"
for size in 0 1 2 4095 4096 $((mebibyte - 1)) $mebibyte $((mebibyte + 1)) $((2 * mebibyte)) $((3 * mebibyte + 5)); do
    bytes "$size" "$size" >"$sizes/$size"
    bytes "$size" 1 | tr 0-9 a >"$sizes/$size-alike"
    truncate -s "$size" "$sizes/$size-zeros"
done
# Zeros, then data, then zeros, in blocks and across their borders.
truncate -s $((8 * mebibyte + 77)) "$sizes/holes"
bytes 100 3 | dd of="$sizes/holes" bs=1 seek=$((3 * mebibyte - 50)) conv=notrunc 2>/dev/null
cp "$sizes/holes" "$sizes/holes-again"
chmod 755 "$sizes/4096" "$sizes/holes-again"
printf x >"$(path file)"
ln -s /nowhere/at/all "$(path link)"
mkdir "$(path empty)"
touch -h -d @1 root/nix/store/*
register || bail 'nix-store --dump cannot read the store'

for compression in zstd:1 zstd:19 gzip:1 gzip:12 lz4 lz4:12 xz:0; do
    text="$compression: files of every size around a block, with holes or without, come out as they went in"
    try() {
        build --compression "$compression" && unpacked
    }
    claim "$text" try
done
stored_once() {
    build --compression zstd:1 && before=$(stat -c %s image/it) && cp "$sizes/$((3 * mebibyte + 5))" "$sizes/again" &&
        ln "$sizes/$((2 * mebibyte))" "$sizes/linked" && touch -d @1 "$sizes" && register && build --compression zstd:1 &&
        unpacked && [ "$(stat -c %s image/it)" -le $((before + 4096)) ]
}
claim 'what is there twice, as a copy or a hard link, is stored once' stored_once

names() {
    wide=$(path names)
    mkdir "$wide"
    long=$(printf '%0255d' 7)
    : >"$wide/$long" && mkdir "$wide/-rf" "$wide/ " "$wide/…" && : >"$wide/
" && : >"$wide/\"'" && ln -s "$(printf '%04095d' 5)" "$wide/far" && touch -h -d @1 "$wide"/* &&
        register && build --compression zstd:1 && unpacked
}
claim 'names of 255 bytes, of blanks and line ends, and targets of 4095 bytes come out too' names

many() {
    crowd=$(path crowd)
    mkdir "$crowd" && awk -v "dir=$crowd" 'BEGIN { for (i = 0; i < 20000; i++) { f = dir "/" i; printf "same" >f; close(f) } }' &&
        register && build --compression zstd:1 && unpacked && [ "$(stat -c %s image/it)" -lt $((14 * mebibyte)) ]
}
claim 'twenty thousand files of the same content in one directory come out, stored once' many
rm -rf "$(path crowd)"

huge() {
    truncate -s $((4096 * mebibyte + 3)) "$(path huge)" && printf 'x' | dd of="$(path huge)" bs=1 seek=$((4096 * mebibyte + 1)) conv=notrunc 2>/dev/null
    printf '/nix/store/%s-huge\n%064d\n0\n\n0\n' "$digest" 0 >manifest
    build --no-check --compression lz4 "/nix/store/$digest-huge" && [ "$(stat -c %s image/it)" -lt 65536 ] &&
        unsquashfs -q -n -cat image/it "$digest-huge" 2>/dev/null | cmp - "$(path huge)"
}
text='a file of more than 4 GiB, all but empty, comes out'
claim "$text" huge
rm -f "$(path huge)"

# --- what was registered ------------------------------------------------------------------------------------

register || bail 'nix-store --dump cannot read the store'
build --compression zstd:1 || bail 'no image can be built'
cp image/it good

# refused NAME: no image is made of what is in the store now, and the sentence names the path; the old one stays.
refused() {
    build --compression zstd:1 --jobs "${jobs:-2}" 2>stderr && return 1
    cat stderr
    [ "$(wc -l <stderr)" -eq 1 ] && grep -q "^regd-build: .*$digest-$1.* is not what was registered" stderr &&
        cmp image/it good && [ "$(ls -A image)" = it ]
}
# changed NAME COMMAND...: does something to the store, which is then refused, and undoes it.
changed() {
    name=$1
    shift
    cp -a root kept && "$@" && refused "$name"
    status=$?
    rm -rf root && mv kept root
    return "$status"
}
flip() {
    printf '\001' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
claim 'one byte in a large file: refused' changed sizes flip "$sizes/$((3 * mebibyte + 5))" $((2 * mebibyte))
claim 'one byte in a small file: refused' changed sizes flip "$sizes/4096" 17
claim 'one byte in a path that is a file: refused' changed file flip "$(path file)" 0
claim 'a file that became executable: refused' changed sizes chmod 755 "$sizes/1"
claim 'one that no longer is: refused' changed sizes chmod 644 "$sizes/4096"
claim 'another link target: refused' changed link ln -sfn /nowhere/at/al1 "$(path link)"
claim 'a file more: refused' changed empty touch "$(path empty)/more"
claim 'a directory less: refused' changed sizes rmdir "$sizes/empty-directory"
claim 'a file that has another name: refused' changed sizes mv "$sizes/1" "$sizes/1a"
claim 'a longer file: refused' changed sizes truncate -s 2 "$sizes/1"
jobs=1
claim 'so it is with one thread' changed sizes flip "$sizes/4096" 17
jobs=7
claim 'and with seven' changed sizes flip "$sizes/4096" 17

wrong_size() {
    awk 'NR % 5 == 3 && !done { $0 = $0 + 8; done = 1 } 1' manifest >other && mv manifest right && mv other manifest &&
        refused '[a-z]*'
    status=$?
    mv right manifest
    return "$status"
}
claim 'a registered size that is not that of the NAR: refused' wrong_size

unchecked() {
    flip "$sizes/4096" 17 && build --compression zstd:1 --no-check && unpacked && ! cmp -s image/it good
}
claim 'with --no-check the image has what there is' unchecked

finish
