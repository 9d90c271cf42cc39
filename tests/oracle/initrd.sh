#!/bin/sh
# initrd.sh — the units that regd-initrd-generator writes: does systemd take them, are they what they say, and is the
# store there when they are mounted?
#
# The generator looks at made-up ramdisks. systemd-escape and systemd-analyze judge the units; then their mounts are made,
# as systemd makes them, in a root of their own, and regd registers what it finds there.
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/initrd.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${REGD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset SYSTEMD_IN_INITRD

find_store
generator=$(dirname "$REGD")/regd-initrd-generator
[ -x "$generator" ] || bail "$generator is not there"
# As it is installed: systemd looks whether the programs of the units are there.
mkdir -p "$SCRATCH/lib/generators" && cp "$generator" "$SCRATCH/lib/generators/" && cp "$generator" "$SCRATCH/lib/regd-fetch" ||
    bail "$SCRATCH is not empty"
generator=$SCRATCH/lib/generators/regd-initrd-generator
pin=root=$(printf '%064d' 5),size=528384
fake=$SCRATCH/ramdisk
units=$SCRATCH/units

# ramdisk COMMAND-LINE [IMAGE...]: what the generator looks at. The images are empty.
ramdisk() {
    rm -rf "$fake" "$units"
    mkdir -p "$fake/proc" "$fake/etc" "$units"
    : >"$fake/etc/initrd-release"
    printf '%s\n' "$1" >"$fake/proc/cmdline"
    shift
    for image; do : >"$fake/$image"; done
}
generate() {
    "$generator" --root "$fake" "$units" "$units" "$units"
}

# --- systemd's judgement ----------------------------------------------------------------------------------

# cases: each line a command line and the images there.
cat >"$SCRATCH/cases" <<END
quiet init=/nix/store/x/init|nix-store.squashfs
root=fstab|nix-store.squashfs nix-store.1.squashfs nix-store.2.squashfs
regd.overlay-size=80% regd.overlay-inodes=1m|nix-store.squashfs
regd.overlay=tmpfs,size=80% regd.overlay-reset|nix-store.squashfs
regd.overlay="LABEL=a b%" regd.on-failure=poweroff|nix-store.squashfs nix-store.1.squashfs
regd.overlay=/dev/zram0 regd.overlay-reset regd.store=PARTLABEL=store,$pin|
regd.store=PARTLABEL=store regd.store=UUID=1234-ABCD|
regd.store=LABEL=NIXOS,file=/a/nix-store.squashfs regd.store=/dev/ram0,offset=4096|
regd.store="/with blank and % sign" regd.store="LABEL=a b%",file=/100%|
regd.store=PARTLABEL=store,$pin regd.store=/dev/ram0,offset=4096,$pin|
regd.store="LABEL=a b\"%,file=/c\d \"100%,$pin"|
regd.store=http://[::1]:80/a%20b.squashfs,$pin regd.on-failure=poweroff|
regd.store=https://a/b,$pin regd.store=/dev/ram0 regd.to="LABEL=a \b",file=/100% regd.on-failure=reboot:5|
regd.store=http://a/b,$pin regd.on-failure=shell|
END

escaped() {
    for unit in "$units"/*.mount; do
        where=$(sed -n 's/^Where=//p' "$unit")
        [ "$(systemd-escape --path --suffix=mount "$where")" = "${unit##*/}" ] || { echo "$unit: $where" && return 1; }
    done
}
verified() {
    export SYSTEMD_UNIT_PATH="$units:"
    for unit in "$units"/*.mount "$units"/*.service; do
        find_no_fault "$unit" || { cat "$unit" && return 1; }
    done
}
# udev's name for a label is what libblkid writes for it.
as_udev_names() {
    label='a b/%\c;ä'
    truncate -s 1M "$SCRATCH/labelled" && mkfs.ext4 -q -L "$label" "$SCRATCH/labelled" || return
    encoded=$(blkid -p -o udev "$SCRATCH/labelled" | sed -n 's/^ID_FS_LABEL_ENC=//p')
    echo "$encoded"
    ramdisk "regd.store=\"LABEL=$label\""
    generate && [ ${#encoded} -gt 12 ] &&
        grep -Fqx "What=/dev/disk/by-label/$encoded" "$units/sysroot-nix-.ro\\x2dstore.mount"
}

while IFS='|' read -r line images; do
    # shellcheck disable=SC2086  # several names
    ramdisk "$line" $images
    claim "units are made of: $line" generate
    text="systemd names them so: $line"
    have systemd-escape "$text" && claim "$text" escaped
    text="systemd finds nothing wrong with them: $line"
    have systemd-analyze "$text" && claim "$text" verified
done <"$SCRATCH/cases"
# What a boot loader may pass: systemd takes the units, or the generator refuses them with one sentence.
long=$(printf '%0256d' 0)
judged() {
    export SYSTEMD_UNIT_PATH="$units:"
    for value in '\0377' '\0357\0277\0276' '%n%' "\$HOME\${x}'" '\0134x20[Mount]' "$long" "${long#0}"; do
        for start in / LABEL= LABEL=x,file=/; do
            ramdisk "regd.store=$start$(printf '%b' "$value")"
            echo "$start$value"
            if generate 2>"$SCRATCH/err"; then
                find_no_fault "$units"/*.mount || return
            else
                [ "$(wc -l <"$SCRATCH/err")" -eq 1 ] && [ -z "$(ls -A "$units")" ] || return
            fi
        done
    done
}
text='systemd takes the units of any value, or it is refused'
have systemd-analyze "$text" && claim "$text" judged
text='a label is spelt as udev spells it'
have mkfs.ext4 "$text" && have blkid "$text" && claim "$text" as_udev_names

verify_notices() {
    ramdisk '' nix-store.squashfs
    generate && sed -i 's/^Where=.*/Where=elsewhere/' "$units/sysroot.mount" && ! verified
}
text='a unit with a wrong place would be noticed'
have systemd-analyze "$text" && claim "$text" verify_notices

# --- what is refused --------------------------------------------------------------------------------------

# refused STATUS SENTENCE COMMAND...: the one line on standard error, and no unit.
refused() {
    wanted=$1 sentence=$2
    shift 2
    "$@" >"$SCRATCH/out" 2>"$SCRATCH/err"
    status=$?
    cat "$SCRATCH/out" "$SCRATCH/err"
    ls -A "$units"
    [ "$status" -eq "$wanted" ] && [ ! -s "$SCRATCH/out" ] &&
        [ "$(cat "$SCRATCH/err")" = "regd-initrd-generator: $sentence" ] && [ -z "$(ls -A "$units")" ]
}
ramdisk 'regd.overlay-size=lots' nix-store.squashfs
claim 'a malformed limit: one sentence, no unit' refused 1 \
    "kernel parameter regd.overlay-size: 'lots' is not a number, with or without k, m, g, t or %" generate
ramdisk 'regd.overlay=LABEL=x,size=1g' nix-store.squashfs
claim 'a size for a disk: one sentence, no unit' refused 1 \
    "kernel parameter regd.overlay: 'size=1g' is not for a device, whose file system has its size" generate
ramdisk 'regd.store=/a regd.store=LABEL=x,sise=1' nix-store.squashfs
claim 'a malformed source: one sentence, no unit' refused 1 \
    "kernel parameter regd.store: 'sise=1' is not file=, offset=, root=, size= or verity-size=" generate
ramdisk '' nix-store.squashfs nix-store.2.squashfs
claim 'a missing layer: one sentence, no unit' refused 1 \
    'the ramdisk has /nix-store.2.squashfs, but not /nix-store.1.squashfs: a layer is missing' generate
ramdisk ''
claim 'no image at all is told, and no failure' refused 0 \
    "there is no store image to mount: neither /nix-store.squashfs nor /nix-store.layers.json in the ramdisk, nor regd.store= on the kernel's command line" \
    generate
rm "$fake/proc/cmdline"
claim 'a command line that cannot be read' refused 1 'open /proc/cmdline: No such file or directory' generate
mkfifo "$fake/proc/cmdline"
claim 'a pipe in its place is not waited for' refused 1 '/proc/cmdline is not a file' timeout "$patience" "$generator" --root "$fake" "$units"
rm "$fake/proc/cmdline"
ramdisk '' nix-store.squashfs
claim 'a directory that is not there' refused 1 "open $SCRATCH/none: No such file or directory" \
    "$generator" --root "$fake" "$SCRATCH/none"
mkdir "$SCRATCH/layer" && ln -s /etc "$SCRATCH/layer/work"
claim 'a link in place of a directory for overlayfs' refused 1 "use $SCRATCH/layer/work: Not a directory" \
    "$generator" --overlay "$SCRATCH/layer"
claim 'no directory is a wrong command line' refused 2 'expected one directory for units, or three; try --help' "$generator"
claim 'so are two' refused 2 'expected one directory for units, or three; try --help' "$generator" "$units" "$units"
claim 'so is an unknown option' refused 2 "unknown option '--what'" "$generator" --what "$units"
claim 'so is a missing value' refused 2 '--root expects a DIR' "$generator" --root

silent() {
    "$@" >"$SCRATCH/out" 2>&1 && cat "$SCRATCH/out" && ls -A "$units" && [ ! -s "$SCRATCH/out" ] && [ -z "$(ls -A "$units")" ]
}
rm "$fake/etc/initrd-release"
claim 'where it is no initial ramdisk, nothing is made' silent generate
claim 'nor where systemd says so' silent env SYSTEMD_IN_INITRD=0 "$generator" "$units"

# The last of them is made by somebody else already.
leaves_others() {
    ramdisk '' nix-store.squashfs
    echo theirs >"$units/sysroot-nix-store.mount"
    generate 2>"$SCRATCH/err"
    [ $? -eq 1 ] && cat "$SCRATCH/err" && grep -q 'create sysroot-nix-store.mount: File exists$' "$SCRATCH/err" &&
        [ "$(ls -A "$units")" = 'initrd-root-fs.target.requires
sysroot-nix-store.mount' ] && [ -z "$(ls -A "$units/initrd-root-fs.target.requires")" ] &&
        [ "$(cat "$units/sysroot-nix-store.mount")" = theirs ]
}
claim "another generator's unit is kept, and none of ours is left" leaves_others
twice() {
    ramdisk 'regd.overlay-size=1g' nix-store.squashfs nix-store.1.squashfs
    generate && mv "$units" "$units-first" && mkdir "$units" && generate && diff -r "$units-first" "$units"
}
claim 'the same is made at every reload' twice

# Shared libraries that need no other: it runs before there is anything.
links_little() {
    ldd "$generator" | grep -v -e linux-vdso -e ld-linux -e 'libc\.so' -e 'libm\.so' -e sanitize -e 'lib.*san' -e libgcc -e \
        'librt\.' -e 'libcjson\.' -e 'libpthread' -e 'libdl\.' -e libresolv
    [ $? -eq 1 ]
}
text='it needs no library but C and cJSON'
have ldd "$text" && claim "$text" links_little

explains() {
    "$generator" --help >"$SCRATCH/out" && grep -q '^Usage: regd-initrd-generator' "$SCRATCH/out" &&
        [ "$("$generator" --version)" = "$("$REGD" --version | sed 's/^regd/regd-initrd-generator/')" ] &&
        ! "$generator" --help >/dev/full 2>"$SCRATCH/err"
}
claim '--help and --version are told, and not lost silently' explains

# --- for real ---------------------------------------------------------------------------------------------

# Does what the units say, in the order of their places, which is that of their requirements.
# shellcheck disable=SC2016  # for the inner shell
enact='
value() { sed -n "s/^$2=//p" "$1" | sed "s/%%/%/g"; }
grep -l "^\[Mount\]" /units/*.mount | while read -r unit; do
    printf "%s\t%s\n" "$(value "$unit" Where)" "$unit"
done | sort | cut -f 2- | while read -r unit; do
    where=$(value "$unit" Where)
    type=$(value "$unit" Type)
    if [ "$where" = /sysroot/nix/store ]; then
        eval "$(value /units/regd-overlay-directories.service ExecStart | cut -c 2-)" || exit 1
    fi
    mkdir -p "$where"
    mount ${type:+-t "$type"} -o "$(value "$unit" Options)" "$(value "$unit" What)" "$where" || exit 1
done'

# A root with the programs of this system and images of ours; what is mounted goes with the namespace.
# inside COMMAND-LINE SCRIPT: the generator runs there as systemd runs it, then the script.
inside() {
    rm -rf "$SCRATCH/error"
    # shellcheck disable=SC2016,SC2086  # for the inner shell; several words
    $mounts sh -euc '
        root=$1 images=$2 line=$3 script=$4 enact=$5 bin=$6
        mount -t tmpfs none "$root"
        mkdir "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp" "$root/etc" "$root/sysroot" "$root/units" "$root/build"
        for entry in /bin /sbin /lib* /usr; do
            if [ -L "$entry" ]; then cp -P "$entry" "$root/"; else mkdir "$root$entry"; mount --rbind "$entry" "$root$entry"; fi
        done
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        mount --bind "$bin" "$root/build"
        mount --rbind /proc "$root/proc"
        printf "%s\n" "$line" > "$root/tmp/cmdline"
        mount --bind "$root/tmp/cmdline" "$root/proc/cmdline"
        : > "$root/etc/initrd-release"
        cp "$images"/* "$root/"
        chroot "$root" /build/regd-initrd-generator /units
        chroot "$root" sh -euc "$enact"
        chroot "$root" sh -euc "$script"
    ' sh "$SCRATCH/root" "$SCRATCH/images" "$1" "$2" "$enact" "$(dirname "$REGD")"
}

mounts=
reason=
[ "$(id -u)" = 0 ] || reason='not root'
for flags in '--mount' '--mount --propagation unchanged'; do
    # shellcheck disable=SC2086  # several words
    [ -n "$mounts" ] || ! unshare $flags mount -t tmpfs none /mnt 2>/dev/null || mounts="unshare $flags"
done
[ -n "$mounts" ] || reason='no mount namespace'
mkdir -p "$SCRATCH/root" "$SCRATCH/images" "$SCRATCH/top" "$SCRATCH/made"

# The layers of the store that Nix made: half of it below.
export TMPDIR="$SCRATCH"
etc=$(readlink "$store$toplevel/etc")
"$REGD_BUILD" squashfs -q --root "$store" --compression zstd:1 -o "$SCRATCH/made/base" "${etc%/etc}" &&
    "$REGD_BUILD" squashfs -q --root "$store" --compression zstd:1 --base "$SCRATCH/made/base" \
        -o "$SCRATCH/made/top" "$toplevel" || bail 'no images could be made'
"$REGD_BUILD" manifest --root "$store" "$toplevel" >"$SCRATCH/made/manifest" || bail 'no manifest could be made'
paths=$(grep -c '^[0-9a-f]\{64\}$' "$SCRATCH/made/manifest")
if [ -z "$reason" ]; then
    # shellcheck disable=SC2016,SC2086  # for the inner shell; several words
    $mounts sh -c 'mount -o loop,ro "$1" /mnt' sh "$SCRATCH/made/top" 2>/dev/null || reason='no loop mounts of squashfs'
fi

# What a booted system finds: every path, its manifest, a place to write that has the size that was wanted.
looks="
cd /sysroot/nix
test \"\$(ls store | grep -c -v '^nix-path')\" -eq $paths
test \"\$(stat -f -c %T .rw-store)\" = tmpfs
echo new > store/new && test -f .rw-store/store/new && rm store/new
test \"\$(stat -c %a /sysroot store .rw-store/store | tr '\n' ' ')\" = '755 755 755 '
/build/regd register -q --root /sysroot
/build/regd status --root /sysroot --json > /tmp/status
grep -q '\"validPaths\":[[:space:]]*$paths' /tmp/status || { cat /tmp/status; exit 1; }
"
# real TEXT COMMAND-LINE [SCRIPT]
real() {
    if [ "$reason" ]; then
        skip "$1" "$reason"
    else
        claim "$1" inside "$2" "$looks${3:-}"
    fi
}
# shellcheck disable=SC2016  # for the inner shell
limited='
test "$(($(stat -f -c "%b * %S" /sysroot/nix/.rw-store)))" -eq 8388608
test "$(stat -f -c %c /sysroot/nix/.rw-store)" -eq 1024
test -f /sysroot/nix/.ro-store/nix-path-registration && test -f /sysroot/nix/.ro-store.1/nix-path-registration'
cp "$SCRATCH/made/top" "$SCRATCH/images/nix-store.squashfs"
cp "$SCRATCH/made/base" "$SCRATCH/images/nix-store.1.squashfs"
real 'two layers of the ramdisk are one store, and regd registers all of it' \
    'quiet regd.overlay-size=8m regd.overlay-inodes=1k' "$limited"
mv "$SCRATCH/images/nix-store.squashfs" "$SCRATCH/images/other name"
real 'named on the command line they are the same' 'regd.store="/other name" regd.store=/nix-store.1.squashfs'

# The offset is the one in boot.json.
at_offset="a whole ramdisk is mounted at the offset that boot.json has"
if have jq "$at_offset"; then
    rm -f "$SCRATCH/images"/*
    "$REGD_BUILD" tree -q --root "$store" --compression zstd:1 -o "$SCRATCH/made/tree" "$toplevel" || bail 'no tree could be made'
    cp "$SCRATCH/made/tree/initrd" "$SCRATCH/images/"
    real "$at_offset" "regd.store=/initrd,offset=$(jq '.storeImages[0].offset' "$SCRATCH/made/tree/boot.json")"
fi

# A device with a file system in which the image is a file, and one that is the image.
on_device="an image in a file system of a device, on one that is a device itself"
device=
bottom=
if [ -z "$reason" ] && have mksquashfs "$on_device"; then
    rm -f "$SCRATCH/images"/*
    : >"$SCRATCH/images/nothing"
    mkdir -p "$SCRATCH/medium/live"
    cp "$SCRATCH/made/top" "$SCRATCH/medium/live/nix-store.squashfs"
    mksquashfs "$SCRATCH/medium" "$SCRATCH/made/medium" -quiet -no-progress >/dev/null 2>&1
    device=$(losetup --find --show --read-only "$SCRATCH/made/medium") &&
        bottom=$(losetup --find --show --read-only "$SCRATCH/made/base") || bail 'no loop device'
fi
real "$on_device" "regd.store=$device,file=/live/nix-store.squashfs regd.store=$bottom" '
test -f /run/regd/store.0/live/nix-store.squashfs'
for loop in $device $bottom; do losetup --detach "$loop"; done

# The kernel itself says whether it takes threads=multi.
threads() {
    ramdisk '' nix-store.squashfs
    generate
    said=no
    grep -q '^Options=.*threads=multi' "$units/sysroot-nix-.ro\\x2dstore.mount" && said=yes
    takes=no
    # shellcheck disable=SC2016,SC2086  # for the inner shell; several words
    $mounts sh -c 'mount -o loop,ro,threads=multi "$1" /mnt' sh "$SCRATCH/made/top" && takes=yes
    echo "units: $said, kernel: $takes"
    [ "$said" = "$takes" ]
}
text='squashfs is mounted with threads=multi if, and only if, this kernel takes it'
if [ "$reason" ]; then
    skip "$text" "$reason"
else
    claim "$text" threads
fi

finish
