#!/bin/sh
# refusals.sh — is everything that cannot be done refused with one sentence that names it, and is no file left behind?
#
# Most claims work on a small store made by hand here. Mounts, dropped capabilities and special files take root or
# user namespaces; without, those claims are skipped by name.
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/refusals.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR

find_store
mkdir "$SCRATCH/work" "$SCRATCH/work/out" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

# --- a small store ----------------------------------------------------------------------------------------

linux=/nix/store/11111111111111111111111111111111-linux
system=/nix/store/00000000000000000000000000000000-system
mkdir -p "root$linux/folder" "root$system"
head -c 30001 "$REGD_BUILD" | like_kernel >"root$linux/bzImage"
head -c 10001 "$REGD_BUILD" >"root$linux/initrd"
echo file >"root$linux/folder/file"
ln -s "$linux/bzImage" "root$system/kernel"
ln -s "$linux/initrd" "root$system/initrd"
printf 'console=ttyS0 quiet' >"root$system/kernel-params"
printf '#!/bin/sh\n' >"root$system/init"
chmod 555 "root$system/init"
printf '%s\n%064d\n1\n\n%d\n' "$linux" 0 0 "$system" 0 1 >manifest
echo "$linux" >>manifest

# What every refused run finds in its output directory, and has to leave: an older tree, image and ramdisk.
small() {
    verb=$1
    output=$2
    shift 2
    "$REGD_BUILD" "$verb" --root root --registration manifest --no-check --quiet --compression zstd:3 -o "$output" "$@"
}
small tree out/tree "$system" && small squashfs out/image "$system" &&
    "$REGD_BUILD" ramdisk -q --store out/image -o out/ramdisk || bail 'nothing can be built at all'

listing() {
    find out ! -name out -printf '%p %y %m %s %T@ %i %l\n' | sort
    find out -type f -exec cksum {} + | sort
}

# what_it_says STATUS: one line on stderr, of the program's, that has the text; nothing on stdout.
what_it_says() {
    cat stderr
    [ "$status" -eq "$1" ] && [ ! -s stdout ] && [ "$(wc -l <stderr)" -eq 1 ] && grep -q '^regd-build: ' stderr &&
        grep -qF -- "$text" stderr
}

# refuses TEXT COMMAND...: status 1 and all is as it was.
refuses() {
    text=$1
    shift
    listing >before
    "$@" >stdout 2>stderr
    status=$?
    listing | diff before - && what_it_says 1
}

# Both kinds of output that are made of a store, new and in place of an older one.
# refuses_all TEXT ROOT MANIFEST ROOT-PATH [ARGUMENT...]
refuses_all() {
    text=$1
    root=$2
    manifest=$3
    path=$4
    shift 4
    for output in new old; do
        for verb in tree squashfs; do
            [ "$verb" = squashfs ] && name=image || name=tree
            [ "$output" = old ] || name=new
            refuses "$text" "$REGD_BUILD" "$verb" --root "$root" --registration "$manifest" --quiet --compression zstd:3 \
                -o "out/$name" "$path" "$@" || return
        done
    done
}

# --- roots ------------------------------------------------------------------------------------------------

unknown=/nix/store/22222222222222222222222222222222-unknown
for verb in squashfs tree; do
    claim "$verb: a root that is not valid in the database is refused" refuses "${unknown##*/}" \
        "$REGD_BUILD" "$verb" --root "$store" --add "$unknown" -q -o out/new "$toplevel"
    claim "$verb: a root that the manifest does not list is refused" refuses "${unknown##*/}" small "$verb" out/new \
        --add "$unknown" "$system"
    claim "$verb: a root outside the store is refused" refuses "/etc/passwd" small "$verb" out/new --add /etc/passwd "$system"
    claim "$verb: the store itself is no root" refuses "/nix/store" small "$verb" out/new --add /nix/store "$system"
    claim "$verb: a path that is no store path is refused" refuses "not-a-store-path" small "$verb" out/new \
        --add /nix/store/not-a-store-path "$system"
done
claim 'manifest: a root that is not valid is refused' refuses "${unknown##*/}" "$REGD_BUILD" manifest --root "$store" "$unknown"
claim 'a relative root that is not there is refused' refuses nowhere small squashfs out/new nowhere
ln -s loop root/loop
claim 'a loop of links is refused' refuses loop small squashfs out/new loop
ln -s /etc root/outside
claim 'a link that leads out of the store is refused' refuses outside small squashfs out/new outside/passwd
no_roots() {
    printf '\n\n' | refuses 'no PATH was given' small squashfs out/new -
}
claim 'no root at all is refused' no_roots
stdin_root() {
    printf '%s\n%s\n' "$linux" "$unknown" | refuses "${unknown##*/}" small squashfs out/new -
}
claim 'a bad root on standard input is refused by name' stdin_root

# --- the database and the manifest ------------------------------------------------------------------------

claim 'no database is refused, by its place' refuses '/nix/var/nix' "$REGD_BUILD" squashfs --root root -q -o out/new "$system"
claim 'so it is by manifest' refuses '/nix/var/nix' "$REGD_BUILD" manifest --root root "$system"
mkdir -p broken-db/nix/store broken-db/nix/var/nix/db
head -c 8192 "$REGD_BUILD" >broken-db/nix/var/nix/db/db.sqlite
printf 10 >broken-db/nix/var/nix/db/schema
claim 'a database that is none is refused' refuses 'db' "$REGD_BUILD" squashfs --root broken-db -q -o out/new "$system"
claim 'a --root that is not there is refused' refuses 'nowhere' "$REGD_BUILD" squashfs --root nowhere -q -o out/new "$system"
sed "s|/nix/store|/no/store|" manifest >elsewhere
claim "a store that is not there is refused" refuses "/no/store" "$REGD_BUILD" squashfs --root root --store-dir /no/store \
    --registration elsewhere -q -o out/new "/no/store/${system##*/}"
claim 'a missing manifest is refused' refuses_all nowhere root nowhere "$system"
claim 'a directory is no manifest' refuses_all root root root "$system"
claim 'an empty manifest is refused' refuses_all "${system##*/}" root /dev/null "$system"
sed '3s/1/x/' manifest >bad-size
claim 'a manifest with a bad line is refused by its number' refuses_all 'line 3' root bad-size "$system"
sed '$d' manifest >short
claim 'a manifest that ends too early is refused by its line' refuses_all 'line 11' root short "$system"
sed 1,5d manifest | sed "s|$linux|$unknown|" >dangling
claim 'a reference to a path that the manifest lacks is refused' refuses_all "${unknown##*/}" root dangling "$system"

# Every prefix of a manifest of 20 paths. The first record, the root of the first run, refers to all of the others, so
# that no prefix is enough; the last is alone, so for it exactly the whole is. The second run has a root in the middle
# that refers to nothing before: right from the end of its record on, prefixes that end with a record are enough.
awk 'BEGIN {
    for (i = 1; i <= 20; i++) path[i] = sprintf("/nix/store/%032d-p%d", i, i)
    for (i = 1; i <= 20; i++) {
        print path[i]; printf "%064d\n", i; print i * 1000; print (i % 3 ? "" : path[i] ".drv")
        if (i == 1) { print 19; for (j = 2; j <= 20; j++) print path[j] }
        else if (i == 12) { print 2; print path[5]; print path[12] }
        else print 0
    }
}' >twenty
mkdir prefixes
awk -v directory=prefixes 'BEGIN { RS = "\001" } {
    for (i = 0; i <= length($0); i++) { file = directory "/" i; printf "%s", substr($0, 1, i) >file; close(file) }
}' twenty
bytes=$(wc -c <twenty)
# Where records end, from that of path 12 on; the awk counts bytes as the locale is C.
boundaries=$(awk '{ at += length + 1 } { line[NR] = $0; end[NR] = at }
    END {
        for (n = 1; n <= NR; n += 5 + line[n + 4]) {
            number++
            if (number >= 12) printf "%d ", end[n + 4 + line[n + 4]]
        }
    }' twenty)

# accepted ROOT: the lengths of the prefixes that are accepted; "bad" where a refusal is not what it should be.
accepted() {
    : >stderr
    refused=0
    length=0
    while [ "$length" -le "$bytes" ]; do
        case " $boundaries$bytes " in
        *" $length "*) ;;
        *)
            if [ $((length % ${TEST_STEP:-1})) -ne 0 ]; then
                length=$((length + 1))
                continue
            fi
            ;;
        esac
        "$REGD_BUILD" manifest --root root --registration "prefixes/$length" "$1" >stdout 2>>stderr
        case $? in
        0) printf '%d ' "$length" ;;
        1)
            refused=$((refused + 1))
            [ ! -s stdout ] || printf 'bad:output '
            ;;
        *) printf 'bad:%d ' "$length" ;;
        esac
        length=$((length + 1))
    done
    [ "$(wc -l <stderr)" -eq "$refused" ] && [ "$(grep -c "^regd-build: .*prefixes/" stderr)" -eq "$refused" ] ||
        printf 'bad:stderr '
}
every_truncation() {
    got=$(accepted "/nix/store/$(printf %032d 1)-p1")
    echo "accepted: $got"
    [ "$bytes" -gt 3000 ] && [ "$got" = "$bytes " ]
}
claim "a manifest of 20 paths is refused if it ends after any but the last of its $bytes bytes" every_truncation
middle_truncation() {
    got=$(accepted "/nix/store/$(printf %032d 12)-p12")
    echo "accepted: $got, expected: $boundaries"
    [ "$(echo "$boundaries" | wc -w)" -eq 9 ] && [ "$got" = "$boundaries" ]
}
claim 'where the root needs less, exactly the ends of the records behind it are enough' middle_truncation
rm -rf prefixes

# --- the store on disk ------------------------------------------------------------------------------------

variant() {
    rm -rf variant
    cp -a root variant
}
variant && rm -r "variant$linux/folder" "variant$linux/bzImage" "variant$linux/initrd" && rmdir "variant$linux"
cp root"$linux"/bzImage kernel
cp root"$linux"/initrd initrd
claim 'squashfs: a store path that is not on disk is refused by name' refuses "${linux##*/}" \
    "$REGD_BUILD" squashfs --root variant --registration manifest --no-check -q -o out/image "$system"
claim 'tree: a store path that is not on disk is refused by name' refuses "${linux##*/}" \
    "$REGD_BUILD" tree --root variant --registration manifest --no-check -q -o out/tree --kernel kernel --prepend initrd "$system"

# odd NAME: the name of what was put into the store path.
odd() {
    claim "$1 in a store path is refused by name" refuses_all "${linux##*/}/folder/odd" variant manifest "$system"
}
variant && mkfifo "variant$linux/folder/odd" && odd 'a pipe'
variant && echo x >"variant$linux/folder/odd" && chmod 4555 "variant$linux/folder/odd" && odd 'a setuid file'
variant && echo x >"variant$linux/folder/odd" && chmod 2555 "variant$linux/folder/odd" && odd 'a setgid file'
variant
text='a socket in a store path is refused by name'
if have perl "$text"; then
    if (cd "variant$linux/folder" && perl -MSocket -e '
        socket(S, PF_UNIX, SOCK_STREAM, 0) && bind(S, sockaddr_un("odd")) or exit 1') 2>/dev/null; then
        odd 'a socket'
    else
        skip "$text" 'no socket can be made'
    fi
fi
variant
if mknod "variant$linux/folder/odd" c 1 3 2>/dev/null; then
    odd 'a device'
else
    skip 'a device in a store path is refused by name' 'no device can be made'
fi
variant && rm -rf "variant$linux" && mkfifo "variant$linux"
claim 'a pipe as a store path is refused by name' refuses "${linux##*/}" \
    timeout "$patience" "$REGD_BUILD" squashfs --root variant --registration manifest --no-check -q -o out/image "$system"

# The words in front of a command that has to respect modes.
powerless=
if [ "$(id -u)" = 0 ]; then
    powerless='setpriv --bounding-set -dac_override,-dac_read_search --inh-caps -dac_override,-dac_read_search'
fi
: >secret && chmod 0 secret
# shellcheck disable=SC2086  # several words
if $powerless true 2>/dev/null && ! $powerless cat secret 2>/dev/null; then
    can_be_powerless=yes
else
    can_be_powerless=no
fi

# powerless_refuses TEXT COMMAND...
powerless_refuses() {
    text=$1
    shift
    # shellcheck disable=SC2086  # several words
    refuses "$text" $powerless "$@"
}
# with_modes TEXT COMMAND...: a claim that needs modes to count.
with_modes() {
    if [ "$can_be_powerless" = yes ]; then
        claim "$@"
    else
        skip "$1" 'modes mean nothing here and capabilities cannot be dropped'
    fi
}
variant && chmod 0 "variant$linux/folder/file"
for verb in squashfs tree; do
    with_modes "$verb: a file that cannot be read is refused by name" powerless_refuses "${linux##*/}/folder/file: Permission" \
        "$REGD_BUILD" "$verb" --root variant --registration manifest --no-check -q -o out/new "$system"
done
variant && chmod 0 "variant$linux/folder"
with_modes 'a directory that cannot be read is refused by name' powerless_refuses "${linux##*/}/folder: Permission" \
    "$REGD_BUILD" squashfs --root variant --registration manifest --no-check -q -o out/new "$system"
chmod 755 "variant$linux/folder"
with_modes 'an initial ramdisk that cannot be read is refused by name' powerless_refuses secret \
    "$REGD_BUILD" ramdisk --prepend secret -q -o out/new
with_modes 'a manifest that cannot be read is refused by name' powerless_refuses secret \
    "$REGD_BUILD" manifest --root root --registration secret "$system"

# --- a system with something missing ----------------------------------------------------------------------

# lacks PART: a script can be printed for a system without initrd, whose ramdisk is another.
lacks() {
    verbs='tree ipxe kexec'
    [ "$1" != initrd ] || verbs=tree
    variant && rm -f "variant$system/$1" &&
        for verb in $verbs; do
            # shellcheck disable=SC2046  # several words
            refuses "$1" "$REGD_BUILD" "$verb" --root variant $([ "$verb" != tree ] ||
                echo "--registration manifest --no-check -o out/tree") -q "$system" && grep -qF "${system##*/}" stderr || return
        done
}
for part in kernel initrd kernel-params init; do
    claim "a system without $part is refused" lacks "$part"
done
dangling_part() {
    variant && ln -sfn /nix/store/33333333333333333333333333333333-gone/bzImage "variant$system/kernel" &&
        refuses kernel "$REGD_BUILD" tree --root variant --registration manifest --no-check -q -o out/tree "$system"
}
claim 'so is one whose kernel is a dangling link' dangling_part
empty_part() {
    variant && : >"variant$linux/$2" && refuses "$1 is empty" "$REGD_BUILD" tree --root variant --registration manifest --no-check -q \
        -o out/tree "$system"
}
claim 'so is one whose initrd is empty' empty_part initrd initrd
claim 'so is one whose kernel is empty' empty_part kernel bzImage
directory_part() {
    variant && rm "variant$linux/initrd" && mkdir "variant$linux/initrd" && refuses 'initrd is not a file' \
        "$REGD_BUILD" tree --root variant --registration manifest --no-check -q -o out/tree "$system"
}
claim 'so is one whose initrd is a directory' directory_part
pipe_part() {
    variant && rm "variant$system/kernel" && mkfifo "variant$system/kernel" && refuses 'kernel' \
        timeout "$patience" "$REGD_BUILD" tree --root variant --registration manifest --no-check -q -o out/tree "$system"
}
claim 'so is one whose kernel is a pipe' pipe_part
plain_init() {
    variant && chmod 444 "variant$system/init" && refuses 'not an executable file' \
        "$REGD_BUILD" tree --root variant --registration manifest --no-check -q -o out/tree "$system"
}
claim 'so is one whose init is not executable' plain_init
escaping() {
    variant && ln -sfn ../../../../../../../../../../../../etc/passwd "variant$system/kernel" &&
        refuses 'kernel' "$REGD_BUILD" tree --root variant --registration manifest --no-check -q -o out/tree "$system"
}
claim 'so is one whose kernel leads out of --root' escaping

claim 'a --kernel that is not there is refused' refuses kernel small tree out/tree --kernel nowhere "$system"
claim 'a --kernel that is a directory is refused' refuses kernel small tree out/tree --kernel out "$system"
claim 'a --prepend that is not there is refused' refuses nowhere small tree out/tree --prepend nowhere "$system"
claim 'an --init that is not absolute is refused' refuses "'bin/init'" small tree out/tree --init bin/init "$system"
claim 'an --init with a blank is refused' refuses "'/bin/in it'" small tree out/tree --init '/bin/in it' "$system"
claim 'an empty --init is refused' refuses "init ''" small tree out/tree --init '' "$system"
own_name() {
    cp kernel SHA256SUMS && refuses SHA256SUMS small tree out/tree --kernel SHA256SUMS "$system"
}
claim 'a kernel that has the name of another file of the tree is refused' own_name

# --- where the output goes --------------------------------------------------------------------------------

for verb in squashfs tree; do
    claim "$verb: an output directory that is not there is refused" refuses nowhere small "$verb" out/nowhere/new "$system"
    claim "$verb: a file as the output directory is refused" refuses out/ramdisk small "$verb" out/ramdisk/new "$system"
    for output in / . .. out/. out/.. ''; do
        claim "$verb: '$output' is refused as an output" refuses "'$output'" small "$verb" "$output" "$system"
    done
    claim "$verb: a name that is too long is refused" refuses nnnnnnnn small "$verb" "out/$(printf %250s n | tr ' ' n)" "$system"
    chmod 555 out
    with_modes "$verb: an output directory that is not writable is refused" powerless_refuses 'this one is not writable: Permission' \
        "$REGD_BUILD" "$verb" --root root --registration manifest --no-check -q -o out/new "$system"
    chmod 755 out
done
claim 'an image does not take the place of a directory' refuses 'tree' small squashfs out/tree "$system"
claim 'a tree does not take the place of a file' refuses 'image' small tree out/image "$system"

# The lock is held by a shell's own descriptor.
busy() {
    mkdir out/.tree.draft && : >out/.image.draft && (
        exec 8<out/.tree.draft 9<out/.image.draft && flock -n 8 && flock -n 9 &&
            refuses 'another process' small tree out/tree "$system" 8<&- 9<&- &&
            refuses 'another process' small squashfs out/image "$system" 8<&- 9<&-
    )
    result=$?
    small tree out/tree "$system" && small squashfs out/image "$system" && [ "$result" -eq 0 ] &&
        [ -z "$(find out -name '.*')" ]
}
text='what another process is writing is refused; what a dead one left is taken over'
have flock "$text" && claim "$text" busy

# A file system of 1 MiB. "full TEXT VERB ARGUMENT..." builds the real system into it, over an older file and not.
namespace=
for flags in '--mount' '--mount --propagation unchanged' '--map-root-user --mount'; do
    # shellcheck disable=SC2086  # several words
    if unshare $flags sh -c "mount -t tmpfs none out && umount out" 2>/dev/null; then
        namespace="unshare $flags"
        break
    fi
done
full() {
    # shellcheck disable=SC2016,SC2086  # for the inner shell; several words
    $namespace sh -c '
        program=$1 output=$2 && shift 2
        mount -t tmpfs -o size=1M none out && { [ "$output" != old ] || echo old >out/old; } && ls -lA out >before || exit 9
        "$program" "$@" -q -o "out/$output" >stdout 2>stderr
        status=$?
        ls -lA out | diff before - || status=8
        umount out
        exit "$status"' sh "$REGD_BUILD" "$@"
    status=$?
    text='No space left'
    what_it_says 1
}
full_disk() {
    full new "$@"
}
full_disk_over_old() {
    full new "$@" && full old "$@"
}
squashfs_text='squashfs: a full disk is refused, and no part of the image stays'
tree_text='tree: a full disk is refused, and no part of the tree stays'
ramdisk_text='ramdisk: a full disk is refused, and no part of it stays'
stdout_text='manifest: output that cannot be written is refused'
if [ "$namespace" ]; then
    { printf hsqs && head -c 2000000 /dev/zero; } >two-megabytes
    claim "$squashfs_text" full_disk_over_old squashfs --root "$store" --compression zstd:3 "$toplevel"
    claim "$tree_text" full_disk tree --root "$store" --compression zstd:3 "$toplevel"
    claim "$ramdisk_text" full_disk_over_old ramdisk --store two-megabytes
else
    for text in "$squashfs_text" "$tree_text" "$ramdisk_text"; do
        skip "$text" 'no private mount namespace'
    done
fi
stdout_full() {
    "$REGD_BUILD" manifest --root root --registration manifest "$system" >/dev/full 2>stderr
    status=$?
    : >stdout
    text='standard output'
    what_it_says 1
}
if [ -c /dev/full ]; then
    claim "$stdout_text" stdout_full
else
    skip "$stdout_text" 'there is no /dev/full'
fi

# --- wrong command lines ----------------------------------------------------------------------------------

# wrong TEXT ARGUMENT...
wrong() {
    text=$1
    shift
    listing >before
    "$REGD_BUILD" "$@" >stdout 2>stderr
    status=$?
    listing | diff before - && what_it_says 2
}
claim 'no -o: status 2' wrong -o squashfs --root root --registration manifest --no-check "$system"
claim 'tree without -o: status 2' wrong -o tree --root root --registration manifest --no-check "$system"
claim 'no root: status 2' wrong PATH squashfs -o out/new
claim 'no toplevel: status 2' wrong TOPLEVEL tree -o out/new
claim 'two toplevels: status 2' wrong "$linux" tree -o out/new "$system" "$linux"
claim 'a ramdisk of nothing: status 2' wrong --prepend ramdisk -o out/new
claim 'a ramdisk with a path: status 2' wrong "$system" ramdisk -o out/new --store out/image "$system"
claim '-o without a value: status 2' wrong --output squashfs "$system" -o
claim 'an option of another command: status 2' wrong --kernel squashfs -o out/new --kernel kernel "$system"
for jobs in 0 -1 x 1025 99999999999999999999 '' ' 2' 2x; do
    claim "--jobs '$jobs': status 2" wrong --jobs squashfs -o out/new --jobs "$jobs" "$system"
done
for compression in zip zstd:0 zstd:23 zstd: zstd:x zstd:-1 gzip:0 gzip:13 lz4:13 lz4:0 lzo lzo:1 xz:10 ZSTD '' :3 zstd:3:3; do
    claim "--compression '$compression': status 2" wrong "'$compression'" squashfs -o out/new --compression "$compression" "$system"
done

finish
