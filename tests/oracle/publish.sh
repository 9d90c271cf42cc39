#!/bin/sh
# publish.sh — do HTTP servers serve a published root to a fleet, whole at any moment?
#
# The trees are small. nginx and lighttpd serve the root through a socket in the file system; curl is the machine.
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… sh tests/oracle/publish.sh
# shellcheck disable=SC2015,SC2016,SC2030,SC2031,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${REGD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/verbs.sh disable=SC1091
. tests/verbs.sh
wants jq
make_machine

# publish ROOT ARGUMENT...
publish() {
    root=$1
    shift
    "$REGD_BUILD" publish -q --into "$root" "$@"
}
current() { readlink "$1/current" | sed 's|.*/||'; }
previous() { readlink "$1/previous" | sed 's|.*/||'; }
systems() { ls "$1/systems"; }
name_of() { echo "${2:-system}-$(sha256sum <"$1/SHA256SUMS" | cut -c 1-12)"; }
verified() { "$REGD_BUILD" verify -q "$@"; }

first=$(name_of keep/first) second=$(name_of keep/next) third=$(name_of keep/last)

# --- the shape --------------------------------------------------------------------------------------------------

shape() {
    publish a keep/first || return
    [ "$(current a)" = "$first" ] && [ ! -e a/previous ] && [ "$(systems a)" = "$first" ] &&
        [ "$(readlink "a/systems/$first/stores")" = ../../stores ] &&
        diff -r -x '*.sha256' keep/first "a/systems/$first" && diff -x '*.sha256' a/stores keep/first/stores &&
        verified a && verified "a/systems/$first" && verified a/current
}
claim 'a tree is published in an empty place, and is then the current system' shape

again() {
    find a -type f -exec stat -c '%n %i %Y' {} + | grep -v -e netboot.ipxe -e fleet.json | sort >before
    publish a keep/first || return
    find a -type f -exec stat -c '%n %i %Y' {} + | grep -v -e netboot.ipxe -e fleet.json | sort | diff before - &&
        [ "$(systems a)" = "$first" ] && [ ! -e a/previous ]
}
claim 'the same tree again is the same system, and no file is copied' again

next() {
    publish a keep/next && publish a keep/last || return
    [ "$(current a)" = "$third" ] && [ "$(previous a)" = "$second" ] && [ "$(systems a | wc -l)" -eq 3 ] && verified a
}
claim 'the next tree is current, and the one before is previous' next

rolled_back() {
    publish a --rollback && [ "$(current a)" = "$second" ] && [ "$(previous a)" = "$third" ] &&
        grep -q "^chain systems/$second/netboot.ipxe\$" a/netboot.ipxe && verified a &&
        publish a --rollback && [ "$(current a)" = "$third" ] && [ "$(previous a)" = "$second" ] && verified a
}
claim '--rollback exchanges current and previous, and takes itself back' rolled_back

fleet() {
    jq -r '.current, .previous, (.systems[] | .name, .label, .hash, .toplevel, (.stores[] | .rootHash, .size, .veritySize))' \
        a/fleet.json >got
    {
        echo "$third" && echo "$second"
        systems a | while read -r name; do
            echo "$name" && echo system && sha256sum <"a/systems/$name/SHA256SUMS" | cut -c 1-64 && echo "$verbs_system"
            sed -n 's|.*  stores/\(.*\)\.squashfs|\1|p' "a/systems/$name/SHA256SUMS" | while read -r hash; do
                echo "$hash" && stat -c %s "a/stores/$hash.squashfs" "a/stores/$hash.verity"
            done
        done
    } | diff - got
}
claim 'fleet.json lists the systems with hashes and sizes' fleet

same_bytes() {
    (umask 077 && TZ=Asia/Tokyo publish b keep/last && publish b keep/first --jobs 1 &&
        publish b keep/next && publish b keep/last) || return
    diff -r a b
}
claim 'the same systems give the same bytes, whatever the order, the time and the umask' same_bytes

readable() {
    [ -z "$(find b a \( -type f ! -perm -444 \) -o \( -type d ! -perm -555 \))" ] && [ -x "a/systems/$first/kexec-boot" ]
}
claim 'all files are for all to read' readable

independent() {
    cp -r keep/first changing && publish c changing && inode=$(stat -c %i changing/bzImage) || return
    [ -z "$(find c -inum "$inode")" ] && echo changed >changing/bzImage && verified c
}
claim 'who writes to the tree afterwards does not change what is published' independent

plain() {
    publish plain keep/tree --label 'a_plain.one-1' && [ "$(current plain)" = "$(name_of keep/tree a_plain.one-1)" ] &&
        [ ! -e plain/current/stores ] && [ -z "$(ls plain/stores)" ] && verified plain &&
        [ "$(stat -c %h plain/current/initrd.gz)" = 2 ]
}
claim 'a tree with its images in the ramdisk is published, too; the ramdisk is one file there' plain

verity() {
    for image in a/stores/*.squashfs; do
        hash=$(basename "$image" .squashfs)
        veritysetup verify "$image" "a/stores/$hash.verity" "$hash" || return
    done
    unsquashfs -no-progress -quiet -d unpacked "$image" >/dev/null && [ -d "unpacked/$(basename "$verbs_system")" ]
}
text='veritysetup accepts each image by the name of its file, and unsquashfs unpacks it'
! have veritysetup "$text" || ! have unsquashfs "$text" || claim "$text" verity

# What an earlier version of regd-build published has none.
checksums() {
    rm -rf c && cp -a a c && rm c/stores/*.sha256 &&
        for tree in keep/first keep/next keep/last; do publish c "$tree" || return; done
    diff -r a/stores c/stores && (cd c/stores && sha256sum --check --strict --quiet ./*.sha256) &&
        for image in c/stores/*.squashfs; do [ "$(wc -l <"$image.sha256")" -eq 1 ] || return; done
}
claim 'beside each image is its checksum, as sha256sum writes it, and again if it was not' checksums

# The image that was read last, as a machine has it.
mounted() {
    same=0
    diff -r --no-dereference unpacked mounted && same=1
    umount mounted && [ "$same" -eq 1 ]
}
text='the kernel mounts a published image, and shows what unsquashfs unpacks'
for image in a/stores/*.squashfs; do :; done
mkdir mounted
if [ ! -d unpacked ]; then
    skip "$text" 'nothing is unpacked to compare with'
elif mount -o loop,ro -t squashfs "$image" mounted 2>/dev/null; then
    claim "$text" mounted
else
    skip "$text" 'no loop device can be mounted here'
fi

shares() {
    cp -r keep/tree xfs/tree && head -c 4000000 /dev/urandom >xfs/tree/noise && (cd xfs/tree && sha256sum noise >>SHA256SUMS) &&
        publish xfs/root xfs/tree && filefrag -v xfs/root/current/noise | grep shared
}
text='on XFS, what is published shares the blocks of the tree'
if have mkfs.xfs "$text" && have filefrag "$text"; then
    if truncate -s 320M xfs.disk && mkfs.xfs -q xfs.disk && mkdir xfs && mount -o loop xfs.disk xfs 2>/dev/null; then
        claim "$text" shares
        umount xfs
    else
        skip "$text" 'no loop device can be mounted here'
    fi
fi

# --- keeping and pruning ----------------------------------------------------------------------------------------

kept() {
    cp -a a k && publish k keep/last --keep 1 && [ "$(systems k | wc -l)" -eq 3 ] || return
    publish k keep/last --keep 1 --grace 0 || return
    [ "$(systems k)" = "$(printf '%s\n%s\n' "$second" "$third" | sort)" ] && [ "$(find k/stores -name '*.squashfs' | wc -l)" -eq 2 ] &&
        [ "$(find k/stores -name '*.sha256' | wc -l)" -eq 2 ] && verified k
}
claim '--keep removes what is neither current nor previous, and its images, after the grace time' kept

by_age() {
    for number in 1 2 3 4; do
        cp -r keep/tree "plain-$number" && echo "$number" >"plain-$number/note" &&
            (cd "plain-$number" && sha256sum note >>SHA256SUMS) && publish aged "plain-$number" || return
        # A day lies between them.
        touch -d "2020-01-0$number" "aged/systems/$(current aged)"
    done
    wanted=$(for number in 2 3 4; do name_of "plain-$number"; done | sort)
    touch -d 2020-01-01 "aged/systems/$(name_of plain-1)" && publish aged plain-4 --keep 3 --grace 100 && [ "$(systems aged)" = "$wanted" ]
}
claim '--keep counts from the last one that was current or previous' by_age

future() {
    cp -a a f && touch -d 2100-01-01 "f/systems/$first" && publish f keep/last --keep 1 --grace 0 && [ "$(systems f | wc -l)" -eq 3 ]
}
claim 'a clock that was wrong does not remove a system' future

shared() {
    cp -r keep/first sharing && echo more >sharing/note && (cd sharing && sha256sum note >>SHA256SUMS) &&
        for tree in keep/first sharing keep/next keep/last; do publish s "$tree" || return; done
    publish s keep/last --keep 3 --grace 0 || return
    # One of the two with that image is gone, or both; the other needs it.
    [ "$(systems s | wc -l)" -eq 3 ] && [ "$(find s/stores -name '*.squashfs' | wc -l)" -eq 3 ] && verified s
}
claim 'an image stays while another system has it' shared

foreign() {
    cp -a a g && echo mine >"g/systems/$first/note" && mkdir g/systems/other && echo x >g/index.html || return
    publish g keep/last --keep 1 --grace 0 2>stderr || return
    [ -e "g/systems/$first/note" ] && [ -d g/systems/other ] && [ -e g/index.html ] && [ "$(find g/stores -type f | wc -l)" -eq 9 ] &&
        grep -q "warning: g: $first is not removed: it holds 'note', which no earlier run made" stderr &&
        grep -q 'warning: g: an image is not removed: systems holds what is not a system that can be read' stderr &&
        grep -q 'warning: g/systems/other is not listed: no earlier run made it' stderr
}
claim 'what others put there is not removed, nor are the images that it may need' foreign

# --- what is refused --------------------------------------------------------------------------------------------

# refused SENTENCE ARGUMENT...: does it fail with that sentence, and is all as before?
refused() {
    sentence=$1
    shift
    find h ! -name h | sort >before 2>/dev/null
    "$REGD_BUILD" publish -q "$@" 2>stderr
    status=$?
    cat stderr
    [ "$status" -eq 1 ] && grep -qF -- "$sentence" stderr && find h ! -name h 2>/dev/null | sort | diff before -
}
damaged() {
    rm -rf d h && cp -r keep/first d && publish h keep/next && (cd d && eval "$1")
}
wrong_kernel() { damaged 'echo x >>bzImage' && refused 'd: bzImage is not the file that SHA256SUMS lists; build the tree again' d --into h; }
wrong_image() {
    # The sums are right; the image is not that of its name.
    damaged 'cd stores && printf x | dd of="$(ls | head -1)" conv=notrunc 2>/dev/null && cd .. && sed -i "/ stores.*squashfs/d" SHA256SUMS &&
        sha256sum stores/*.squashfs >>SHA256SUMS' && rm -rf h && mkdir h && : >h/index.html &&
        ! publish h d 2>stderr && grep -q 'd/stores/.*squashfs: ' stderr && [ -z "$(find h -name '*.squashfs' -o -path 'h/systems/*' -o -name '*draft')" ]
}
no_verity() { damaged 'rm stores/*.verity && sed -i /verity/d SHA256SUMS' && refused 'SHA256SUMS does not list stores/' d --into h; }
no_image() { damaged 'rm stores/*.squashfs' && refused 'No such file or directory' d --into h; }
odd_store() { damaged 'echo x >stores/x.squashfs && sha256sum stores/x.squashfs >>SHA256SUMS' && refused 'stores/x.squashfs is neither ROOT-HASH.squashfs nor' d --into h; }
no_tree() { damaged 'rm boot.json && sed -i /boot.json/d SHA256SUMS' && refused 'd: SHA256SUMS does not list boot.json: this is not a tree' d --into h; }
link_in_tree() { damaged 'mv bzImage elsewhere && ln -s elsewhere bzImage' && refused 'bzImage' d --into h; }
pipe_in_tree() { damaged 'rm bzImage && mkfifo bzImage' && refused 'bzImage' d --into h; }
no_parent() { refused 'create no/where: No such file or directory' keep/first --into no/where; }
for change in wrong_kernel wrong_image no_verity no_image odd_store no_tree link_in_tree pipe_in_tree no_parent; do
    claim "a hostile tree is refused, and nothing is changed: $change" "$change"
done

stray_in_tree() {
    damaged 'echo x >note' && publish h d 2>stderr && grep -q 'warning: d/note is not published: SHA256SUMS does not list it' stderr &&
        [ ! -e h/current/note ]
}
claim 'a file that SHA256SUMS does not list is not published, with a warning' stray_in_tree

hostile() {
    rm -rf h && cp -a a h && (cd h && eval "$1") && refused "$2" keep/first --into h
}
root_claim() {
    claim "a hostile root is refused, and nothing is changed: $1" hostile "$2" "$3"
}
root_claim 'fleet.json is damaged' 'echo "{" >fleet.json' 'replace h/fleet.json (remove it if it is damaged'
root_claim 'fleet.json is of another version' 'echo "{\"version\":2,\"systems\":[]}" >fleet.json' 'version 2 is not supported; this program reads version 1'
root_claim 'fleet.json is of another program' 'echo "[]" >fleet.json' 'version: a whole number expected'
root_claim 'fleet.json is a FIFO' 'rm fleet.json && mkfifo fleet.json' 'fleet.json'
root_claim 'fleet.json is a link' 'mv fleet.json x && ln -s x fleet.json' 'fleet.json'
root_claim 'netboot.ipxe is of another program' 'echo "#!ipxe" >netboot.ipxe' 'replace h/netboot.ipxe: no earlier run made it'
root_claim 'current is a directory' 'rm current && mkdir current' 'h/current is not a link to a system in systems'
root_claim 'current leads elsewhere' 'ln -sfT /etc current' 'h/current is not a link to a system in systems'
root_claim 'current leads out of systems' 'ln -sfT systems/../etc-000000000000 current' 'h/current is not a link to a system in systems'
root_claim 'stores is a link' 'mv stores x && ln -s x stores' 'h: stores is not a directory, or a link to one'
root_claim 'systems is a file' 'mv systems x && : >systems' 'h: systems is not a directory, or a link to one'
root_claim 'the system has another SHA256SUMS' "echo x >systems/$first/SHA256SUMS" "h/systems/$first"
root_claim 'the system lacks a file' "rm systems/$first/bzImage" 'bzImage'
root_claim 'the system has a file of another size' "echo x >>systems/$first/bzImage" "$first/bzImage has not the size of that in keep/first"

healed() {
    rm -rf h && cp -a a h && (cd h/stores && rm -- *.verity && for image in *; do echo x >"$image"; done) || return
    ! verified h >/dev/null 2>&1 && for tree in keep/first keep/next keep/last; do publish h "$tree" || return; done
    verified h
}
claim 'an image that lacks its verity data, or has another size, is copied again, and its checksum written' healed

no_way_back() {
    publish single keep/first && ! publish single --rollback 2>stderr && grep -q 'single has no previous system to go back to' stderr &&
        ln -s systems/gone-000000000000 single/previous && ! publish single --rollback 2>stderr && [ "$(current single)" = "$first" ]
}
claim '--rollback without a previous system is refused' no_way_back

gone() {
    rm -rf h && cp -a a h && rm -r "h/systems/$third" && publish h keep/first && [ "$(current h)" = "$first" ] &&
        [ "$(previous h)" = "$second" ] && ! grep -q "$third" h/fleet.json
}
claim 'a current system that somebody removed does not become the previous one' gone

found() {
    rm -rf h && cp -a a h && (cd h && eval "$1") || return
    "$REGD_BUILD" verify h >stdout 2>stderr
    status=$?
    cat stdout stderr
    [ "$status" -eq 1 ] && grep -q "^$2" stdout
}
finds() {
    claim "verify finds in a root: $1" found "$2" "$3"
}
finds 'another fleet.json' 'echo >>fleet.json' 'disagreeing: fleet.json: '
finds 'another netboot.ipxe' 'echo >>netboot.ipxe' 'disagreeing: netboot.ipxe: '
finds 'an image of no system' 'for file in stores/*.squashfs; do cp "$file" "stores/$(printf %064d 0).squashfs"; done' 'stray: stores/0*.squashfs: no system has it'
finds 'a draft' ': >stores/.x.draft' 'stray: stores/.x.draft'
finds 'a foreign directory' 'mkdir systems/x' 'stray: systems/x: no earlier run made it'
finds 'a current that leads nowhere' 'ln -sfT systems/x-000000000000 current' 'missing: current: '
finds 'a damaged kernel' "echo >>systems/$first/bzImage" "mismatched: systems/$first/bzImage: "
finds 'a damaged image' 'for file in stores/*.squashfs; do printf x | dd of="$file" bs=1 seek=3000 conv=notrunc 2>/dev/null; done' 'mismatched: systems/.*/stores/.*squashfs'
finds 'a wrong checksum of an image' 'for file in stores/*.sha256; do echo >"$file"; done' "disagreeing: stores/.*\\.squashfs\\.sha256: it is not the image's line"
finds 'a checksum of no image' 'echo >"stores/$(printf %064d 0).squashfs.sha256"' 'stray: stores/0*\.squashfs\.sha256: no system has it'
finds 'a link that leads elsewhere' "ln -sfT ../../../a/stores systems/$first/stores" 'unreadable: systems/'

# --- servers ----------------------------------------------------------------------------------------------------

serve_nginx() {
    mkdir -p nginx.tmp && cat >nginx.conf <<END
daemon off;
pid $SCRATCH/nginx.pid;
error_log $SCRATCH/nginx.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path nginx.tmp; proxy_temp_path nginx.tmp; fastcgi_temp_path nginx.tmp;
    uwsgi_temp_path nginx.tmp; scgi_temp_path nginx.tmp;
    server { listen unix:$SCRATCH/socket; root $SCRATCH/$1; }
}
END
    exec nginx -p "$SCRATCH" -c "$SCRATCH/nginx.conf" -e "$SCRATCH/nginx.log"
}
serve_lighttpd() {
    cat >lighttpd.conf <<END
server.document-root = "$SCRATCH/$1"
server.bind = "$SCRATCH/socket"
END
    exec lighttpd -D -f "$SCRATCH/lighttpd.conf"
}

# with_server KIND ROOT COMMAND...: runs the command while the server runs.
with_server() (
    kind=$1 root=$2
    shift 2
    rm -f "$SCRATCH/socket"
    "serve_$kind" "$root" >"$kind.out" 2>&1 </dev/null &
    server=$!
    trap 'kill "$server"; wait "$server"' EXIT
    until get / -o /dev/null 2>/dev/null || [ $? -eq 22 ]; do
        kill -0 "$server" || { cat "$kind.out" nginx.log && exit 1; }
        sleep 0.05
    done
    "$@"
)
get() {
    get_path=$1
    shift
    curl --silent --show-error --fail --unix-socket "$SCRATCH/socket" "http://localhost$get_path" "$@"
}

# get_system PATH DIRECTORY: all that SHA256SUMS lists below that URL, checked.
get_system() {
    rm -rf "$2" && mkdir "$2" && get "$1/SHA256SUMS" -o "$2/SHA256SUMS" || return
    while read -r _ file; do
        get "$1/$file" --create-dirs -o "$2/$file" || return
    done <"$2/SHA256SUMS"
    (cd "$2" && sha256sum --check --strict --quiet SHA256SUMS)
}
get_all() {
    get /fleet.json -o fleet.got && cmp fleet.got a/fleet.json || return
    for name in $(jq -r '.systems[].name' fleet.got); do
        get_system "/systems/$name" got.system || return
    done
    get_system /current got.system && get_system /previous got.system || return
    # Each image is below each name, whichever system has it.
    for file in a/stores/*.squashfs a/stores/*.verity; do
        get "/current/stores/$(basename "$file")" | cmp - "$file" && get "/stores/$(basename "$file")" -r 100-4095 >part.got &&
            head -c 4096 "$file" | tail -c 3996 | cmp - part.got || return
    done
}

# boot: what a machine does: the script, the system that it names, and the image by any name.
boot() {
    get /netboot.ipxe -o "$1.ipxe" && name=$(sed -n 's|^chain systems/\(.*\)/netboot.ipxe$|\1|p' "$1.ipxe") && [ -n "$name" ] &&
        get_system "/systems/$name" "$1.got" && [ "$(name_of "$1.got")" = "$name" ] && get /fleet.json -o "$1.fleet" &&
        jq -e '.version == 1 and (.systems | length) > 0' "$1.fleet" >/dev/null
}
boot_often() {
    rm -rf a2 && cp -a a a2 && : >running || return
    (
        for _ in 1 2 3 4 5 6; do
            publish a2 keep/first && publish a2 keep/next --keep 2 --grace 3600 && publish a2 keep/last && publish a2 --rollback
        done || echo failed
        rm running
    ) >publisher 2>&1 &
    publisher=$!
    boots=0
    while [ -e running ] || [ "$boots" -lt 3 ]; do
        boot reader || { cat reader.ipxe publisher && wait "$publisher" && return 1; }
        boots=$((boots + 1))
    done
    wait "$publisher"
    echo "$boots boots"
    [ ! -s publisher ] && verified a2
}
for kind in nginx lighttpd; do
    served="$kind serves every file of every system, through the links as well"
    whole="a machine that boots by $kind while others publish gets a whole system, each time"
    if have "$kind" "$served" "$whole" && have curl "$served" "$whole"; then
        claim "$served" with_server "$kind" a get_all
        claim "$whole" with_server "$kind" a2 boot_often
    fi
done

# --- two at once ------------------------------------------------------------------------------------------------

at_once() {
    rm -rf two
    for _ in 1 2 3; do
        for tree in keep/first keep/next keep/last keep/tree; do
            publish two "$tree" --keep 3 --grace 3600 &
        done
    done 2>publishers
    wait
    [ ! -s publishers ] && [ "$(systems two | wc -l)" -eq 4 ] && verified two
}
claim 'many publishers at once each get their system in, and the root is whole' at_once

waits() {
    mkdir -p locked || return
    flock locked timeout 1 "$REGD_BUILD" publish -q keep/first --into locked
    [ $? -eq 124 ] && [ ! -e locked/current ] && [ ! -e locked/stores ] && publish locked keep/first && [ "$(current locked)" = "$first" ]
}
text='a publisher waits for the lock of another one'
! have flock "$text" || claim "$text" waits

finish
