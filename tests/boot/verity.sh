#!/bin/sh
# verity.sh — an image on a stick, read through dm-verity: does the system boot, is a changed byte an I/O error and
# never wrong data, and does a wrong root hash stop the boot with a sentence?
#
# The ramdisk is that of initrd_systemd.sh. The upper layer is a file of a file system; the lower one lies on a disk as
# it is, from an offset on, behind it its verity data.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/verity.sh
# shellcheck disable=SC2015,SC2016  # `A && B || C` is meant so; the machine expands
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh
# shellcheck source=tests/boot/kit/stage1.sh disable=SC1091
. tests/boot/kit/stage1.sh
# shellcheck source=tests/boot/kit/flip.sh disable=SC1091
. tests/boot/kit/flip.sh

what='a store on a stick is read through dm-verity'
begin_stage1 "$what"
have mkfs.ext4 "$what" || finish
begin_boots "$what"
make_stage1 stage1 add_modules dm_verity

# --- the stick and the disk -------------------------------------------------------------------------------

# image NAME OPTION... PATH: $SCRATCH/NAME, behind it its verity data. Prints its pin.
image() {
    name=$1
    shift
    "$REGD_BUILD" squashfs --quiet --json --root "$live" --compression zstd:3 --verity append "$@" -o "$SCRATCH/$name" \
        >"$SCRATCH/$name.json" || bail 'no image can be made'
    jq -r '"root=\(.rootHashes[0]),size=\(.imageBytes)"' "$SCRATCH/$name.json"
}
lower=$(image lower "$(cat "$live/first")") || bail 'no lower image can be made'
upper=$(image upper --base "$SCRATCH/lower" "$(cat "$live/first")") || bail 'no upper image can be made'
mkdir -p "$SCRATCH/stick/live" && mv "$SCRATCH/upper" "$SCRATCH/stick/live/top" &&
    mkfs.ext4 -q -L 'LIVE 1' -d "$SCRATCH/stick" "$SCRATCH/stick.img" 128M >/dev/null 2>&1 || bail 'no stick can be made'
truncate -s 1M "$SCRATCH/disk.img" && cat "$SCRATCH/lower" >>"$SCRATCH/disk.img" || bail 'no disk can be made'
make_tree tree first --base "$SCRATCH/lower"

closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"

# machine NAME PINNED-UPPER PINNED-LOWER [PARAMETERS]
machine() {
    boot "$1" -nic none -kernel "$machine_kernel" -initrd "$SCRATCH/stage1.gz" \
        -append "$(told_by commandLine) regd.store=\"LABEL=LIVE 1,file=/live/top,$2\" regd.store=/dev/vdb,offset=1048576,$3 ${4:-}" \
        -drive "file=$SCRATCH/stick.img,format=raw,if=virtio,readonly=on" \
        -drive "file=$SCRATCH/disk.img,format=raw,if=virtio,readonly=on"
}

# --- whole ------------------------------------------------------------------------------------------------

cat >"$SCRATCH/asked" <<'END'
stage1_root=/sysroot
mapped() {
    grep . /sys/block/dm-*/dm/name /sys/block/dm-*/ro
    grep ro-store /proc/mounts
    [ "$(cat /sys/block/dm-*/dm/name | sort | tr '\n' ' ')" = 'regd-store-0 regd-store-1 ' ] &&
        [ "$(cat /sys/block/dm-*/ro | tr '\n' ' ')" = '1 1 ' ] &&
        [ "$(grep -c '^/dev/\(dm-[0-9]\|mapper/regd-store-[0-9]\) [^ ]*/nix/.ro-store' /proc/mounts)" -eq 2 ]
}
END
cat "$SCRATCH/asked" - >"$SCRATCH/asked-whole" <<'END'
check_boot 2
verifies
claim "both layers are devices of dm-verity, read-only" mapped
contents() {
    regd verify
}
claim "each path is what was registered, by its hash" contents
END
pass_checks "$SCRATCH/asked-whole"
machine whole "$upper" "$lower"
told whole 'through dm-verity'

# --- one byte -----------------------------------------------------------------------------------------------

# A file of the lower image that does not shrink stands in it as it is.
noise=$(grep -e '-noise$' "$SCRATCH/closure")
printf '%s\n' "$noise" >"$SCRATCH/noise"
pass noise "$SCRATCH/noise"
in_noise=$(find_bytes "$SCRATCH/disk.img" "$(od -An -tx1 -j 700000 -N 24 "$live$noise" | tr -d ' \n')")
[ "$in_noise" ] || bail 'the file is not found in the image'
flip "$SCRATCH/disk.img" "$in_noise"
printf '%s\n' $(((in_noise - 1048576) / 4096)) >"$SCRATCH/block"
pass block "$SCRATCH/block"
cat "$SCRATCH/asked" - >"$SCRATCH/asked-flipped" <<'END'
check_boot 2
claim "both layers are devices of dm-verity, read-only" mapped
noise=$(cat /run/test/noise)
refused() {
    ! cat "$noise" >read 2>error && cat error && grep -q 'Input/output error' error
}
claim "the file with another byte cannot be read" refused
explained() {
    journalctl --no-pager -k -o cat | grep verity >journal
    cat journal
    grep -q "device-mapper: verity: .*: data block $(cat /run/test/block) is corrupted" journal
}
claim "the journal names the block" explained
found() {
    regd verify >findings 2>&1
    status=$?
    cat findings
    [ "$status" -eq 1 ] && grep -q -e "$noise" findings && [ "$(grep -c /nix/store/ findings)" -eq 1 ]
}
claim "regd verify names the path, and no other" found
END
pass_checks "$SCRATCH/asked-flipped"
machine flipped "$upper" "$lower"
told flipped 'a flipped bit'

# --- what does not match ----------------------------------------------------------------------------------

# stops NAME SENTENCE: the machine has said so, and nothing was checked in a booted system.
stops() {
    console_has "$1" "regd-initrd-generator: $2" && console_has "$1" 'Failed to start .*Switch Root' &&
        [ ! -s "$SCRATCH/$1.results" ] && return
    tail -n 40 "$SCRATCH/$1.console"
    return 1
}
machine_end='Failed to start .*Switch Root'
size=${lower#*size=}
root=${lower#root=} root=${root%,size=*}
machine wrong "$upper" "root=$(printf %s "$root" | tr 0123456789abcdef 123456789abcdef0),size=$size" systemd.show_status=yes
claim 'a wrong root hash stops the boot with a sentence' stops wrong '/dev/vdb does not match root hash'
machine long "$upper" "root=$root,size=$((size * 2))" systemd.show_status=yes
claim 'so does a size beyond the end' stops long '/dev/vdb has .* bytes, but image and verity data end at'
finish
