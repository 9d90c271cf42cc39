#!/bin/sh
# layers.sh — do stacked images give the whole closure, each path once?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/layers.sh
# shellcheck disable=SC2015,SC2012,SC2046,SC2094  # `A && B || C` is meant so; a command is no file; plain names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
find_store
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"
command -v unsquashfs >/dev/null || {
    skip 'stacked images give the whole closure' 'unsquashfs is not installed'
    finish
    exit
}

build() {
    "$REGD_BUILD" "$@" --root "$store" -q --compression zstd:3
}
"$REGD_BUILD" manifest --root "$store" "$toplevel" >manifest || bail 'there is no manifest'
names() {
    unsquashfs -ls -d '' "$1" | sed -n 's|^/\([^/]*\)$|\1|p' | grep -v -x 'nix-path-registration' | sort
}
build squashfs -o whole "$toplevel" || bail 'no image can be built'
names whole | sed 's|^|/nix/store/|' >paths
grep -v -x "$toplevel" paths >others
lower=$(sed -n '1~9p' others | head -3)
# shellcheck disable=SC2086  # several paths
build squashfs -o lower $lower || bail 'no image can be built'
middle=$(names lower | sed 's|^|/nix/store/|' | comm -23 others - | sed -n '1~11p' | head -3)
# shellcheck disable=SC2086  # several paths
build squashfs -o middle --base lower $middle || bail 'no images can be built'
build squashfs -o upper --base middle --base lower "$toplevel" || bail 'no upper image can be built'

each_once() {
    for image in lower middle upper; do names "$image"; done | sort >all && uniq -d all >twice && cat twice && [ ! -s twice ] &&
        sed 's|.*/||' paths | diff all - && [ "$(names middle | wc -l)" -gt 0 ] && [ "$(names lower | wc -l)" -gt 0 ]
}
claim 'each path of the closure is in one layer' each_once

manifest_of() {
    unsquashfs -q -n -cat "$1" nix-path-registration 2>/dev/null
}
complete() {
    manifest_of upper | cmp - manifest && [ "$(manifest_of middle | wc -l)" -lt "$(wc -l <manifest)" ]
}
claim "the upper image's manifest lists the whole closure" complete

stacked() {
    for image in lower middle upper; do
        unsquashfs -q -n -f -d stack "$image" >/dev/null || return
    done
    rm stack/nix-path-registration
    sed 's|.*/||' paths | while read -r name; do
        diff -r --no-dereference "stack/$name" "$store/nix/store/$name" || exit
    done && [ "$(find stack -mindepth 1 -maxdepth 1 | wc -l)" -eq "$(wc -l <paths)" ]
}
claim 'unpacked one over the other they are the store' stacked

order() {
    build squashfs -o other --base lower --base middle "$toplevel" && cmp other upper
}
claim 'the order of the lower images means nothing for the bytes of the upper one' order
nothing_left() {
    build squashfs -o rest --base whole "$toplevel" && [ -z "$(names rest)" ] &&
        manifest_of rest | cmp - manifest
}
claim 'over an image with all of it the upper one holds the manifest alone' nothing_left
not_of_manifest() {
    # The upper image lists the lower paths, too, but does not hold them.
    build squashfs -o again --base upper "$toplevel" && { names lower && names middle; } | sort -u >want && names again | diff - want
}
claim 'what an image lists but does not hold is not left out' not_of_manifest

# An image that holds other bytes under the same name.
mkdir -p other-root/nix/store foreign
first=$(printf '%s\n' "$lower" | head -1)
mkdir "other-root$first" && echo other >"other-root$first/file"
printf '%s\n%s\n0\n\n0\n' "$first" "$(nix-store --dump "other-root$first" | sha256sum | cut -c 1-64)" >other-manifest
"$REGD_BUILD" squashfs -q --root other-root --registration other-manifest --compression zstd:3 -o foreign/image || bail 'no other image'
refused() {
    build squashfs -o new --base foreign/image "$toplevel" 2>stderr && return 1
    cat stderr
    [ "$(wc -l <stderr)" -eq 1 ] && grep -q "base image foreign/image: '${first##*/}' has another NAR hash than the closure's" stderr && [ ! -e new ]
}
claim 'an image that holds a path with another NAR hash is refused' refused
mkfifo pipe
for bad in manifest nowhere foreign pipe; do
    not_one() {
        timeout "$patience" "$REGD_BUILD" verify --base "$bad" foreign/image 2>stderr && return 1
        grep -q "$bad" stderr || { cat stderr && return 1; }
        build squashfs -o new --base "$bad" "$toplevel" 2>stderr && return 1
        cat stderr
        [ "$(wc -l <stderr)" -eq 1 ] && grep -q "$bad" stderr && [ ! -e new ]
    }
    claim "--base $bad, which is no image: refused" not_one
done

in_tree() {
    build tree -o tree --base middle --base lower "$toplevel" && mkdir ramdisk && jq -r '.storeImages[] | "\(.name) \(.offset) \(.size)"' tree/boot.json >images &&
        [ "$(cut -d ' ' -f 1 images | tr '\n' ' ')" = 'nix-store.squashfs nix-store.1.squashfs nix-store.2.squashfs ' ] &&
        set -- upper middle lower && while read -r name offset size; do
            echo "$name" && tail -c "+$((offset + 1))" tree/initrd | head -c "$size" | cmp - "$1" || return
            shift
        done <images && (cd tree && sha256sum --quiet -c SHA256SUMS)
}
text="tree puts the lower images into the ramdisk, below the new one"
have jq "$text" && claim "$text" in_tree

# --- --max-size ----------------------------------------------------------------------------------------------

# split SIZE: the parts are no larger, hold each path once, and the whole manifest each.
split() {
    rm -rf split parts
    mkdir split && build squashfs -o split/store.squashfs --max-size "$1" "$toplevel" && ls split && cp -a split parts &&
        [ "$(ls split | wc -l)" -gt 1 ] && for part in split/*; do
            [ "$(stat -c %s "$part")" -le "$2" ] && manifest_of "$part" | cmp - manifest && [ -n "$(names "$part")" ] || exit
        done && for part in split/*; do names "$part"; done | sort >all && uniq -d all >twice && [ ! -s twice ] &&
        sed 's|.*/||' paths | diff all - && "$REGD_BUILD" verify split/store.squashfs $(find split -name 'store.*.squashfs' | sed 's/^/--base /')
}
bytes=$(($(stat -c %s whole) * 7 / 10))
kibibytes=$(($(stat -c %s whole) * 6 / 10240))
claim "split into images of $kibibytes KiB: none is larger, and each path is in one" split "${kibibytes}K" $((kibibytes * 1024))
claim "so it is with images of $bytes bytes" split "$bytes" "$bytes"
stacked_parts() {
    rm -rf stack
    for part in parts/*; do unsquashfs -q -n -f -d stack "$part" >/dev/null || return; done
    rm stack/nix-path-registration
    sed 's|.*/||' paths | while read -r name; do
        diff -r --no-dereference "stack/$name" "$store/nix/store/$name" || exit
    done
}
claim 'unpacked one over the other they are the store, too' stacked_parts
split_again() {
    rm -rf split
    mkdir split && build squashfs -o split/store.squashfs --jobs 1 --max-size "$bytes" "$toplevel" && diff -r split parts
}
claim 'another number of threads: the same parts, bit by bit' split_again
fits() {
    rm -rf split
    mkdir split && build squashfs -o split/it --max-size 1G "$toplevel" && cmp split/it whole && [ "$(ls split)" = it ]
}
claim 'where one image is enough, it is the one without a limit' fits
too_small() {
    rm -rf split
    mkdir split && build squashfs -o split/it --max-size 600K "$toplevel" 2>stderr && return 1
    cat stderr
    [ "$(wc -l <stderr)" -eq 1 ] && grep -q 'alone takes [0-9]* bytes, more than the 614400 of --max-size' stderr && [ -z "$(ls -A split)" ]
}
claim 'a path that is larger than the limit alone is refused, by name' too_small
# A name that a part might get is tried before anything else, even before the roots are looked for.
late_name() {
    rm -rf split && mkdir split && "$@" && ls -lA split >before || return
    build squashfs -o split/store.squashfs --max-size "$bytes" /nix/store/none 2>stderr && return 1
    cat stderr
    [ "$(wc -l <stderr)" -eq 1 ] && grep -q "create $part: $cause" stderr && ls -lA split | diff before -
}
part=store.1.squashfs cause='it is a directory'
claim 'where a part has the name of a directory, it is refused' late_name mkdir split/$part
part=store.999.squashfs
claim 'of the last possible part, too' late_name mkdir split/$part
part=store.2.squashfs cause='it is a symbolic link'
claim 'so is the name of a link' late_name ln -s nowhere split/$part
cause='it is not a regular file'
claim 'so is the name of a FIFO' late_name mkfifo split/$part
part=store.squashfs.whole cause='it is a directory'
claim 'so is the name of the whole' late_name mkdir split/$part
part=store.3.squashfs cause='.store.3.squashfs.draft exists, and no earlier run left it'
claim 'so is that of a draft that is linked elsewhere' late_name sh -c ': >split/x && ln split/x split/.store.3.squashfs.draft'
long_part() {
    rm -rf split && mkdir split || return
    long=$(printf %0236d 0).squashfs
    build squashfs -o "split/$long" --max-size "$bytes" /nix/store/none 2>stderr && return 1
    cat stderr
    grep -q "the name '.*\.squashfs.*' is too long" stderr && [ -z "$(ls -A split)" ]
}
claim 'and a name that is too long for a part' long_part
for size in 0 x 5T '' M -1 99999999999G; do
    wrong() {
        build squashfs -o split/it --max-size "$size" "$toplevel" 2>stderr
        [ $? -eq 2 ] && grep -q -e '--max-size' stderr
    }
    claim "--max-size '$size': status 2" wrong
done

finish
