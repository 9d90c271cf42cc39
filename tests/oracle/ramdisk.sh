#!/bin/sh
# ramdisk.sh — is the ramdisk what the kernel unpacks, and is everything in it byte for byte?
#
# The kernel's rules (init/initramfs.c) are modelled here; GNU cpio, busybox and bsdtar are also tried.
#
# Usage    REGD_BUILD=… SCRATCH=… sh tests/oracle/ramdisk.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC

SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"
case $REGD_BUILD in /*) ;; *) REGD_BUILD=$OLDPWD/$REGD_BUILD ;; esac

ramdisk() {
    "$REGD_BUILD" ramdisk --quiet "$@"
}

size_of() {
    stat -c %s "$1"
}

# bytes FILE OFFSET COUNT
bytes() {
    tail -c +$(($2 + 1)) "$1" | head -c "$3"
}

# Any bytes do for an image that begins as one. Its length is no multiple of 4.
{ printf hsqs && head -c 69997 "$REGD_BUILD"; } >image
{ printf hsqs && head -c 4093 "$REGD_BUILD" | tail -c 3996; } >image-1
printf hsqsx >image-2

# --- what the kernel does ---------------------------------------------------------------------------------

# A number of a newc header: 8 hex digits, the Nth of 13, from 1.
number() {
    digits=$(printf %s "$header" | cut -c $((7 + 8 * ($1 - 1)))-$((6 + 8 * $1)))
    printf '%d' "0x$digits"
}

# Prints "member OFFSET DATA SIZE MODE UID GID MTIME NLINK INODE NAME" for each member and "archive OFFSET" for each
# archive as unpack_to_rootfs finds them; fails where the kernel would complain.
unpack() {
    at=0
    end=$(size_of "$1")
    inside=no
    while :; do
        # NULs are skipped: how many of them follow?
        differ=$(tail -c +$((at + 1)) "$1" | cmp - /dev/zero 2>/dev/null | sed 's/.*\(char\|byte\) \([0-9]*\),.*/\2/')
        [ "$differ" ] || break
        [ "$inside" = no ] || [ "$at" = "$next" ] || { echo "confused at $at" && return 1; }
        skipped=$((differ - 1))
        if [ "$inside" = yes ] && [ "$skipped" -gt 0 ]; then
            echo "no header at $at" && return 1
        fi
        at=$((at + skipped))
        [ $((at % 4)) -eq 0 ] || { echo "broken padding: $at is no multiple of 4" && return 1; }
        header=$(bytes "$1" "$at" 110)
        case $header in
            070701*) ;;
            *) echo "no cpio magic at $at" && return 1 ;;
        esac
        [ "$inside" = yes ] || echo "archive $at"
        name_bytes=$(number 12)
        [ "$name_bytes" -gt 0 ] && [ "$name_bytes" -le 4096 ] || { echo "name of $name_bytes bytes at $at" && return 1; }
        name=$(bytes "$1" $((at + 110)) "$name_bytes" | tr -d '\0')
        [ -z "$(bytes "$1" $((at + 110 + name_bytes - 1)) 1 | tr -d '\0')" ] || { echo "name at $at has no NUL" && return 1; }
        data=$(((at + 110 + name_bytes + 3) / 4 * 4))
        size=$(number 7)
        next=$(((data + size + 3) / 4 * 4))
        inside=yes
        if [ "$name" = 'TRAILER!!!' ]; then
            inside=no
        else
            echo "member $at $data $size $(printf %o "$(number 2)") $(number 3) $(number 4) $(number 6) $(number 5) $(number 1) $name"
        fi
        at=$next
        [ "$at" -le "$end" ] || [ "$inside" = no ] || { echo 'cut off' && return 1; }
    done
    [ "$inside" = no ] || { echo 'no trailer' && return 1; }
}

# The field of the member of that name: 2 is the header's offset, 3 the data's.
field() {
    awk -v field="$2" -v name="$3" '$1 == "member" && $NF == name { print $field }' "$1"
}

# holds RAMDISK NAME FILE: the member is that file, on a multiple of 4096.
holds() {
    data=$(field "$1.list" 3 "$2")
    [ "$data" ] && [ $((data % 4096)) -eq 0 ] && [ "$(field "$1.list" 4 "$2")" = "$(size_of "$3")" ] &&
        [ "$(field "$1.list" 5 "$2") $(field "$1.list" 6 "$2") $(field "$1.list" 7 "$2")" = '100444 0 0' ] &&
        [ "$(field "$1.list" 8 "$2") $(field "$1.list" 9 "$2")" = '1 1' ] &&
        bytes "$1" "$data" "$(size_of "$3")" | cmp - "$3"
}

# The model is worth something only if it refuses what the kernel does.
model() {
    printf 'abc\n' >a && printf a | cpio -o -H newc --quiet >archive && unpack archive || return
    unpack archive | grep -q '^member 0 .* a$' && { printf '\0\0\0\0' && cat archive; } >shifted && unpack shifted &&
        { printf '\0' && cat archive; } >odd && ! unpack odd &&
        head -c 100 archive >short && ! unpack short && head -c 116 archive >short && ! unpack short
}
text='the model of the kernel finds the archives of GNU cpio, and refuses a misplaced one'
have cpio "$text" && claim "$text" model

# --- what is prepended ------------------------------------------------------------------------------------

gzip -nc "$REGD_BUILD" >compressed
prepended() {
    ramdisk --prepend compressed --store image -o out && head -c "$(size_of compressed)" out | cmp - compressed &&
        [ "$(stat -c %a out)" = 644 ]
}
claim 'the prepended ramdisk is the start, byte for byte' prepended

# Archives of any length: GNU cpio pads to 512 with NULs, of which the last may be left out.
# archive_of FILE PAST: a whole archive, of a length that is PAST more than a multiple of 4.
archive_of() {
    printf '%s\n' "$1" >"in-$1"
    echo "in-$1" | cpio -o -H newc --quiet >"$1.full"
    head -c $((400 + $2)) "$1.full" >"$1"
    [ -z "$(tail -c +401 "$1.full" | tr -d '\0')" ] && [ $(($(size_of "$1") % 4)) -eq "$2" ]
}

two_prepends() {
    for first in 0 1 2 3; do
        second=$(((first * 2 + 1) % 4))
        archive_of early "$first" && archive_of late "$second" &&
            ramdisk --prepend early --prepend late --store image -o two && unpack two >two.list || { cat two.list; return 1; }
        [ "$(awk '$1 == "member" { print $NF }' two.list | tr '\n' ' ')" = 'in-early in-late nix-store.squashfs ' ] &&
            [ "$(grep -c archive two.list)" -eq 3 ] && holds two nix-store.squashfs image &&
            [ "$(field two.list 2 in-late)" -eq $((400 + (first + 3) / 4 * 4)) ] &&
            bytes two "$(field two.list 2 in-late)" "$(size_of late)" | cmp - late &&
            head -c "$(size_of early)" two | cmp - early &&
            [ -z "$(bytes two "$(size_of early)" $(((4 - first) % 4)) | tr -d '\0')" ] || { cat two.list; return 1; }
    done
}
text='two prepended ramdisks of any length are found by the kernel, zeros between them'
have cpio "$text" && claim "$text" two_prepends

# Around the places where the name's field gets too long, or the padding fits by itself.
every_offset() {
    for length in 1 3 4 109 3960 3964 3965 3968 3972 3976 3979 3980 3983 3984 3985 3988 4092 4095 4096 4097 8064; do
        head -c "$length" /dev/zero >zeros
        ramdisk --prepend zeros --store image-1 -o any && unpack any >any.list && holds any nix-store.squashfs image-1 &&
            head -c "$length" any | cmp - zeros || { echo "length $length"; cat any.list; return 1; }
    done
}
claim "behind any length the image's data lies on 4 KiB, unchanged" every_offset

no_prepend() {
    ramdisk --store image -o alone && unpack alone >alone.list && holds alone nix-store.squashfs image &&
        [ "$(sed 1q alone.list)" = 'archive 0' ]
}
claim 'without a prepended ramdisk the archive starts at once' no_prepend

no_store() {
    ramdisk --prepend compressed -o plain && head -c "$(size_of compressed)" plain | cmp - compressed &&
        tail -c +$(($(size_of compressed) + 1)) plain | tr -d '\0' >rest &&
        { [ ! -s rest ] || grep -q '^070701.*TRAILER!!!$' rest; }
}
claim 'without a store image only an empty archive follows' no_store

empty_file() {
    : >nothing
    ramdisk --prepend nothing --store image-2 -o empty && unpack empty >empty.list &&
        holds empty nix-store.squashfs image-2
}
claim 'an empty file is prepended too' empty_file

onto_itself() {
    cp compressed self
    ramdisk --prepend self --store image -o self && cmp out self
}
claim 'the output may be one of the inputs' onto_itself

# --- several images ---------------------------------------------------------------------------------------

layers() {
    ramdisk --prepend compressed --store image --store image-1 --store image-2 --store image -o layers &&
        cut=$((($(size_of compressed) + 3) / 4 * 4)) && bytes layers "$cut" 100000000 >appended || return
    # NULs, where the gap up to 4 KiB is too long for a name.
    nuls=$(grep -abo -m 1 070701 appended | head -n 1 | cut -d : -f 1)
    [ -z "$(bytes layers "$cut" "$nuls" | tr -d '\0' | od -An -tx1)" ] && cut=$((cut + nuls)) &&
        bytes layers "$cut" 100000000 >appended && unpack appended >layers.list || return
    cat layers.list
    # The list is of the part; its offsets are short by what was cut off.
    awk -v cut="$cut" '$1 == "member" { $2 += cut; $3 += cut } { print }' layers.list >shifted && mv shifted layers.list
    [ "$(awk '$1 == "member" { print $NF }' layers.list | tr '\n' ' ')" = \
        'nix-store.squashfs nix-store.1.squashfs nix-store.2.squashfs nix-store.3.squashfs ' ] &&
        [ "$(awk '$1 == "member" { print $10 }' layers.list | sort -u | wc -l)" -eq 4 ] &&
        holds layers nix-store.squashfs image && holds layers nix-store.1.squashfs image-1 &&
        holds layers nix-store.2.squashfs image-2 && holds layers nix-store.3.squashfs image
}
claim 'several images are nix-store.squashfs, nix-store.1.squashfs…, each on 4 KiB, with inodes of their own' layers

# --- the readers ------------------------------------------------------------------------------------------

[ -s appended ] || : >appended
printf '%s\n' nix-store.squashfs nix-store.1.squashfs nix-store.2.squashfs nix-store.3.squashfs >names

# extracted: the working directory has all four, as they went in.
owner=0:0
[ "$(id -u)" = 0 ] || owner=$(id -u):$(id -g)
extracted() {
    cmp nix-store.squashfs ../image && cmp nix-store.1.squashfs ../image-1 && cmp nix-store.2.squashfs ../image-2 &&
        cmp nix-store.3.squashfs ../image && [ "$(find . -type f | wc -l)" -eq 4 ] && stat -c '%n %a %u:%g %Y' -- * &&
        [ "$(stat -c '%a %u:%g %Y' -- * | sort -u)" = "444 $owner 1" ]
}

gnu_cpio() {
    cpio -t --quiet <appended | diff names - && rm -rf gnu && mkdir gnu && cd gnu &&
        cpio -i -m --quiet <../appended && extracted
}
text='GNU cpio lists and extracts them unchanged: mode 0444, owner 0:0, time 1'
have cpio "$text" && claim "$text" gnu_cpio

busybox_cpio() {
    busybox cpio -t <appended 2>/dev/null | diff names - && rm -rf bb && mkdir bb && cd bb &&
        busybox cpio -i -m <../appended && extracted
}
text='so does busybox'
have busybox "$text" && claim "$text" busybox_cpio

bsd_tar() {
    bsdtar -tf appended | diff names - && rm -rf bsd && mkdir bsd && cd bsd && bsdtar -xpf ../appended && extracted
}
text='so does bsdtar'
have bsdtar "$text" && claim "$text" bsd_tar

# --- refusals ---------------------------------------------------------------------------------------------

listing() {
    find . -printf "%p %y %m %s %T@ %l\n" | grep -v "^\. " | sort
}

# refuses TEXT ARGUMENT...: status 1, one line that has the text, and the directory is as it was. At once, too.
refuses() {
    expected=$1
    shift
    listing >../before
    timeout "$patience" "$REGD_BUILD" ramdisk "$@" >../stdout 2>../stderr
    status=$?
    cat ../stderr
    listing | diff ../before - && [ "$status" -eq 1 ] && [ ! -s ../stdout ] && [ "$(wc -l <../stderr)" -eq 1 ] &&
        grep -q '^regd-build: ' ../stderr && grep -qF -- "$expected" ../stderr
}

text='an image of 4 GiB is refused at once, by name'
if truncate -s 4294967296 huge 2>/dev/null; then
    claim "$text" refuses 'huge has 4294967296 bytes' --prepend compressed --store image --store huge -o new
    claim 'so it is where there is an older ramdisk, which stays' refuses '4 GiB' --store huge -o out
    rm -f huge
else
    skip "$text" 'no sparse file of 4 GiB can be made'
fi
mkdir directory
mkfifo fifo
claim 'a missing image is refused' refuses missing --store image --store missing -o new
claim 'a missing ramdisk is refused' refuses missing --prepend missing --store image -o new
printf hsq >short
claim 'what is no squashfs image is refused as one' refuses 'compressed: it is not a squashfs image' --store image --store compressed -o new
claim 'so is what is shorter than its first word' refuses 'short: it is not a squashfs image' --store short -o new
claim 'a directory is refused as an image' refuses directory --store directory -o new
claim 'a directory is refused as a ramdisk' refuses directory --prepend directory --store image -o new
claim 'a pipe is refused as an image' refuses fifo --store fifo -o new
claim 'a directory is not replaced' refuses directory --store image -o directory
claim 'an output directory that is not there is refused' refuses nowhere --store image -o nowhere/new

too_large() {
    (trap '' XFSZ && ulimit -f 64 && refuses 'File too large' --prepend compressed --store image -o out) && holds_still
}
holds_still() {
    head -c "$(size_of compressed)" out | cmp - compressed && [ -z "$(find . -name ".*.draft")" ]
}
claim 'where writing fails, the older ramdisk stays' too_large

finish
