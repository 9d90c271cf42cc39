#!/bin/sh
# tree_ways.sh — has a tree in several pieces the same content as one in a single ramdisk, and are limits reported?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/tree_ways.sh
# shellcheck disable=SC2015,SC2046,SC2012,SC2016,SC1003  # `A && B || C` is meant so; names without blanks; texts
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
find_store
wants cpio jq
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

build() {
    "$REGD_BUILD" "$@" --root "$store" -q --compression zstd:3
}
build squashfs -o image "$toplevel" && build tree -o whole "$toplevel" || bail 'no tree can be made'

# The files of the ramdisk, in the order in which iPXE loads them.
pieces() {
    sed -n 's/^initrd --name [^ ]* //p' "$1/netboot.ipxe"
}
# What the kernel finds behind the system's own initrd, which has SIZE bytes: unpacked into DIR.
own=$(stat -L -c %s "$store$(readlink "$store$toplevel/initrd")")
own=$(((own + 3) / 4 * 4))
unpack() {
    mkdir "$2" && (cd "$1" && cat $(pieces .)) >joined &&
        { tail -c +$((own + 1)) joined && : | cpio --quiet -o -H newc; } | (cd "$2" && cpio --quiet -idm)
}

# --- --separate-store -------------------------------------------------------------------------------------

separate() {
    build tree -o separate --separate-store "$toplevel" && (cd separate && sha256sum --quiet -c SHA256SUMS) &&
        cmp image separate/nix-store.squashfs && [ "$(stat -c %s separate/initrd)" -eq "$own" ]
}
claim 'with --separate-store the image is beside the ramdisk' separate
joined() {
    unpack separate unpacked && ls unpacked && cmp image unpacked/nix-store.squashfs && [ "$(ls unpacked)" = nix-store.squashfs ]
}
claim 'its files one behind the other are a ramdisk with the image' joined
no_padding() {
    for piece in $(pieces separate); do
        [ "$piece" = initrd ] || [ $(($(stat -c %s "separate/$piece") % 4096)) -eq 0 ] || return
    done
}
claim 'no loader pads between the header and the image' no_padding
described() {
    jq -e '[.initrd[].name] == ["initrd", "nix-store.squashfs.newc", "nix-store.squashfs"] and
        .storeImages == [{name: "nix-store.squashfs", file: "nix-store.squashfs", offset: 0, size: .initrd[2].size}]' separate/boot.json &&
        [ "$(jq -r '.initrd[] | "\(.sha256)  \(.name)"' separate/boot.json | (cd separate && sha256sum -c | grep -c OK))" -eq 3 ]
}
claim 'boot.json lists the files and where the image is' described
same_memory() {
    jq .memoryAtBoot whole/boot.json separate/boot.json | awk 'NR == 1 { one = $1 } NR == 2 { exit !($1 >= one - 8192 && $1 <= one + 8192) }'
}
claim 'the memory that is needed is the same' same_memory
loaders() {
    grep -q "^initrd_names='initrd nix-store.squashfs.newc nix-store.squashfs'" separate/kexec-boot &&
        grep -qxF '  initrd "$2/initrd" "$2/nix-store.squashfs.newc" "$2/nix-store.squashfs"' separate/grub.cfg &&
        [ "$(sed -n 's/^kernel .* \(initrd=initrd .*\) init=.*/\1/p' separate/netboot.ipxe)" = 'initrd=initrd initrd=1 initrd=2' ] &&
        [ "$(sed -n 's/^initrd --name \([^ ]*\) .*/\1/p' separate/netboot.ipxe | tr '\n' ' ')" = 'initrd 1 2 ' ]
}
claim 'iPXE, kexec-boot and GRUB load all of them, in order' loaders

# --- Layers ---------------------------------------------------------------------------------------------------

limit=$(($(stat -c %s image) * 6 / 10))
# One over the other, the images hold the closure.
stacked() {
    rm -rf stack && mkdir stack && for image in $(cd "$1" && ls -r nix-store*.squashfs); do
        [ "$(stat -c %s "$1/$image")" -le "$limit" ] && unsquashfs -no-progress -f -d stack "$1/$image" >/dev/null || return
    done
    unsquashfs -no-progress -d alone image >/dev/null && diff -r --no-dereference alone stack
    status=$?
    chmod -R u+w alone stack && rm -r alone stack
    return "$status"
}
split() {
    build tree -o split --max-size "$limit" "$toplevel" && (cd split && sha256sum --quiet -c SHA256SUMS) && unpack split parts &&
        ls parts && [ "$(ls parts | wc -l)" -ge 2 ] && stacked parts && [ ! -e split/nix-store.squashfs ]
}
text='with --max-size several images are in the ramdisk, which together are the closure'
have unsquashfs "$text" && claim "$text" split
at_offsets() {
    jq -r '.storeImages[] | "\(.name) \(.offset) \(.size)"' split/boot.json >places && [ "$(wc -l <places)" -ge 2 ] &&
        while read -r name offset size; do
            [ $((offset % 4096)) -eq 0 ] && tail -c +$((offset + 1)) split/initrd | head -c "$size" | cmp - "parts/$name" || return
        done <places
}
claim 'each is where boot.json says, on a multiple of 4 KiB' at_offsets
split_separate() {
    build tree -o both --max-size "$limit" --separate-store "$toplevel" && for image in parts/*; do
        cmp "$image" "both/${image#parts/}" || return
    done
}
claim 'they are the same beside the ramdisk' split_separate
with_base() {
    build squashfs -o base "$(ls -d "$store"/nix/store/*-busybox* | head -1 | sed "s|^$store||")" &&
        build tree -o based --separate-store --base base "$toplevel" && cmp base based/nix-store.1.squashfs &&
        unpack based layers && cmp base layers/nix-store.1.squashfs && cmp based/nix-store.squashfs layers/nix-store.squashfs
}
claim 'so is a --base' with_base
odd_base() {
    { cat base && printf x; } >odd && build tree -o odd-tree --separate-store --base odd "$toplevel" 2>stderr && return 1
    cat stderr && grep -q 'not a multiple of 4096' stderr && [ ! -e odd-tree ]
}
claim 'a base that a loader would pad is refused' odd_base

# --- --file ---------------------------------------------------------------------------------------------------

printf 'key\n' >secret && printf '#!/bin/sh\n' >hook && chmod 700 hook && chmod 600 secret
cp secret etc:a
files() {
    build tree -o files --file hook:root/hooks/first --file etc:a:/b --file secret:/root/.ssh/authorized_keys "$toplevel" &&
        unpack files inside && cmp image inside/nix-store.squashfs && cmp secret inside/root/.ssh/authorized_keys &&
        cmp hook inside/root/hooks/first && cmp secret inside/b &&
        (cd inside && find . -mindepth 1 ! -name '*.squashfs' \( -type d -printf '%P %m\n' -o -printf '%P %m %Ts\n' \) | sort) >got && cat got && cat >want <<'END' && diff want got
b 644 1
root 755
root/.ssh 755
root/.ssh/authorized_keys 644 1
root/hooks 755
root/hooks/first 755 1
END
}
claim 'files are put into the ramdisk, with the directories on their way' files
other_order() {
    build tree -o ordered --file secret:root/.ssh/authorized_keys --file etc:a:b --file hook:/root/hooks/first "$toplevel" &&
        cmp files/initrd ordered/initrd
}
claim 'in whatever order they are given' other_order
by_hand() {
    "$REGD_BUILD" ramdisk -q --prepend "$store$(readlink "$store$toplevel/initrd")" --file hook:root/hooks/first --file etc:a:b \
        --file secret:root/.ssh/authorized_keys --store image -o by-hand && cmp by-hand files/initrd
}
claim 'the command ramdisk makes the same' by_hand
for bad in secret secret: :x secret:/ secret:a/../b secret:./x secret:a//b secret:nix-store.squashfs secret:nix-store.1.squashfs/x \
    'secret:TRAILER!!!' 'secret:TRAILER!!!/x' "secret:a/$(printf %0256d 0)" nowhere:x .:x "secret:$(printf 'a\tb')"; do
    refused() {
        case $bad in nowhere:x | .:x) wanted=1 ;; *) wanted=2 ;; esac
        "$REGD_BUILD" ramdisk -q --file "$bad" -o bad 2>stderr
        [ $? -eq "$wanted" ] && cat stderr && [ "$(wc -l <stderr)" -eq 1 ] && [ ! -e bad ]
    }
    claim "--file '$(printf %.40s "$bad")' is refused, by status 1 if it is the file" refused
done
modes() {
    "$REGD_BUILD" ramdisk -q --file secret:root/key:0600 --file hook:hook:0500 --file secret:plain -o modes &&
        cpio --quiet -tv <modes | awk '{ print $1, $NF }' >got && cat got && printf '%s\n' '-r-x------ hook' '-rw-r--r-- plain' \
        'drwxr-xr-x root' '-rw------- root/key' | diff - got
}
claim 'a mode that is given is that of the file' modes
twice() {
    "$REGD_BUILD" ramdisk -q --file secret:a --file hook:a -o bad 2>stderr && return 1
    grep -q "'a' and 'a' cannot both" stderr && "$REGD_BUILD" ramdisk -q --file secret:a/b --file hook:a --file hook:a.b -o bad 2>stderr && return 1
    cat stderr && grep -q "'a' and 'a/b' cannot both" stderr
}
claim 'so are two files for one place' twice

# --- Limits --------------------------------------------------------------------------------------------------

target() {
    needed=$(jq .memoryAtBoot whole/boot.json)
    build tree -o enough --target-ram "$needed" "$toplevel" && diff -r whole enough &&
        ! build tree -o lacking --target-ram "$((needed - 1))" "$toplevel" 2>stderr && cat stderr &&
        grep -q 'booting needs at least .* MiB of memory' stderr && [ ! -e lacking ]
}
claim '--target-ram refuses what does not boot in it' target
too_early() {
    truncate -s 3G huge && ! "$REGD_BUILD" tree --root "$store" -o lacking --prepend huge --target-ram 2G "$toplevel" 2>stderr &&
        cat stderr && grep -q 'booting needs at least' stderr
}
claim 'before the image is made, where that is known' too_early
for bad in --target-ram=0 --target-ram=x --base-url=/x --base-url='http://a b' --base-url='http://a/' --base-url="http://a'b" --base-url='http://${x}'; do
    wrong() {
        build tree -o bad "$bad" "$toplevel" 2>stderr
        [ $? -eq 2 ] && cat stderr && [ "$(wc -l <stderr)" -eq 1 ] && [ ! -e bad ]
    }
    claim "$bad: status 2" wrong
done
too_large() {
    truncate -s 4G member && trap '' XFSZ && ulimit -f 64 &&
        ! "$REGD_BUILD" ramdisk --file member:x -o bad 2>stderr && cat stderr && grep -q '4 GiB' stderr && [ ! -e bad ]
}
claim 'a file of 4 GiB is refused before anything is written' too_large

# --- Scripts --------------------------------------------------------------------------------------------------

based_url() {
    build tree -o url --base-url 'https://[::1]:8080/boot/x=y' "$toplevel" && cat url/netboot.ipxe &&
        grep -q '^kernel https://\[::1\]:8080/boot/x=y/bzImage initrd=initrd ' url/netboot.ipxe &&
        grep -qxF 'initrd --name initrd https://[::1]:8080/boot/x=y/initrd' url/netboot.ipxe &&
        [ "$(jq -r .baseUrl url/boot.json)" = 'https://[::1]:8080/boot/x=y' ] && cmp url/kexec-boot whole/kexec-boot
}
claim '--base-url is where netboot.ipxe loads from' based_url
grub() {
    build tree -o grub --params 'a=b $x $(y) # ; && | {z} ! k="b c"' "$toplevel" && cat grub/grub.cfg && grub-script-check -v grub/grub.cfg &&
        grep -qF "'{z}' '!' 'k=b c'" grub/grub.cfg
}
text='GRUB takes grub.cfg'
have grub-script-check "$text" && claim "$text" grub
for params in 'a=\' "a='b'" 'a=x"b c"'; do
    without() {
        build tree -o without --params "$params t.b" "$toplevel" 2>stderr && cat stderr without/grub.cfg &&
            grep -qxF "regd-build: warning: grub.cfg lacks the kernel parameter 'a': GRUB would change it" stderr &&
            ! grep -q " 'a=" without/grub.cfg && grep -qF "'t.b'" without/grub.cfg && "$REGD_BUILD" verify without
    }
    claim "where GRUB would change $params, grub.cfg is without it, and --quiet does not hide that" without
done
finish
