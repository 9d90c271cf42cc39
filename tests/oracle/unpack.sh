#!/bin/sh
# unpack.sh — is what `regd-build unpack` makes of an image the store that it was made of, for Nix too, however it was stopped?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/unpack.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET JOURNAL_STREAM
wants nix nix-store mksquashfs unsquashfs jq sqlite3
find_store
private_nix
cd "$SCRATCH" || bail "$SCRATCH is not there"
source=$store/nix/store

"$REGD_BUILD" squashfs -q --root "$store" "$toplevel" -o image || bail 'no image could be made'
leaf=$(nix_store_of "$store" -qR "$toplevel" | head -n 1)
middle=$(nix_store_of "$store" -qR "$toplevel" | while read -r path; do
    [ "$(nix_store_of "$store" -qR "$path" | wc -l)" -lt 4 ] || { echo "$path" && break; }
done)
"$REGD_BUILD" squashfs -q --root "$store" "$middle" -o base || bail 'no lower image could be made'
"$REGD_BUILD" squashfs -q --root "$store" "$toplevel" --base base -o top || bail 'no upper image could be made'

# unpack DIR WORD...: below a new directory, unless it is there.
unpack() {
    mkdir -p "$1" || return
    root=$1
    shift
    "$REGD_BUILD" unpack "$@" --root "$root" >out 2>err
    status=$?
    cat out err
    return "$status"
}

# All that a store has but for its own metadata and what is not a path: names, kinds, modes, times, sizes, targets.
seen() {
    (cd "$1" && find . -mindepth 1 -maxdepth 1 -name '[0-9a-z]*-*' | sort | sed 's|^\./||' | grep -xFf "$SCRATCH/wanted" |
        while read -r name; do
            find "$name" -type d -printf '%p %y %m %T@\n' -o -printf '%p %y %m %T@ %s %l\n'
            find "$name" -type f -exec sha256sum {} +
        done | sort)
}

# same_as_source DIR PATH...: the directory's store has exactly these paths, and each is as in the store that the image is made of.
same_as_source() {
    root=$1
    shift
    printf '%s\n' "$@" | sed 's|.*/||' | sort >wanted
    find "$root/nix/store" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | diff - wanted && seen "$root/nix/store" >got && seen "$source" >want && diff got want
}

closure() {
    nix_store_of "$store" -qR "$@" | sort -u
}

whole() {
    # shellcheck disable=SC2046  # paths
    unpack whole image && same_as_source whole $(closure "$toplevel")
}
claim 'each path is as in the store, with its modes and times' whole

registered() {
    "$REGD" register --root whole && nix_store_of "$PWD/whole" --verify --check-contents 2>log
    cat log
    ! grep -E 'error|warning|modified|disappeared' log || return
    mkdir -p loaded/nix && cp -a whole/nix/store loaded/nix/ && nix_store_of "$PWD/loaded" --load-db <whole/nix-path-registration || return
    for root in whole loaded; do
        nix_store_of "$PWD/$root" --dump-db >"$root.dump" || return
    done
    cmp whole.dump loaded.dump && [ "$(grep -c . whole.dump)" -gt 100 ]
}
claim 'regd registers it, with the rows of nix-store --load-db, and Nix verifies its contents' registered

# What nixos-install does with nix copy and nix-env, in one run.
installed() {
    unpack installed tree-in-ramdisk --register --profile /nix/var/nix/profiles/system && [ ! -e installed/nix-path-registration ] &&
        [ -e installed/etc/NIXOS ] && nix_store_of "$PWD/installed" --dump-db | cmp - whole.dump || return
    [ "$(readlink installed/nix/var/nix/profiles/system)" = system-1-link ] &&
        [ "$(readlink installed/nix/var/nix/profiles/system-1-link)" = "$toplevel" ] || return
    nix_store_of "$PWD/installed" --verify --check-contents 2>log
    nix_store_of "$PWD/installed" --gc 2>>log >/dev/null
    cat log
    ! grep -E 'error|warning|modified|disappeared' log && nix_store_of "$PWD/installed" --dump-db | cmp - whole.dump || return
    unpack installed tree-in-ramdisk --register --profile /nix/var/nix/profiles/system && [ "$(ls -d installed/nix/var/nix/profiles/system-*)" = installed/nix/var/nix/profiles/system-1-link ] &&
        nix_store_of "$PWD/installed" --dump-db | cmp - whole.dump || return
    unpack named image "$middle" "$leaf" --register --profile /nix/var/nix/profiles/some &&
        [ "$(readlink named/nix/var/nix/profiles/some-1-link)" = "$middle" ] || return
    nix_store_of "$PWD/named" --verify --check-contents 2>log && ! grep -E 'error|warning|modified|disappeared' log
}

names() {
    find "$1" -mindepth 1 -printf '%f\n' | sort
}

# Of several names, one is the file in .links.
optimised() {
    unpack optimised image --optimise --register && mv optimised/nix/store/.links links && mv links optimised/nix/store/.links || return
    # shellcheck disable=SC2046  # paths
    printf '%s\n' $(closure "$toplevel") | sed 's|.*/||' | sort >wanted
    seen optimised/nix/store >got && seen "$source" >want && diff got want || return
    nix_store_of "$PWD/optimised" --verify --check-contents 2>log
    cat log
    ! grep -E 'error|warning|modified|disappeared' log && grep -q 'checking link hashes' log || return
    names optimised/nix/store/.links >links.before
    nix_store_of "$PWD/optimised" --optimise -v 2>log
    cat log
    grep -qE '^(0.00 MiB|0 bytes|0.00 B|0.0 KiB) freed by hard-linking 0 files' log && names optimised/nix/store/.links | diff links.before - || return
    cp -a whole linked && nix_store_of "$PWD/linked" --optimise 2>/dev/null && names linked/nix/store/.links | diff links.before - || return
    [ "$(cd linked/nix/store && find . -links +2 ! -type d | wc -l)" = "$(cd optimised/nix/store && find . -links +2 ! -type d | wc -l)" ]
}
# What is there is linked, too, and what is damaged in .links is not used.
optimised_later() {
    cp -a whole later && mkdir later/nix/store/.links && for name in $(head -n 30 links.before); do echo damaged >"later/nix/store/.links/$name" || return; done
    unpack later image --optimise && names later/nix/store/.links | diff links.before - && seen later/nix/store | diff - want || return
    for at in 'linkat 40' 'renameat 3' 'fchmod 900'; do
        chmod -R u+w cut 2>/dev/null
        rm -rf cut && mkdir cut || return
        strace -f -qq -o trace -e trace="${at% *}" -e inject="${at% *}:signal=KILL:when=${at#* }" "$REGD_BUILD" unpack -q image --root cut --optimise
        unpack cut image --optimise && names cut/nix/store/.links | diff links.before - && [ -z "$(find cut/nix/store -name '.*.draft')" ] || return
    done
}

# A collector's lock, which Nix takes, too.
collected() {
    mkdir -p waiting/nix/var/nix && : >waiting/nix/var/nix/gc.lock && : >out || return
    flock -x waiting/nix/var/nix/gc.lock sleep 600 &
    holder=$!
    until grep -q "FLOCK.*WRITE.*:$(stat -c %i waiting/nix/var/nix/gc.lock) " /proc/locks; do sleep 0.1; done
    "$REGD_BUILD" unpack image --register --root waiting >out 2>err &
    until grep -q "waiting for the garbage collector's lock, which .* uses" err; do sleep 0.1; done
    [ ! -e waiting/nix/store ] && kill "$(pgrep -P "$holder" sleep)" && wait
    grep 'paths registered' err
}

# Each valid row is a whole path.
rows_are_whole() {
    [ -e "$1/nix/var/nix/db/schema" ] || return 0
    nix_store_of "$PWD/$1" --verify --check-contents 2>log
    cat log
    ! grep -E 'error|warning|modified|disappeared' log
}
killed_registering() {
    for at in 'flock 2' 'renameat2 9' 'pwrite64 1' 'renameat 1' 'renameat 2' 'renameat 4' 'fsync 5'; do
        chmod -R u+w cut 2>/dev/null
        rm -rf cut && mkdir cut || return
        strace -f -qq -o trace -e trace="${at% *}" -e inject="${at% *}:signal=KILL:when=${at#* }" "$REGD_BUILD" unpack -q image "$toplevel" \
            --register --profile /nix/var/nix/profiles/system --root cut --jobs 2 2>err
        rows_are_whole cut || return
        unpack cut image "$toplevel" --register --profile /nix/var/nix/profiles/system && rows_are_whole cut &&
            [ "$(readlink cut/nix/var/nix/profiles/system-1-link)" = "$toplevel" ] || return
    done
}

# What the rows say of the paths, but for when they were registered.
rows() {
    sqlite3 "$1/nix/var/nix/db/db.sqlite" 'select path, hash, deriver, narSize, ultimate, sigs, ca from ValidPaths order by path' \
        'select a.path, b.path from Refs join ValidPaths a on a.id = referrer join ValidPaths b on b.id = reference order by 1, 2'
}
said_of() {
    # shellcheck disable=SC2046  # paths
    nix --extra-experimental-features nix-command path-info --sigs --store "local?root=$1" $(closure "$toplevel") | sort
}
signed() {
    "$REGD_BUILD" squashfs -q --signatures --root "$store" "$toplevel" -o signed.image && mkdir -p extracted/nix &&
        unsquashfs -q -n -d extracted/nix/store signed.image >/dev/null && "$REGD" boot -q --root extracted --system "$toplevel" || return
    rows extracted >rows.want && grep -q 'demo-1:' rows.want && grep -q 'fixed:' rows.want || return
    unpack carried signed.image --register && rows carried | diff rows.want - && [ ! -e carried/nix-path-registration.json ] || return
    unpack left signed.image && "$REGD" register -q --root left && rows left | diff rows.want - || return
    said_of "$store" >said && grep -q 'demo-1:' said && said_of "$PWD/carried" | diff said - || return
    unpack left image && [ -e left/nix-path-registration ] && [ ! -e left/nix-path-registration.json ]
}
claim 'signatures and content addresses of the image are registered as regd boot does, and Nix reads them' signed

# One that contradicts the manifest.
misdescribed() {
    unsquashfs -q -n -d wrong signed.image >/dev/null && chmod -R u+w wrong && jq 'map_values(.narHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")' \
        extracted/nix/store/nix-path-registration.json >wrong/nix-path-registration.json &&
        mksquashfs wrong wrong.image -quiet -no-progress -noappend >/dev/null && ! unpack wrongly wrong.image --register || return
    [ "$(wc -l <err)" -eq 1 ] && grep -q 'wrong.image: nix-path-registration.json: it gives .* another NAR hash than the manifest does' err && [ -z "$(ls -A wrongly)" ]
}
claim 'a description that contradicts the manifest is refused' misdescribed

again() {
    (cd whole/nix/store && find . -printf '%p %i %C@\n' | sort) >before
    unpack whole image && grep -q ' 0 paths unpacked' err &&
        (cd whole/nix/store && find . -printf '%p %i %C@\n' | sort) | diff before -
}
claim 'what is there and right is left' again

some() {
    # shellcheck disable=SC2046  # paths
    unpack some image "$middle" "${leaf##*/}" && same_as_source some $(closure "$middle" "$leaf") &&
        nix_store_of "$store" -qR "$middle" | while read -r path; do grep -qxF "$path" some/nix-path-registration || exit; done
}
claim 'of some paths, the closure is unpacked' some

layers() {
    ! unpack lacking top || return
    grep -q 'is neither in an image nor in the store; name the image that has it with --base' err && [ ! -e lacking/nix-path-registration ] &&
        [ -z "$(ls -A lacking/nix/store)" ] || return
    # shellcheck disable=SC2046  # paths
    unpack layers top --base base && same_as_source layers $(closure "$toplevel")
}
claim 'paths that an upper image lacks come from the lower one' layers

# All that is built of one system, as it is built.
stacks() {
    "$REGD_BUILD" tree -q --root "$store" "$toplevel" --base base -o tree-in-ramdisk &&
        "$REGD_BUILD" tree -q --root "$store" "$toplevel" --base base --compressor gzip -o tree-packed &&
        "$REGD_BUILD" tree -q --root "$store" "$toplevel" --base base --separate-store -o tree-separate &&
        "$REGD_BUILD" tree -q --root "$store" "$toplevel" --base base --by-url -o tree-by-url &&
        "$REGD_BUILD" publish -q tree-by-url --into served || return
    mkdir listed && tail -c "+$(jq '.layers.offset + 1' tree-by-url/boot.json)" "tree-by-url/$(jq -r .layers.file tree-by-url/boot.json)" |
        head -c "$(jq .layers.size tree-by-url/boot.json)" >listed/nix-store.layers.json || return
    cp -a served/stores listed/ || return
    for stack in tree-in-ramdisk tree-packed tree-separate tree-by-url served listed/nix-store.layers.json; do
        # shellcheck disable=SC2046  # paths
        unpack "of-${stack%%/*}" "$stack" && same_as_source "of-${stack%%/*}" $(closure "$toplevel") || return
    done
    rm served/current
    ! unpack uncurrent served && grep -q 'served: there is no current system' err
}

present() {
    # shellcheck disable=SC2046  # paths
    unpack present base && unpack present top && same_as_source present $(closure "$toplevel")
}
claim 'or are there already' present
claim 'trees, lists of layers and published roots are stacks of images' stacks
claim 'with --register and --profile, Nix finds an installed system, and nothing wrong' installed
claim 'with --optimise, nix-store --optimise finds nothing more, and nix-store --verify nothing wrong' optimised
text='paths that are there become links, too; nothing damaged is linked, and a run that was killed is continued'
can_trace "$text" && claim "$text" optimised_later
claim 'with --register, a collector is waited for before anything is written' collected
text='killed at any call, valid rows are whole paths, and the next run registers all'
can_trace "$text" && claim "$text" killed_registering

# refuses TEXT WORD...: in one sentence, before anything is written.
refuses() {
    text=$1
    shift
    rm -rf refused
    ! unpack refused "$@" && [ "$(wc -l <err)" -eq 1 ] && grep -qE "$text" err && [ -z "$(ls -A refused)" ]
}
# The lower image lists fewer paths, and all that it has are right: no NAR hash finds that it stands in the place of another.
exchanged() {
    known=$("$REGD_BUILD" squashfs --root "$store" "$toplevel" --compression lz4 --verity append -o appended 2>&1 >/dev/null | sed -n 's/.*root hash of .*: //p')
    other=$(echo "$known" | tr 0-9a-f 1-9a-f0)
    # shellcheck disable=SC2046  # paths
    unpack pinned appended --root-hash "$known" && same_as_source pinned $(closure "$toplevel") || return
    refuses "appended: its root hash is $known, expected $other\$" appended --root-hash "$other" && refuses "base: its root hash is .*, expected $known\$" base --root-hash "$known" &&
        refuses 'tree-separate is a tree; --root-hash is for an image' tree-separate --root-hash "$known" || return
    for tree in tree-in-ramdisk tree-packed tree-separate tree-by-url; do
        [ ! -e false ] || chmod -R u+w false && rm -rf false && cp -a "$tree" false && chmod -R u+w false || return
        file=$(jq -r '.storeImages[0].file' false/boot.json)
        case $tree in
        tree-packed) printf 'x' | dd of="false/$file" bs=1 seek=$(($(wc -c <"false/$file") / 2)) conv=notrunc 2>/dev/null ;;
        *) dd if=base of="false/$file" bs=4096 seek="$(jq '(.storeImages[0].offset // 0) / 4096 | floor' false/boot.json)" conv=notrunc 2>/dev/null ;;
        esac
        case $tree in
        tree-by-url) refuses 'false: nix-store.squashfs: its root hash is .*, expected' false || return ;;
        *) refuses "false: $file: its SHA-256 is .*, expected $(sed -n "s/  $file\$//p" false/SHA256SUMS)" false || return ;;
        esac
    done
    rm -rf listed-false && cp -a listed listed-false && chmod -R u+w listed-false || return
    cp base "listed-false/stores/$(jq -r '.layers[0].rootHash' listed/nix-store.layers.json).squashfs" &&
        refuses 'listed-false/nix-store.layers.json: stores/.*: its root hash is' listed-false/nix-store.layers.json || return
    cp "$tree/boot.json" false/ && echo >>false/boot.json && refuses 'false: boot.json is not the file that SHA256SUMS lists; build the tree again' false &&
        rm false/SHA256SUMS && refuses 'false: open SHA256SUMS: No such file or directory' false
}
claim 'an image in the place of another is refused: by the root hash that is known, or by SHA256SUMS' exchanged

changed() {
    mkdir -p changed/nix/store && cp -a "whole$middle" changed/nix/store/ && chmod -R u+w "changed$middle" || return
    file=$(find "changed$middle" -type f | head -n 1)
    echo more >>"$file"
    ! unpack changed image || return
    [ "$(wc -l <err)" -eq 1 ] && grep -q "the store has another path of this name; remove it: ${middle##*/}: its NAR hash is sha256:" err &&
        [ "$(ls -A changed/nix/store)" = "${middle##*/}" ]
}
claim 'a path that is there and wrong is named, and nothing is unpacked' changed

# In the middle of the files' data.
damaged() {
    cp image damaged.image && chmod u+w damaged.image
    printf '\377\377\377\377\377\377\377\377' | dd of=damaged.image bs=1 seek=$(($(wc -c <image) / 3)) conv=notrunc 2>/dev/null
    ! unpack damaged damaged.image || return
    [ "$(wc -l <err)" -eq 1 ] && [ -z "$(ls -A damaged/nix/store)" ] && [ ! -e damaged/nix-path-registration ]
}
claim 'of a damaged image, nothing stays' damaged

# Other builders leave modes, owners and times as they find them, and files with several names.
foreign() {
    unsquashfs -q -n -d tree image >/dev/null || return
    chmod -R u+w tree && find tree -type f -exec touch {} + && find tree -type f ! -perm -100 -exec chmod 0606 {} + &&
        find tree -type f -perm -100 -exec chmod 4755 {} + && mksquashfs tree foreign.image -quiet -no-progress -noappend >/dev/null || return
    # shellcheck disable=SC2046  # paths
    unpack foreign foreign.image && same_as_source foreign $(closure "$toplevel")
}
claim 'modes, times and set-user-ID bits of another builder do not matter' foreign

outside() {
    mkdir -p outside trap && ln -s "$PWD/outside" trap/nix || return
    unpack trap image
    [ -z "$(ls -A outside)" ]
}
claim 'a link in the root leads nowhere outside of it' outside

device() {
    mkdir odd && mksquashfs tree odd.image -p 'odd c 666 0 0 1 3' -noappend -no-progress -quiet >/dev/null && ! unpack odd odd.image || return
    [ "$(wc -l <err)" -eq 1 ] && [ -z "$(ls -A odd)" ]
}
claim 'an image with a device is refused, and nothing is written' device

# Each named path is whole at any moment.
killed() {
    kills=0
    for delay in 0.01 0.02 0.03 0.05 0.08 0.1 0.15 0.2 0.3; do
        mkdir -p killed
        "$REGD_BUILD" unpack image --root killed -q --jobs 2 2>/dev/null &
        sleep "$delay"
        kill -9 $! 2>/dev/null && kills=$((kills + 1))
        wait
        for path in killed/nix/store/[0-9a-z]*-*; do
            [ -e "$path" ] || [ -L "$path" ] || continue
            hash=$(nix-store --dump "$path" | sha256sum | cut -c 1-64)
            grep -A 1 -xF "/nix/store/${path##*/}" whole/nix-path-registration | grep -qxF "$hash" || return
        done
    done
    # shellcheck disable=SC2046  # paths
    [ "$kills" -gt 2 ] && unpack killed image && same_as_source killed $(closure "$toplevel")
}
claim 'killed at any moment, paths with a name are whole, and the next run completes the store' killed

# killed_at CALL NUMBER: by strace, at that call.
killed_at() {
    chmod -R u+w cut 2>/dev/null
    rm -rf cut && mkdir cut || return
    strace -f -qq -o trace -e trace="$1" -e inject="$1:signal=KILL:when=$2" "$REGD_BUILD" unpack -q image --root cut --jobs 2 2>err &&
        return 0
    find cut/nix/store -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%f\n' 2>/dev/null | while read -r name; do
        diff -r --no-dereference "$source/$name" "cut/nix/store/$name" || echo "$name is not whole"
    done | grep . && return 1
    # shellcheck disable=SC2046  # paths
    unpack cut image && same_as_source cut $(closure "$toplevel")
}
text='the same after a kill at these calls'
killed_at_calls() {
    for at in 'mkdirat 1' 'openat 90' 'write 40' 'fchmod 7' 'syncfs 1' 'renameat2 2' 'fsync 1'; do
        # shellcheck disable=SC2086  # a call and a number
        killed_at $at || {
            echo "at $at"
            return 1
        }
    done
}
can_trace "$text" && claim "$text" killed_at_calls

threads() {
    # shellcheck disable=SC2046  # paths
    for jobs in 1 7; do
        (umask 077 && unpack "jobs-$jobs" image --jobs "$jobs") && same_as_source "jobs-$jobs" $(closure "$toplevel") || return
    done
}
claim 'neither the number of threads nor the umask makes a difference' threads

full() {
    mkdir small && mount -t tmpfs -o size=8M none small || return
    unpack small/root image
    status=$?
    left=$(ls -A small/root/nix/store)
    umount small
    [ "$status" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q 'too little space: the paths have [0-9]* MiB, and [0-9]* MiB are free' err && [ -z "$left" ]
}
if unshare -m true 2>/dev/null; then
    claim 'too little space is told before anything is written' full
else
    skip 'too little space is told before anything is written' 'no file system may be mounted'
fi

wrong_line() {
    "$REGD_BUILD" unpack image 2>err
    [ $? -eq 2 ] && grep -q 'unpack: missing --root DIR' err || return
    "$REGD_BUILD" unpack image --root whole --profile /nix/var/nix/profiles/system 2>err
    [ $? -eq 2 ] && grep -q -e '--profile is used only with --register' err || return
    ! unpack unnamed image --register --profile /nix/var/nix/profiles/system || return
    grep -q -e '--profile: name the system as PATH, or unpack a tree' err && [ -z "$(ls -A unnamed)" ] || return
    ! unpack whole image /nix/store/none || return
    grep -q "'/nix/store/none' is not a path of the image's manifest" err
}
claim 'a missing root and an unknown path are told' wrong_line

finish
