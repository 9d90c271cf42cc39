#!/bin/sh
# image.sh — does the store image hold the closure, the whole closure and nothing but the closure?
#
# The truth is the store that Nix built; those who read the image are squashfs-tools, squashfs-tools-ng, the kernel
# and Nix itself. Mounting takes root and loop devices, without which those claims are skipped by name.
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/image.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR

wants nix-store
find_store

private_nix

# The closure as Nix knows it, and its manifest, both in the order of bytes.
nix_store_of "$store" -qR "$toplevel" 2>"$SCRATCH/err" | sort >"$SCRATCH/closure"
sed 's|.*/||' "$SCRATCH/closure" >"$SCRATCH/names"
# shellcheck disable=SC2046  # store paths have no spaces
nix_store_of "$store" --dump-db $(cat "$SCRATCH/closure") >"$SCRATCH/manifest" 2>>"$SCRATCH/err" ||
    bail "Nix cannot dump $store"
[ "$(wc -l <"$SCRATCH/closure")" -gt 20 ] || bail "the closure is too small: $(cat "$SCRATCH/err")"

# squashfs FILE ARGUMENT...
squashfs() {
    file=$1
    shift
    "$REGD_BUILD" squashfs --root "$store" --quiet --compression zstd:3 -o "$file" "$@"
}

# The store path of the closure with that name.
named() {
    grep -- "^/nix/store/[0-9a-z]*-$1\$" "$SCRATCH/closure"
}

# --- a directory against the store ------------------------------------------------------------------------

# The closure as a directory of its own, to compare with.
reference=$SCRATCH/reference/nix/store
mkdir -p "$reference"
while read -r name; do
    cp -a "$store/nix/store/$name" "$reference/" || bail "no copy of $name could be made"
done <"$SCRATCH/names"
cp "$SCRATCH/manifest" "$reference/nix-path-registration"

# Names are bytes, newlines too: every record ends with a NUL. Sizes of directories are the file system's own.
# describe TIME OWNER: the working directory.
describe() {
    find . -mindepth 1 ! -path ./nix-path-registration \( \
        \( -type d -printf "d %m $2 $1 %p\\0" \) -o -printf "%y %m %s $2 $1 %p %l\\0" \) | sort -z
}

# How it has to look in an image: everything belongs to root, links have the mode 0777.
# expected TIME OWNER
expected() {
    find . -mindepth 1 ! -path ./nix-path-registration \( \
        \( -type d -printf "d 555 $2 $1 %p\\0" \) -o \( -type l -printf "l 777 %s $2 $1 %p %l\\0" \) -o \
        -printf "%y %m %s $2 $1 %p \\0" \) | sort -z
}

# Only root can set owners.
owner=%U:%G
[ "$(id -u)" = 0 ] || owner=
(cd "$reference" && expected 1.0000000000 "${owner:+0:0}") >"$SCRATCH/described"
(cd "$reference" && expected "" "${owner:+0:0}") >"$SCRATCH/described-timeless"
tr "\0\n" "\n?" <"$SCRATCH/described" | grep -q "^f 444 5 .*/1644 $" || bail "the fixture is not canonical"

show_difference() {
    tr "\0\n" "\n?" <"$1" >"$SCRATCH/left"
    tr "\0\n" "\n?" <"$2" | diff "$SCRATCH/left" - | cut -c 1-200 | head -20
    return 1
}

# looks_like DESCRIPTION DIRECTORY TIME
looks_like() {
    (cd "$2" && describe "$3" "$owner") >"$SCRATCH/got" || return
    cmp -s "$1" "$SCRATCH/got" || show_difference "$1" "$SCRATCH/got"
}

# equals_store DIRECTORY: names, types, modes, sizes, owners, times, link targets and contents.
equals_store() {
    looks_like "$SCRATCH/described" "$1" %T@ && diff -r --no-dereference "$reference" "$1" &&
        [ "$(stat -c "%a %Y" "$1")" = "755 1" ] && { [ -z "$owner" ] || [ "$(stat -c %u:%g "$1")" = 0:0 ]; }
}

# Likewise, for readers that do not restore the times of all.
equals_store_but_times() {
    looks_like "$SCRATCH/described-timeless" "$1" "" && diff -r --no-dereference "$reference" "$1"
}

# --- every compression ------------------------------------------------------------------------------------

# Where mounts can be had: the words in front of a command that runs with mounts of its own.
mounts=
for flags in '--mount' '--mount --propagation unchanged'; do
    # shellcheck disable=SC2086  # several words
    if unshare $flags mount -t tmpfs none "$SCRATCH/home" 2>/dev/null; then
        mounts="unshare $flags"
        break
    fi
done

# in_mount IMAGE COMMAND...: runs a function of ours while the image is on $SCRATCH/mount.
mkdir "$SCRATCH/mount" "$SCRATCH/empty"
in_mount() {
    image=$1
    shift
    # shellcheck disable=SC2016,SC2086  # for the inner shell; several words
    $mounts sh -c 'mount -t squashfs -o loop,ro "$1" "$2" && { sleep 600 & } && echo $!' sh "$image" "$SCRATCH/mount" \
        >"$SCRATCH/holder" 2>"$SCRATCH/err" || return
    holder=$(cat "$SCRATCH/holder")
    "$@" "/proc/$holder/root$SCRATCH/mount"
    result=$?
    nsenter --mount="/proc/$holder/ns/mnt" umount "$SCRATCH/mount"
    kill "$holder"
    return "$result"
}

# Why this kernel cannot mount images of that compression, or nothing.
cannot_mount() {
    [ "$(id -u)" = 0 ] || { echo 'not root'; return; }
    command -v mksquashfs >/dev/null || { echo 'mksquashfs, to try with, is not installed'; return; }
    [ "$mounts" ] || { echo 'no mount namespace'; return; }
    rm -f "$SCRATCH/try"
    mksquashfs "$SCRATCH/empty" "$SCRATCH/try" -comp "$1" -b 1M -no-progress >/dev/null 2>&1 &&
        in_mount "$SCRATCH/try" test -d && return
    echo "mount cannot mount an empty image of mksquashfs"
}

unpack() {
    rm -rf "$SCRATCH/tree"
    unsquashfs -q -n -d "$SCRATCH/tree" "$1"
}

unpacks_equal() {
    unpack "$1" && equals_store "$SCRATCH/tree"
}

for compression in zstd:3 gzip:1 lz4 xz:0; do
    image=$SCRATCH/$compression.squashfs
    compressor=${compression%:*}
    claim "$compression: an image is made" squashfs "$image" --compression "$compression" "$toplevel"

    text="$compression: what unsquashfs unpacks is the store: names, links, modes, owners, times, contents"
    have unsquashfs "$text" && claim "$text" unpacks_equal "$image"

    text="$compression: what the kernel mounts is the store"
    reason=$(cannot_mount "$compressor")
    if [ "$reason" ]; then
        skip "$text" "$reason"
    else
        claim "$text" in_mount "$image" equals_store
    fi
done

image=$SCRATCH/zstd:3.squashfs
[ -s "$image" ] || bail 'there is no image to look at'

# --- other readers ----------------------------------------------------------------------------------------

rdsquashfs_equal() {
    rm -rf "$SCRATCH/tree"
    if [ "$(id -u)" = 0 ]; then
        rdsquashfs -q -C -O -T -u / -p "$SCRATCH/tree" "$image"
    else
        rdsquashfs -q -C -T -u / -p "$SCRATCH/tree" "$image"
    fi && equals_store_but_times "$SCRATCH/tree"
}
text='what rdsquashfs unpacks is the store'
have rdsquashfs "$text" && claim "$text" rdsquashfs_equal

tar_equal() {
    rm -rf "$SCRATCH/tree"
    mkdir "$SCRATCH/tree" && sqfs2tar "$image" >"$SCRATCH/tar" &&
        tar -xpf "$SCRATCH/tar" -C "$SCRATCH/tree" && equals_store_but_times "$SCRATCH/tree" &&
        [ "$(stat -c %Y "$SCRATCH/tree/$(head -1 "$SCRATCH/names")")" = 1 ]
}
text='what sqfs2tar and tar unpack is the store'
have sqfs2tar "$text" && claim "$text" tar_equal
rm -f "$SCRATCH/tar"

# --- the image itself -------------------------------------------------------------------------------------

super_block() {
    unsquashfs -s "$image" >"$SCRATCH/super" && cat "$SCRATCH/super" &&
        grep -qx 'Compression zstd' "$SCRATCH/super" && grep -qx 'Block size 1048576' "$SCRATCH/super" &&
        grep -qx 'Creation or last append time Thu Jan  1 00:00:01 1970' "$SCRATCH/super" &&
        grep -qx 'Xattrs are not stored' "$SCRATCH/super" && grep -qx 'Number of ids 1' "$SCRATCH/super" &&
        grep -qx 'Filesystem is exportable via NFS' "$SCRATCH/super"
}
text='unsquashfs -s says zstd, blocks of 1 MiB, time 1, one id, no xattrs'
have unsquashfs "$text" && claim "$text" super_block

# bytes_used stands at byte 40 of the super block.
# The checksum: of what follows the super block, then of the super block, then of the record. It stands at the end of
# what gzip makes, before four bytes of the length.
padded() {
    size=$(stat -c %s "$1")
    used=$(od -An -tu8 -j 40 -N 8 "$1" | tr -d ' ')
    echo "$used of $size bytes"
    tail -c +$((used + 1)) "$1" | head -c -12 | tr -d '\0' >"$SCRATCH/record" && cat "$SCRATCH/record"
    least=$((used + $(stat -c %s "$SCRATCH/record") + 12))
    [ $((size % 4096)) -eq 0 ] && [ "$least" -le "$size" ] && [ $((size - least)) -lt 4096 ] &&
        grep -q '^regd-blocks code=' "$SCRATCH/record" && [ "$(wc -l <"$SCRATCH/record")" -eq 1 ] &&
        tail -c $((size - used)) "$1" | head -c $((size - least)) | cmp -n $((size - least)) - /dev/zero &&
        [ "$(tail -c 12 "$1" | head -c 8)" = regd-crc ] &&
        { head -c "$used" "$1" | tail -c +97 && head -c 96 "$1" && cat "$SCRATCH/record"; } | gzip -1 | tail -c 8 | head -c 4 >"$SCRATCH/sum" &&
        tail -c 4 "$1" | cmp - "$SCRATCH/sum"
}
claim 'it is padded to 4 KiB with zeros, its record and its checksum' padded "$image"

world_readable() {
    (umask 077 && squashfs "$SCRATCH/umask.squashfs" "$(named empty-file)") &&
        [ "$(stat -c %a "$SCRATCH/umask.squashfs")" = 644 ]
}
claim 'it has the mode 0644 whatever the umask' world_readable

exactly_closure() {
    { cat "$SCRATCH/names" && echo nix-path-registration; } | sort >"$SCRATCH/want"
    rm -rf "$SCRATCH/tree"
    unpack "$image" && find "$SCRATCH/tree" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | diff "$SCRATCH/want" -
}
text='its root holds what nix-store -qR lists, and the manifest'
have unsquashfs "$text" && claim "$text" exactly_closure

one=$(named duplicates-one)
two=$(named duplicates-two)
text='files of equal content have their data in one place'
# in_one_place FILE...: of both paths
in_one_place() {
    for name; do
        for path in "$one" "$two"; do
            rdsquashfs -s "${path##*/}/$name" "$image" | grep -E "^(Fragment|Blocks|File size)" | tr "\n" " "
            echo
        done
    done >"$SCRATCH/places"
    cat "$SCRATCH/places"
    [ "$(grep -c "File size: [1-9]" "$SCRATCH/places")" -eq $((2 * $#)) ] && [ "$(sort -u "$SCRATCH/places" | wc -l)" -eq 1 ]
}
same_place() {
    in_one_place big copies/big-executable copies/big-hard-link &&
        in_one_place copies/small-1 copies/small-2 copies/small-3 copies/small-4 copies/small-5
}
have rdsquashfs "$text" && claim "$text" same_place

# Of 300 000 bytes of a program.
grows_little() {
    squashfs "$SCRATCH/one" "$one" && squashfs "$SCRATCH/both" "$one" "$two" || return
    growth=$(($(stat -c %s "$SCRATCH/both") - $(stat -c %s "$SCRATCH/one")))
    echo "$growth bytes more"
    [ "$(stat -c %s "$SCRATCH/one")" -gt 120000 ] && [ "$growth" -le 4096 ]
}
claim 'a second store path of the same files costs no data' grows_little

# --- Nix reads its manifest -------------------------------------------------------------------------------

loads() {
    rm -rf "$SCRATCH/root"
    mkdir -p "$SCRATCH/root/nix" && unpack "$image" && mv "$SCRATCH/tree" "$SCRATCH/root/nix/store" &&
        nix_store_of "$SCRATCH/root" --load-db <"$SCRATCH/root/nix/store/nix-path-registration" &&
        nix_store_of "$SCRATCH/root" -qR "$toplevel" | sort | diff "$SCRATCH/closure" - &&
        nix_store_of "$SCRATCH/root" --verify --check-contents 2>"$SCRATCH/verified" || return
    cat "$SCRATCH/verified"
    ! grep -Eq 'error|was modified|disappeared' "$SCRATCH/verified"
}
text='nix-store --load-db takes its manifest, and --verify --check-contents finds every path as it should be'
have unsquashfs "$text" && claim "$text" loads
rm -rf "$SCRATCH/root"

same_manifest() {
    "$REGD_BUILD" manifest --root "$store" "$toplevel" >"$SCRATCH/got" && cmp "$SCRATCH/manifest" "$SCRATCH/got"
}
claim 'the command manifest prints what nix-store --dump-db prints' same_manifest

every_manifest() {
    awk "NR % 4 == 1" "$SCRATCH/closure" >"$SCRATCH/fourths"
    while read -r path; do
        # shellcheck disable=SC2046  # store paths have no spaces
        nix_store_of "$store" --dump-db $(nix_store_of "$store" -qR "$path" | sort) >"$SCRATCH/want" &&
            "$REGD_BUILD" manifest --root "$store" "$path" >"$SCRATCH/got" &&
            cmp "$SCRATCH/want" "$SCRATCH/got" && continue
        echo "$path" && return 1
    done <"$SCRATCH/fourths"

}
claim 'so it does for every fourth single path of the closure' every_manifest

# --- where the closure comes from -------------------------------------------------------------------------

same_image() {
    file=$SCRATCH/same.squashfs
    rm -f "$file"
    squashfs "$file" "$@" && cmp "$image" "$file"
}
claim 'from --registration with the dump of Nix: same bytes' same_image --registration "$SCRATCH/manifest" "$toplevel"

# Everything that is in the database, also what is not in the closure.
whole_database() {
    nix_store_of "$store" --dump-db >"$SCRATCH/dump" && [ "$(wc -l <"$SCRATCH/dump")" -gt "$(wc -l <"$SCRATCH/manifest")" ] &&
        same_image --registration "$SCRATCH/dump" "$toplevel"
}
claim 'from --registration with more than the closure: same bytes' whole_database

bare=$SCRATCH/reference
without_database() {
    "$REGD_BUILD" squashfs --root "$bare" -q --compression zstd:3 --registration "$SCRATCH/manifest" \
        -o "$SCRATCH/same.squashfs" "$toplevel" && cmp "$image" "$SCRATCH/same.squashfs"
}
claim 'from --registration where there is no database: same bytes' without_database

# What closureInfo writes: the hash in Nix' own base 32.
base_32() {
    command -v nix-hash >/dev/null || return
    awk 'NR == FNR { hash[FNR] = $0; next } /^[0-9a-f]+$/ && length == 64 { $0 = "sha256:" hash[++count] } { print }' \
        "$SCRATCH/hashes" "$SCRATCH/manifest" >"$SCRATCH/manifest-32" && ! cmp -s "$SCRATCH/manifest" "$SCRATCH/manifest-32" &&
        same_image --registration "$SCRATCH/manifest-32" "$toplevel"
}
text="from --registration with hashes in Nix' base 32: same bytes"
if have nix-hash "$text"; then
    # shellcheck disable=SC2046  # hashes have no spaces
    nix-hash --type sha256 --to-base32 $(grep '^[0-9a-f]\{64\}$' "$SCRATCH/manifest") >"$SCRATCH/hashes"
    claim "$text" base_32
fi

elsewhere() {
    mkdir -p "$bare/state" && copy_state "$store/nix/var/nix/db" "$bare/state" &&
        "$REGD_BUILD" squashfs --root "$bare" --store-dir /nix/store --state-dir /state -q --compression zstd:3 \
            -o "$SCRATCH/same.squashfs" "$toplevel" && cmp "$image" "$SCRATCH/same.squashfs"
}
claim '--state-dir names a database elsewhere: same bytes' elsewhere

a=$(named several-outputs-man)
b=$(named links)
c=$(named names)
squashfs "$SCRATCH/abc" "$a" "$b" "$c" || bail 'no image of three roots could be made'
same_roots() {
    squashfs "$SCRATCH/got" "$@" && cmp "$SCRATCH/abc" "$SCRATCH/got"
}
several_roots() {
    # shellcheck disable=SC2046  # store paths have no spaces
    nix_store_of "$store" --dump-db $(nix_store_of "$store" -qR "$a" "$b" "$c" | sort -u) >"$SCRATCH/want" &&
        "$REGD_BUILD" manifest --root "$store" "$a" "$b" "$c" >"$SCRATCH/got" && cmp "$SCRATCH/want" "$SCRATCH/got"
}
claim 'the closure of several roots is that of Nix' several_roots
claim 'the order of roots and their repetition mean nothing' same_roots "$c" "$a" "$b" "$a"
claim '--add PATH is one more root' same_roots --add "$c" "$a" --add "$b"

stdin_roots() {
    printf '%s\n' "$b" '' "$c" | squashfs "$SCRATCH/got" "$a" - && cmp "$SCRATCH/abc" "$SCRATCH/got" &&
        printf '%s\n%s\n%s' "$b" "$a" "$c" | squashfs "$SCRATCH/got" - && cmp "$SCRATCH/abc" "$SCRATCH/got"
}
claim "'-' reads roots from standard input" stdin_roots

many_roots() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do cat "$SCRATCH/closure" "$SCRATCH/closure"; done >"$SCRATCH/many"
    cat "$SCRATCH/many" "$SCRATCH/many" "$SCRATCH/many" "$SCRATCH/many" >"$SCRATCH/more"
    squashfs "$SCRATCH/same.squashfs" - <"$SCRATCH/more" && cmp "$image" "$SCRATCH/same.squashfs"
}
claim 'thousands of roots on standard input: same bytes' many_roots

claim 'a slash behind a store path is no part of it' same_roots "$a/" "$b" "$c//"
inside() {
    ! squashfs "$SCRATCH/none.squashfs" "$a/uses" 2>"$SCRATCH/err" && cat "$SCRATCH/err" && [ ! -e "$SCRATCH/none.squashfs" ] &&
        grep -q "is inside a store path and not one itself; name $a" "$SCRATCH/err"
}
claim 'a path inside a store path is refused' inside
claim '.. and repeated slashes are resolved' same_roots "/nix/../nix//store/./${a##*/}" "$b" "$c" 2>/dev/null

claim 'a link to a root is followed' same_image /nix/var/nix/gcroots/demo
claim "so is one that is relative to --root" same_image nix/var/nix/gcroots/demo

chain() {
    ln -s ../one/two "$bare/first" && mkdir "$bare/one" && ln -s "/third" "$bare/one/two" &&
        ln -s "$toplevel/" "$bare/third" &&
        "$REGD_BUILD" squashfs --root "$bare" --registration "$SCRATCH/manifest" -q --compression zstd:3 \
            -o "$SCRATCH/same.squashfs" first && cmp "$image" "$SCRATCH/same.squashfs"
}
claim 'so is a chain of links, relative and absolute, which never leaves --root' chain

# A link that is a store path itself is a root, and not what it points to.
link_root() {
    path=$(named link-to-nowhere)
    squashfs "$SCRATCH/got" "$path" || return
    rm -rf "$SCRATCH/tree"
    unpack "$SCRATCH/got" && [ "$(readlink "$SCRATCH/tree/${path##*/}")" = /no/such/file ]
}
text='a store path that is a dangling link is stored as that'
have unsquashfs "$text" && claim "$text" link_root

says() {
    "$REGD_BUILD" squashfs --root "$store" --compression zstd:3 -o "$SCRATCH/got" "$a" >"$SCRATCH/out" 2>"$SCRATCH/err" &&
        cat "$SCRATCH/err" && [ ! -s "$SCRATCH/out" ] && [ "$(wc -l <"$SCRATCH/err")" -eq 1 ] &&
        grep -q 'MiB' "$SCRATCH/err" && squashfs "$SCRATCH/got" "$a" 2>"$SCRATCH/err" && [ ! -s "$SCRATCH/err" ]
}
claim 'it says one line at the end, and with --quiet nothing' says

nothing_else() {
    find "$SCRATCH" -maxdepth 1 -name '.*.draft' | grep . && return 1
    [ -z "$(cd "$store/nix" && find . -newer "$SCRATCH/names" ! -path './var/nix/db*' ! -path './var/nix/gc*' | head -5 |
        tee /dev/stderr)" ]
}
claim 'no draft is left, and the store has not been touched' nothing_else

finish
