#!/bin/sh
# kinds.sh — whatever kind of file is where a verb reads or writes: is it taken, or refused in one sentence?
#
# One table: a verb, a place, and the kinds that are taken there. Each other kind must be refused. Every run ends in time and
# by itself; a refusal is status 1 and one line, and changes nothing but locks; a success changes only what the verb makes.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [KINDS_TELL=FILE] sh tests/faults/kinds.sh
#
# With KINDS_TELL=FILE the table is written there as the programs have it.
# shellcheck disable=SC2030,SC2031,SC2086,SC2154,SC2317  # options are words; verbs.sh sets variables; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/verbs.sh disable=SC1091
. tests/verbs.sh
make_machine

# The kinds: absent, empty, FIFO, socket, directory, link to what was there, link to nowhere, link to itself, character
# device (endless zeros), unreadable, sparse (what was there, and a hole of a tebibyte).
kinds='absent empty fifo socket directory link nowhere loop device unreadable sparse'

# --- the places -------------------------------------------------------------------------------------------

# Lines: verb, place below work/, kinds taken: all, or a list. Directories end in '/'.
cat >table <<'END'
register         manifest                                  empty,link,pipe
register         manifest.json                             all
register-found   root/proc/cmdline                         absent,empty,link,nowhere
register-found   root/nix/.ro-store/nix-path-registration  absent,empty,link,nowhere,loop
register-found   root/nix/.ro-store/                       absent,empty,fifo,socket,link,nowhere,loop,device
register-found   root/nix-path-registration                all
register-found   root/nix/store/nix-path-registration      all
register         root/nix/store/SYSTEM/                    empty,fifo,socket,link,nowhere,loop,device,unreadable
register         root/nix/store/                           link
register         root/nix/var/nix/                         absent,link
register         root/nix/var/nix/gc.lock                  absent,empty,sparse
register         root/nix/var/nix/temproots/               absent,link
register         root/nix/var/nix/db/                      absent,link
register         root/nix/var/nix/db/db.sqlite             sparse
register         root/nix/var/nix/db/db.sqlite-journal     absent,empty,unreadable,sparse
register         root/nix/var/nix/db/db.sqlite-wal         absent,empty,sparse
register         root/nix/var/nix/db/db.sqlite-shm         absent,empty,sparse
register         root/nix/var/nix/db/schema                absent
register         root/nix/var/nix/db/big-lock              absent,empty,sparse
register-new     new/nix/var/nix/db/.db.sqlite.draft       absent,empty,sparse
register-new     new/nix/var/nix/db/.schema.draft          absent,empty,sparse
boot             root/etc/NIXOS                            absent,empty,fifo,socket,directory,link,nowhere,device,unreadable,sparse
boot             root/etc/                                 absent,link
boot             root/run/current-system                   absent,empty,fifo,socket,directory,link,nowhere,loop,device
boot             root/nix/var/nix/profiles/                absent,link
boot             root/nix/var/nix/profiles/system          absent,link,nowhere,loop
boot             root/nix/var/nix/profiles/system.lock     all
profile-set      whole/nix/var/nix/profiles/               link
profile-set      whole/nix/var/nix/profiles/system         absent,link,nowhere,loop
profile-set      whole/nix/var/nix/profiles/system-1-link  absent,link,nowhere,loop
profile-set      whole/nix/var/nix/profiles/system-2-link  absent,link,nowhere,loop
profile-set      whole/nix/var/nix/profiles/system.lock    absent,empty,sparse
profile-set      whole/nix/var/nix/gcroots/                absent,link
profile-set      whole/nix/var/nix/db/db.sqlite            sparse
profile-set      whole/nix/store/SYSTEM/                   absent,empty,fifo,socket,link,nowhere,loop,device,unreadable
profile-rollback twice/nix/var/nix/profiles/system         -
profile-rollback twice/nix/var/nix/profiles/system-1-link  empty,fifo,socket,directory,link,device
profile-rollback twice/nix/var/nix/profiles/system.lock    absent,empty,sparse
profile-list     twice/nix/var/nix/profiles/               link
profile-list     twice/nix/var/nix/profiles/system         absent,empty,fifo,socket,directory,link,nowhere,loop,device
profile-list     twice/nix/var/nix/profiles/system-1-link  absent,empty,fifo,socket,directory,link,nowhere,loop,device
status           root/nix/var/nix/db/db.sqlite             sparse
status           root/nix/var/nix/profiles/system          absent,link,nowhere,loop
status           root/etc/NIXOS                            all
status           root/nix/.ro-store/nix-path-registration  absent,empty,link,nowhere,loop
status           root/proc/cmdline                         absent,empty,link,nowhere
dump             root/nix/var/nix/db/db.sqlite             sparse
dump             root/nix/var/nix/db/db.sqlite-wal         absent,empty,unreadable,sparse
verify           root/nix/var/nix/db/db.sqlite             sparse
verify           root/nix/var/nix/gc.lock                  all
verify           root/nix/store/LINUX/bzImage              -
verify           root/nix/store/LINUX/                     -
verify           root/nix/store/                           link
manifest-db      whole/nix/var/nix/db/db.sqlite            sparse
manifest-db      whole/nix/var/nix/db/                     link
manifest-graph   graph                                     link,pipe
manifest-info    path-info                                 link,pipe
squashfs         manifest                                  link,pipe
squashfs         whole/nix/store/LINUX/bzImage             -
squashfs         whole/nix/store/LINUX/                    -
squashfs         whole/nix/store/                          link
squashfs         out/it                                    absent,empty,unreadable,sparse
squashfs         out/.it.draft                             absent,empty,sparse
squashfs         out/                                      link
layer            keep/base                                 link,sparse
reuse            keep/image                                all
reuse-tree       keep/tree/                                absent,empty,fifo,socket,link,nowhere,loop,device,unreadable
reuse-tree       keep/tree/boot.json                       all
reuse-tree       keep/tree/SHA256SUMS                      all
reuse-tree       keep/tree/initrd                          all
tree             whole/nix/store/SYSTEM/kernel             -
tree             whole/nix/store/SYSTEM/initrd             -
tree             whole/nix/store/SYSTEM/init               -
tree             whole/nix/store/SYSTEM/kernel-params      -
tree             whole/nix/store/SYSTEM/boot.json          absent
tree             whole/nix/store/SYSTEM/nixos-version      absent
tree             whole/nix/store/SYSTEM/system             absent
tree             whole/nix/store/LINUX/initrd              -
tree             out/it                                    absent,directory
tree             out/.it.draft                             absent,directory
tree-again       keep/tree/SHA256SUMS                      link
tree-again       keep/tree/initrd                          absent,empty,fifo,socket,link,nowhere,loop,device,unreadable,sparse
tree-options     kernel                                    link
tree-options     before                                    empty,link
tree-options     file                                      empty,link
tarball          out/it.tar                                absent,empty,unreadable,sparse
tarball          out/.it.tar.draft                         absent,empty,sparse
ramdisk          keep/image                                link
ramdisk          before                                    empty,link
ramdisk          out/it                                    absent,empty,unreadable,sparse
ipxe             whole/nix/store/SYSTEM/kernel-params      empty,link
kexec            whole/nix/store/SYSTEM/kernel             link
inspect          keep/image                                link,sparse
diff             keep/base                                 link,sparse
inspect          out/it.svg                                absent,empty,unreadable,sparse
inspect          out/.it.svg.draft                         absent,empty,sparse
verify-image     keep/image                                link
verify-image     keep/base                                 link,sparse
verify-tree      keep/tree/                                link
verify-tree      keep/tree/SHA256SUMS                      -
verify-tree      keep/tree/boot.json                       -
verify-tree      keep/tree/initrd                          -
verify-tree      keep/tree/initrd.gz                       -
verify-tree      keep/tree/bzImage                         -
verify-tree      keep/tree/kexec-boot                      -
verify-packed    tmp/                                      link
generator        ramdisk/proc/cmdline                      empty,link
generator        ramdisk/etc/initrd-release                absent,empty,fifo,socket,directory,link,nowhere,device,unreadable,sparse
generator        ramdisk/nix-store.squashfs                all
generator        units/                                    link
generator        units/sysroot-nix-store.mount             absent
generator        units/initrd-fs.target.requires/          absent
overlay          overlay/                                  link
overlay          overlay/store                             absent,directory
overlay          overlay/work                              absent,directory
END

run_verb() {
    build="--root whole --registration manifest -q --compression zstd:1 --jobs 2"
    # shellcheck disable=SC2086  # options
    case $1 in
    register) exec $wrap "$REGD" register -q --root root manifest ;;
    register-found) exec $wrap "$REGD" register -q --root root ;;
    register-new) exec $wrap "$REGD" register -q --root new --missing=accept manifest ;;
    boot) exec $wrap "$REGD" boot -q --root root manifest ;;
    profile-set) exec $wrap "$REGD" profile set -q --root whole "$system" ;;
    profile-rollback) exec $wrap "$REGD" profile rollback -q --root twice ;;
    profile-list) exec $wrap "$REGD" profile list --root twice ;;
    status) exec $wrap "$REGD" status --root root ;;
    dump) exec $wrap "$REGD" dump --root root ;;
    verify) exec $wrap "$REGD" verify -q --root root ;;
    manifest-db) exec $wrap "$REGD_BUILD" manifest --root whole "$system" ;;
    manifest-graph) exec $wrap "$REGD_BUILD" manifest --root whole --graph graph "$system" ;;
    manifest-info) exec $wrap "$REGD_BUILD" manifest --root whole --path-info path-info "$system" ;;
    squashfs) exec $wrap "$REGD_BUILD" squashfs $build "$system" -o out/it ;;
    layer) exec $wrap "$REGD_BUILD" squashfs $build --base keep/base "$system" -o out/it ;;
    reuse) exec $wrap "$REGD_BUILD" squashfs $build --reuse keep/image "$system" -o out/it ;;
    reuse-tree) exec $wrap "$REGD_BUILD" squashfs $build --reuse keep/tree "$system" -o out/it ;;
    tree) exec $wrap "$REGD_BUILD" tree $build "$system" -o out/it ;;
    tree-again) exec $wrap "$REGD_BUILD" tree $build "$system" -o keep/tree ;;
    tree-options)
        exec $wrap "$REGD_BUILD" tree $build --kernel kernel --prepend before --file file:/etc/it "$system" -o out/it
        ;;
    tarball) exec $wrap "$REGD_BUILD" tree $build "$system" -o out/it --tarball out/it.tar ;;
    ramdisk) exec $wrap "$REGD_BUILD" ramdisk -q --prepend before --store keep/image -o out/it ;;
    ipxe) exec $wrap "$REGD_BUILD" ipxe --root whole "$system" ;;
    kexec) exec $wrap "$REGD_BUILD" kexec --root whole "$system" ;;
    inspect) exec $wrap "$REGD_BUILD" inspect keep/image --svg out/it.svg ;;
    diff) exec $wrap "$REGD_BUILD" inspect keep/image --diff keep/base ;;
    verify-image) exec $wrap "$REGD_BUILD" verify -q --base keep/base keep/image ;;
    verify-tree) exec $wrap "$REGD_BUILD" verify -q keep/tree ;;
    verify-packed) exec $wrap env "TMPDIR=$PWD/tmp" "$REGD_BUILD" verify -q keep/packed ;;
    generator) exec $wrap "$generator" --root ramdisk units ;;
    overlay) exec $wrap "$generator" --overlay overlay ;;
    esac
}

# What a success may change.
made_by() {
    case $1 in
    register | register-found) echo '^root/nix/var/nix' ;;
    dump) echo '/db\.sqlite-(wal|shm)$' ;;
    register-new) echo '^new/(nix|$)' ;;
    boot) echo '^root/(nix/var/nix/|etc|run)' ;;
    profile-set) echo '^whole/nix/var/nix/' ;;
    profile-rollback) echo '^twice/nix/var/nix/' ;;
    tree-again) echo '^keep/tree' ;;
    squashfs | layer | reuse* | tree | tree-options | tarball | ramdisk | inspect) echo '^out/' ;;
    generator) echo '^units/' ;;
    overlay) echo '^overlay/' ;;
    *) echo '^$' ;;
    esac
}
# What a refusal may: locks, and the empty directories they are in. What boot does are three things of which each is tried.
locks() {
    case $1 in
    boot) made_by boot ;;
    generator | overlay) echo '^(units/[a-z-]*\.target\.requires|overlay/store)$' ;;
    *) echo '/(gc\.lock|big-lock|system\.lock|reserved|db\.sqlite-(shm|wal)|temproots|\.it\.[a-z.]*draft|\.it\.draft)$' ;;
    esac
}

# --- what is there ----------------------------------------------------------------------------------------

mkdir state state/out state/units state/new state/overlay state/tmp state/keep
cp -a root whole twice manifest state/ && cp -a keep/. state/keep/
mkdir -p state/root/proc state/root/run state/root/nix/.ro-store state/ramdisk/proc state/ramdisk/etc
printf 'quiet init=%s/init\n' "$system" | tee state/ramdisk/proc/cmdline >state/root/proc/cmdline
cp manifest state/root/nix/.ro-store/nix-path-registration
ln -s "$system" state/root/run/current-system
: >state/ramdisk/etc/initrd-release
cp keep/image state/ramdisk/nix-store.squashfs
cp "whole$linux/bzImage" state/kernel
cp "whole$linux/initrd" state/before
cp manifest state/file
printf '%s\n\n0\n%s\n\n1\n%s\n' "$linux" "$system" "$linux" >state/graph
information() {
    for path in "$linux" "$system"; do
        nix-store --dump "root$path" >nar
        [ "$path" = "$linux" ] && references= || references="\"$linux\""
        printf '%s{"path":"%s","narHash":"sha256:%s","narSize":%d,"references":[%s]}' "$separator" "$path" \
            "$(sha256sum nar | cut -c 1-64)" "$(wc -c <nar)" "$references"
        separator=,
    done
}
separator=
echo "[$(information)]" | tee state/path-info >state/manifest.json
(cd state && "$REGD_BUILD" tree --root whole --registration manifest -q --compression zstd:1 --compressor zstd:1 "$system" -o keep/packed) ||
    bail 'nothing can be built'

wants python3
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'

# make_kind KIND PLACE: puts it there; false where it cannot be, or is what is there already.
make_kind() {
    place=${2%/}
    mkdir -p "${place%/*}" 2>/dev/null
    case $1 in
    unreadable | sparse) ;;
    link)
        if [ -e "$place" ] || [ -L "$place" ]; then
            mkdir -p "aside" && case $place in
            */*) mkdir -p "${place%%/*}/aside" && mv "$place" "${place%%/*}/aside/it" ;;
            *) mv "$place" aside/it ;;
            esac
        else
            mkdir -p "${place%%/*}/aside" && : >"${place%%/*}/aside/it"
        fi
        ;;
    *) rm -rf "$place" ;;
    esac
    case $1 in
    absent) ;;
    empty) : >"$place" ;;
    fifo) mkfifo "$place" ;;
    pipe) mkfifo "$place" && { (exec cat ../state/"$place" >"$place") & writer=$!; } ;;
    socket) cp -a ../socket "$place" ;;
    directory) case $2 in */) return 1 ;; *) mkdir "$place" ;; esac ;;
    link)
        case $place in
        root/* | whole/* | twice/* | new/* | ramdisk/*) ln -s /aside/it "$place" ;;
        */*) ln -s "$PWD/${place%%/*}/aside/it" "$place" ;;
        *) ln -s aside/it "$place" ;;
        esac
        ;;
    nowhere) ln -s nowhere "$place" ;;
    loop) ln -s "${place##*/}" "$place" ;;
    device) mknod "$place" c 1 5 2>/dev/null ;;
    unreadable)
        [ -n "$without_override" ] || return 1
        [ ! -L "$place" ] && { [ -e "$place" ] || : >"$place"; } && chmod 0 "$place"
        ;;
    sparse)
        case $2 in */) return 1 ;; esac
        [ ! -L "$place" ] && [ ! -d "$place" ] && truncate -s 1T "$place" 2>/dev/null
        ;;
    esac
}

without_override=
if [ "$(id -u)" -ne 0 ]; then
    without_override='env'
elif setpriv --bounding-set=-dac_override,-dac_read_search true 2>/dev/null; then
    without_override='setpriv --bounding-set=-dac_override,-dac_read_search'
fi

listing() {
    # A directory's size hangs on the file system and says nothing.
    find . -mindepth 1 \( -type d -printf '%P %y %m %l\n' -o -printf '%P %y %m %s %l\n' \) | sort
    find . -type f -size -4096k -exec sha256sum {} + 2>/dev/null | sed 's|^.\{0,1\}\([0-9a-f]\{64\}\)  \./\(.*\)|\2 \1|' | sort
}

# --- a run ------------------------------------------------------------------------------------------------

# What a run did that it may not.
judge() {
    lines=$(grep -vc ' warning: ' stderr)
    may=$(locks "$1")
    case $status in
    0)
        may=$(made_by "$1")
        # The generator says that there is nothing to mount.
        [ "$lines" -eq 0 ] || [ "$1" = generator ] || echo 'it is done, and says:'
        ;;
    1)
        most=1
        [ "$1" != boot ] || most=3
        [ "$lines" -gt 0 ] && [ "$lines" -le "$most" ] || echo "$lines sentences:"
        ;;
    *) echo "status $status:" ;;
    esac
    grep -v -e ' warning: ' -e '^regd[a-z-]*: .' stderr && echo 'is no sentence'
    cmp -s before after || diff before after | sed -n 's/^[<>] \([^ ]*\) .*/\1/p' | sort -u |
        sed "s|^\([^/]*/\)*aside/it|${2%/}|" | grep -vE "$may" | sed 's/^/changed: /'
}

# try VERB KIND PLACE: sets result to taken, refused or impossible.
try() {
    result=impossible
    chmod -R u+rwx work 2>/dev/null
    rm -rf work && cp -a state work && cd work || exit 1
    if make_kind "$2" "$3"; then
        listing >../before
        wrap="timeout -s KILL $patience"
        [ "$2" != unreadable ] || wrap="$wrap $without_override"
        (run_verb "$1") >../stdout 2>../stderr </dev/null
        status=$?
        listing >../after
        result=refused
        [ "$status" -ne 0 ] || result=taken
    fi
    cd .. || exit 1
}

# row VERB PLACE TAKEN: each kind is taken or refused as the table says, and neither hurts.
row() {
    now=
    wrong=0
    for kind in $kinds; do
        turn=$((turn + 1))
        [ $((turn % step)) -eq 0 ] || continue
        # What is named on the command line and read from its start to its end can be a pipe: it is waited for.
        case $kind,$3 in fifo,*pipe*) kind=pipe ;; esac
        writer=
        try "$1" "$kind" "$2"
        [ -z "$writer" ] || { kill "$writer"; wait "$writer"; } 2>/dev/null
        [ "$result" != impossible ] || continue
        [ "$result" = refused ] || now=${now:+$now,}$kind
        complaints=$(judge "$1" "$2")
        case ,$3, in
        *,"$kind",* | *,all,*) expected=taken ;;
        *) expected=refused ;;
        esac
        [ "$result" = "$expected" ] || [ -n "${KINDS_TELL-}" ] || complaints="$complaints is $result"
        [ -n "$complaints" ] || continue
        wrong=1
        printf '%s at %s: %s\n' "$kind" "$2" "$complaints"
        head -n 3 stderr
    done
    [ -z "${KINDS_TELL-}" ] || printf '%-17s%-42s%s\n' "$1" "$2" "${now:--}" >>"$KINDS_TELL"
    [ "$wrong" -eq 0 ]
}

# With the sanitizers, whose start is slow, a fourth of the kinds at each place.
turn=0 step=1
[ "${TEST_STEP:-1}" -eq 1 ] || step=4
while read -r verb place taken <&3; do
    case " ${KINDS_ONLY-$verb} " in *" $verb "*) ;; *) continue ;; esac
    place=$(echo "$place" | sed "s|SYSTEM|${system##*/}|; s|LINUX|${linux##*/}|")
    claim "$verb, $place: each kind of file is taken or refused" row "$verb" "$place" "$taken"
done 3<table
finish
