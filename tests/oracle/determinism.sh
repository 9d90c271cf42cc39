#!/bin/sh
# determinism.sh — does the same closure give the same bytes, whatever the environment?
#
# Usage    REGD_BUILD=… SCRATCH=… [OTHER_BUILD=…] [STORE_FIXTURE=…] sh tests/oracle/determinism.sh
#            OTHER_BUILD  the same program, built by another compiler
# shellcheck disable=SC2015,SC2317            # `A && B || C` is meant so; claims call functions by their names
# shellcheck disable=SC2030,SC2031,SC2094,SC2119,SC2120  # subshells are meant to keep their variables; no arguments
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR SOURCE_DATE_EPOCH LC_ALL TZ

find_store
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

# The store paths of the closure below another root, to be changed without end; and the manifest, as they have no
# database.
"$REGD_BUILD" manifest --root "$store" "$toplevel" >manifest || bail 'there is no manifest'
grep '^/nix/store/' manifest | sort -u >paths
copy_store() {
    mkdir -p "$1/nix/store" && (cd "$store/nix/store" && sed 's|.*/||' "$SCRATCH/work/paths" | sort ${2:+"$2"} |
        while read -r name; do cp -a "./$name" "$1/nix/store/" || exit; done)
}
root=$SCRATCH/copy
copy_store "$root" -r || bail 'no copy of the store could be made'

build_with=$REGD_BUILD
build() {
    "$build_with" "$@" --root "$root" --registration "$SCRATCH/work/manifest" --quiet --compression zstd:3 "$toplevel"
}

build tree -o reference --jobs 1 || bail 'no tree can be made'
build squashfs -o reference.squashfs --jobs 1 || bail 'no image can be made'

# same DIRECTORY: the tree and the image in it are the reference.
same() {
    diff -r "$SCRATCH/work/reference" "$1/tree" && cmp "$SCRATCH/work/reference.squashfs" "$1/image" &&
        (cd "$1" && stat -c '%n %a %F' tree tree/* image) >"$SCRATCH/modes" &&
        { [ -s "$SCRATCH/want-modes" ] || cp "$SCRATCH/modes" "$SCRATCH/want-modes"; } && diff "$SCRATCH/want-modes" "$SCRATCH/modes"
}

# The image is in the tree too, so that of most variants only the tree is made.
build_both() {
    rm -rf out
    mkdir out && build tree -o out/tree "$@" && build squashfs -o out/image "$@" && same out
}
build_tree() {
    rm -rf out
    mkdir out && cp reference.squashfs out/image && build tree -o out/tree "$@" && same out
}

claim 'a second run gives the same bytes' build_both --jobs 1
claim 'so do two threads' build_both --jobs 2
claim 'so do seven' build_both --jobs 7
claim 'so do thirty' build_tree --jobs 30
claim 'so do as many as there are CPUs' build_tree

other_build() {
    build_with=$OTHER_BUILD
    build_both
}
text='so does the program that another compiler built'
if [ "${OTHER_BUILD-}" ]; then
    claim "$text" other_build
    build_with=$REGD_BUILD
else
    skip "$text" 'OTHER_BUILD is not set'
fi

one_cpu() {
    taskset 1 true && rm -rf out && mkdir out && cp reference.squashfs out/image &&
        taskset 1 "$REGD_BUILD" tree --root "$root" --registration manifest -q --compression zstd:3 -o out/tree "$toplevel" &&
        same out
}
text='so does a single CPU'
have taskset "$text" && claim "$text" one_cpu

over_itself() {
    build tree -o out/tree --params other && build tree -o out/tree && same out
}
claim 'the tree that was there before does not show' over_itself

masks() {
    for mask in 077 000 777; do
        (umask "$mask" && build tree -o "out-$mask" && build squashfs -o "out-$mask.squashfs") &&
            mkdir "both-$mask" && mv "out-$mask" "both-$mask/tree" && mv "out-$mask.squashfs" "both-$mask/image" &&
            same "both-$mask" || return
    done
}
claim 'the umask does not show' masks

locales() {
    for locale in C POSIX C.UTF-8 de_DE.UTF-8 tr_TR.UTF-8 en_US.ISO-8859-1 no-such-locale; do
        (export LC_ALL="$locale" && build_tree) 2>err || { echo "LC_ALL=$locale" && cat err && return 1; }
    done
}
claim 'the locale does not show' locales

zones() {
    (export TZ=Pacific/Kiritimati && build_tree) && (export TZ=America/St_Johns LANG=C.UTF-8 && build_tree)
}
claim 'the time zone does not show' zones

epoch() {
    (export SOURCE_DATE_EPOCH=1700000000 && build_both) && (export SOURCE_DATE_EPOCH=nonsense && build_tree)
}
claim 'SOURCE_DATE_EPOCH does not show' epoch

surroundings() {
    (export HOME=/nowhere USER=somebody TMPDIR=/nowhere PATH=/nowhere COLUMNS=20 && unset LANG && build tree -o out/tree) &&
        (cd out && env -i "$REGD_BUILD" squashfs --root "$root" --registration ../manifest -q --compression zstd:3 -o image \
            "$toplevel") && same out
}
claim 'the environment does not show' surroundings

elsewhere() {
    mkdir -p "away/a b" && (cd "away/a b" && "$REGD_BUILD" tree --root ../../../copy --registration ../../manifest -q \
        --compression zstd:3 -o ./../tree/ "$toplevel" && "$REGD_BUILD" squashfs --root ../../../copy -q --compression zstd:3 \
        --registration ../../manifest -o ../image "$toplevel") && same away
}
claim 'the working directory and the name of the output do not show' elsewhere

database() {
    "$REGD_BUILD" tree --root "$store" -q --compression zstd:3 -o out/tree "$toplevel" && same out
}
claim 'the original store with its database gives the same bytes as a copy with a manifest' database

# Records and references upside down, and some twice; the derivers, sizes and hashes stay.
shuffled() {
    awk '{ line[NR] = $0 }
        function record(at,    i) {
            for (i = at; i < at + 4; i++) print line[i]
            print line[at + 4] + (line[at + 4] > 0)
            for (i = at + 4 + line[at + 4]; i > at + 4; i--) print line[i]
            if (line[at + 4] > 0) print line[at + 5]
        }
        END {
            for (at = 1; at <= NR; at += 5 + line[at + 4]) start[++count] = at
            for (i = count; i > 0; i--) record(start[i])
            for (i = 1; i <= count; i += 3) record(start[i])
        }' manifest >shuffled && [ "$(wc -l <shuffled)" -gt "$(wc -l <manifest)" ] &&
        "$REGD_BUILD" tree --root "$root" --registration shuffled -q --compression zstd:3 -o out/tree "$toplevel" && same out
}
claim 'the order of the manifest, and what it says twice, do not show' shuffled

# --- the store on disk ------------------------------------------------------------------------------------

# Another order of inodes and of names in the directories.
other_order() {
    copy_store "$SCRATCH/forward" '' && (root=$SCRATCH/forward && build_tree)
}
claim 'the order of inodes does not show' other_order

other_file_system() {
    # shellcheck disable=SC2016,SC2086  # for the inner shell; several words
    for flags in '--mount' '--mount --propagation unchanged' '--map-root-user --mount'; do
        unshare $flags true 2>/dev/null || continue
        unshare $flags sh -c 'mount -t tmpfs none "$1" && cp -a "$2/nix" "$1/" &&
            "$3" tree --root "$1" --registration manifest -q --compression zstd:3 -o out/tree "$4" && umount "$1"' \
            sh "$SCRATCH/mount" "$root" "$REGD_BUILD" "$toplevel" && same out
        return
    done
}
mkdir "$SCRATCH/mount"
text='the file system does not show'
if unshare --mount mount -t tmpfs none "$SCRATCH/mount" 2>/dev/null; then
    claim "$text" other_file_system
else
    skip "$text" 'no private mount namespace'
fi

hard_links() {
    cp -al "$SCRATCH/forward" "$SCRATCH/linked" && cd "$SCRATCH/linked/nix/store" && chmod -R u+w . &&
        find . -type f -size +0 ! -perm /111 -name 'small-*' -exec sh -c 'first=$1; shift
            for file; do ln -f "$first" "$file"; done' sh {} + &&
        find . -name 'small-*' -links +9 | grep -q . && cd "$SCRATCH/work" && (root=$SCRATCH/linked && build_tree)
}
claim 'hard links do not show' hard_links

# Times, modes that Nix would have canonicalised, owners.
metadata() {
    find "$SCRATCH/linked/nix" -exec touch -h -d '2001-02-03 04:05:06.789' {} + &&
        find "$SCRATCH/linked/nix" -type d -exec chmod 2775 {} + &&
        find "$SCRATCH/linked/nix" -type f -perm /100 -exec chmod 0711 {} + &&
        find "$SCRATCH/linked/nix" -type f ! -perm /100 -exec chmod 0654 {} + &&
        { [ "$(id -u)" != 0 ] || chown -hR 1234:4321 "$SCRATCH/linked/nix"; } && (root=$SCRATCH/linked && build_tree)
}
claim 'times, owners and modes do not show, but for what is executable' metadata

# The comparisons above are worth something only if they see a change.
one_byte() {
    file=$(find "$SCRATCH/linked/nix" -type f -name library | head -1)
    printf X | dd of="$file" conv=notrunc 2>err && (root=$SCRATCH/linked && ! build_tree --no-check && [ -s out/tree/initrd ])
}
claim 'one byte of one file does show' one_byte
executable_bit() {
    printf l | dd of="$file" conv=notrunc 2>err && (root=$SCRATCH/linked && build_tree) && chmod 755 "$file" &&
        (root=$SCRATCH/linked && ! build_tree --no-check && [ -s out/tree/initrd ])
}
file=$(find "$SCRATCH/linked/nix" -type f -name library | head -1)
claim 'so does what is executable' executable_bit

finish
