#!/bin/sh
# unpack.sh — does `regd-build unpack` make the store that unsquashfs and Nix would make, and nothing else?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/unpack.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR

wants nix-store unsquashfs mksquashfs strace
find_store
private_nix
cd "$SCRATCH" || bail "$SCRATCH is not there"

squashfs() {
    "$REGD_BUILD" squashfs --root "$store" --quiet --compression zstd:3 -o "$@"
}
squashfs image "$toplevel" || bail 'no image could be made'
unsquashfs -no-progress -quiet -d tree image >/dev/null && mv tree/nix-path-registration manifest ||
    bail 'the image could not be unpacked'
rm -f tree/nix-path-registration.json

# unpack ROOT ARGUMENT...: of the image.
unpack() {
    root=$1
    shift
    mkdir -p "$root" && timeout "$patience" "$REGD_BUILD" unpack image --root "$root" "$@" 2>stderr || {
        cat stderr
        return 1
    }
}

# Everything that can be seen of a store's files but their owner. Nix makes .links when it verifies a store.
listing() {
    (cd "$1" && find . -mindepth 1 ! -path './.links*' \( -type d -printf '%P d %m %Ts\n' -o -type f -printf '%P f %m %Ts %s\n' -o \
        -type l -printf '%P l %Ts %l\n' \) | sort)
}

# Do all paths that are there have their hash? Nix says so, and no temporary name is left.
is_whole() {
    [ -z "$(find "$1/nix/store" -mindepth 1 -maxdepth 1 -name '.*')" ] && "$REGD" register -q --root "$1" --missing=skip manifest 2>/dev/null
    nix_store_of "$SCRATCH/$1" --verify --check-contents >verified 2>&1
    status=$?
    cat verified
    [ "$status" -eq 0 ] && ! grep -E 'modified|missing|disappeared|error' verified
}

same_as_unsquashfs() {
    unpack whole && listing tree >wanted && listing whole/nix/store | diff wanted - && diff -r --no-dereference tree whole/nix/store
}
claim 'files, modes, times and links are those that unsquashfs makes' same_as_unsquashfs

nix_is_content() {
    "$REGD" register -q --root whole manifest && is_whole whole && [ "$(grep -c '^/nix/store/.*' verified)" -eq 0 ] &&
        [ "$(nix_store_of "$SCRATCH/whole" -qR "$toplevel" 2>/dev/null | wc -l)" -eq "$(find tree -mindepth 1 -maxdepth 1 | wc -l)" ]
}
claim 'Nix finds each path as the manifest says, once it is registered' nix_is_content

jobs_and_umask() {
    (umask 077 && unpack alone --jobs 1) && listing alone/nix/store | diff wanted -
}
claim 'neither the number of threads nor the umask makes a difference' jobs_and_umask

resumes() {
    cp -a whole again && chmod -R u+w again/nix/store && rm -rf "again/nix/store/${toplevel##*/}" && cp -a whole/nix/store/. again/nix/store &&
        rm -rf "again$toplevel" && unpack again && grep -q ': 1 paths unpacked' stderr && listing again/nix/store | diff wanted -
}
claim 'what is there and right is left, what is missing is unpacked' resumes

closure_only() {
    # The first path that refers to another one, but is not the system.
    some=$(nix_store_of "$store" -qR "$toplevel" 2>/dev/null | while read -r path; do
        [ "$path" = "$toplevel" ] || [ "$(nix_store_of "$store" -qR "$path" 2>/dev/null | wc -l)" -lt 2 ] || echo "$path"
    done | head -n 1)
    [ -n "$some" ] && unpack part "$some" && nix_store_of "$store" -qR "$some" 2>/dev/null | sed 's|.*/||' | sort >closure &&
        find part/nix/store -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | diff closure -
}
claim 'of a path its closure is unpacked, as Nix has it' closure_only

refused() {
    cp -a whole wrong && chmod u+w "wrong$toplevel" && echo x >"wrong$toplevel/more" && rm -rf "wrong/nix/store/$(head -n 1 closure)" &&
        listing wrong/nix/store >before && ! unpack wrong && grep -q "$toplevel is there, with other contents" stderr &&
        [ "$(wc -l <stderr)" -eq 1 ] && listing wrong/nix/store | diff before -
}
claim 'a path that is there and wrong is refused, and nothing is changed' refused

layers() {
    base=/nix/store/$(head -n 1 closure)
    squashfs base "$base" && squashfs top --base base "$toplevel" && mkdir stack &&
        ! "$REGD_BUILD" unpack top --root stack 2>stderr && grep -q 'unpack the image that has it, its base, first' stderr &&
        [ -z "$(find stack/nix/store -mindepth 1)" ] && "$REGD_BUILD" unpack -q base --root stack && "$REGD_BUILD" unpack -q top --root stack &&
        listing stack/nix/store | diff wanted -
}
claim 'a stack of images is unpacked from its base on' layers

foreign() {
    cp -a tree changed && chmod -R u+w changed && cp manifest changed/nix-path-registration && find changed -type f -exec chmod u+s,g+w {} + &&
        mksquashfs changed foreign -force-uid 1234 -noappend -no-progress -quiet >/dev/null && mkdir other &&
        "$REGD_BUILD" unpack -q foreign --root other && listing other/nix/store | diff wanted -
}
claim 'of an image with other modes, owners and times the store is the same' foreign

device() {
    mkdir -p odd && mksquashfs tree odd.image -p 'odd c 666 0 0 1 3' -noappend -no-progress -quiet >/dev/null && ! "$REGD_BUILD" unpack odd.image --root odd 2>stderr &&
        [ "$(wc -l <stderr)" -eq 1 ] && [ -z "$(find odd -mindepth 1)" ]
}
claim 'an image with a device is refused, and nothing is written' device

# The store directory leads elsewhere, by an absolute link: below the root, that is where it is.
link_out() {
    mkdir -p out/nix out/there "$SCRATCH/outside" && ln -s "$SCRATCH/outside" out/nix/store
    "$REGD_BUILD" unpack -q image --root out 2>stderr
    [ -z "$(find "$SCRATCH/outside" -mindepth 1)" ]
}
claim 'no link leads out of the root' link_out

# killed CALL NUMBER: is the store whole after a kill at that call, and does another run complete it?
killed() {
    chmod -R u+w cut 2>/dev/null
    rm -rf cut && mkdir cut || return
    strace -f -qq -o trace -e trace="$1" -e inject="$1:signal=KILL:when=$2" "$REGD_BUILD" unpack -q image --root cut --jobs 2 2>stderr
    status=$?
    [ "$status" -ne 0 ] || return 0
    find cut/nix/store -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%f\n' 2>/dev/null | while read -r name; do
        diff -r --no-dereference "tree/$name" "cut/nix/store/$name" || echo "$name is not whole"
    done | grep . && return 1
    unpack cut -q && listing cut/nix/store | diff wanted -
}
text='after a kill at any call, paths are whole, and the next run completes them'
killed_anywhere() {
    for at in 'mkdirat 1' 'openat 90' 'write 40' 'fchmod 7' 'syncfs 1' 'renameat2 2' 'fsync 1'; do
        # shellcheck disable=SC2086  # a call and a number
        killed $at || {
            echo "at $at"
            return 1
        }
    done
}
can_trace "$text" && claim "$text" killed_anywhere

finish
