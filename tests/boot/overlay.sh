#!/bin/sh
# overlay.sh — the writable layer of the store on a disk: what a machine writes survives, also if the power is cut while it
# writes; another image over it is refused, until regd.overlay-reset moves it away; a disk without a file system is told.
#
# The ramdisk is that of initrd_systemd.sh, with libcrypto, which identifies the layers.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/overlay.sh
# shellcheck disable=SC2015,SC2016  # `A && B || C` is meant so; the machine expands
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh
# shellcheck source=tests/boot/kit/stage1.sh disable=SC1091
. tests/boot/kit/stage1.sh

what='the writable layer of the store is on a disk'
begin_stage1 "$what"
have mkfs.ext4 "$what" || finish
begin_boots "$what"
add_libcrypto() {
    add "$(ldconfig -p | grep -om 1 '/[^ ]*/libcrypto.so.3$')"
}
make_stage1 stage1 add_libcrypto
make_tree second second --prepend "$SCRATCH/stage1.gz"
make_tree first first --prepend "$SCRATCH/stage1.gz"
closure_of first >"$SCRATCH/closure"
closure_of second >"$SCRATCH/closure-2"
mkfs.ext4 -q -L 'UPPER 1' "$SCRATCH/disk" 128M >/dev/null 2>&1 && truncate -s 16M "$SCRATCH/blank" || bail 'no disk can be made'

# machine NAME PARAMETERS
machine() {
    boot "$1" -nic none -kernel "$tree/$(told_by kernel.name)" -initrd "$tree/initrd" \
        -append "$(told_by commandLine) $2" -drive "file=$SCRATCH/disk,format=raw,if=virtio" \
        -drive "file=$SCRATCH/blank,format=raw,if=virtio"
}
label='regd.overlay="LABEL=UPPER 1"'

# --- written, and cut off -----------------------------------------------------------------------------------

cat >"$SCRATCH/asked" <<'END'
stage1_root=/sysroot
check_boot 1
on_disk() {
    grep rw-store /proc/mounts
    grep -q '^/dev/vda /nix/.rw-store ext4 rw,nosuid,nodev,noatime' /proc/mounts
}
claim "the writable layer is the file system with the label" on_disk
END
cat "$SCRATCH/asked" - >"$SCRATCH/asked-cut" <<'END'
claim "the layer starts empty, with a record" [ "$(ls /nix/.rw-store | tr '\n' ' ')" = 'layers lost+found store work ' ]
adds() {
    echo kept >kept && nix-store --add kept && sync
}
claim "a path is added to the store" adds
(finish)
tap_finished=yes
number=0
while :; do
    number=$((number + 1))
    head -c 300000 /dev/urandom >"/nix/store/.cut-$((number % 50))"
    [ "$number" -ne 60 ] || echo 'overlay: writing' >/dev/ttyS0
done
END
pass closure "$SCRATCH/closure"
pass_checks "$SCRATCH/asked-cut"
machine_end='overlay: writing'
machine cut "$label"
machine_end=
told cut 'an empty disk'

cat "$SCRATCH/asked" - >"$SCRATCH/asked-again" <<'END'
verifies
kept() {
    ls -A /nix/.rw-store/store
    [ "$(cat /nix/store/*-kept)" = kept ]
}
claim "what was written before the power was cut is there" kept
claim "the store can be written" touch /nix/store/.again
END
pass_checks "$SCRATCH/asked-again"
machine again "$label regd.overlay-reset"
told again 'after the power was cut, the same image again'

# --- another image ------------------------------------------------------------------------------------------

# stops NAME SENTENCE: the machine has said so in a frame, and did what regd.on-failure= says.
stops() {
    tr -d '\r' <"$SCRATCH/$1.console" | sed -n 's/^\* \(.*[^ ]\) *\*$/\1/p' | tr '\n' ' ' >"$SCRATCH/frame"
    cat "$SCRATCH/frame"
    grep -q "^The writable layer of the Nix store cannot be used. .*$2.* The machine reboots in 1 s. \$" "$SCRATCH/frame" &&
        console_has "$1" "regd-initrd-generator: .*$2" && console_has "$1" 'reboot: Restarting system' &&
        [ ! -s "$SCRATCH/$1.results" ] && return
    tail -n 40 "$SCRATCH/$1.console"
    return 1
}
tree_of second
pass closure "$SCRATCH/closure-2"
machine other "$label regd.on-failure=reboot:1"
claim 'another image over it is refused with a sentence, and the machine reboots' stops other \
    'use /dev/disk/by-label/UPPER.x201: the writable layer was written above other layers'
cat "$SCRATCH/asked" - >"$SCRATCH/asked-reset" <<'END'
verifies
moved() {
    ls -A /nix/.rw-store /nix/.rw-store/old.1/store
    [ "$(cat /nix/.rw-store/old.1/store/*-kept)" = kept ] && ! ls /nix/store/*-kept
}
claim "the former layer was moved away whole" moved
says_so() {
    dmesg >kernel && grep -q 'regd-initrd-generator: the writable layer of other layers is now old.1 on ' kernel
}
claim "the kernel's log says so" says_so
END
pass_checks "$SCRATCH/asked-reset"
machine reset "$label regd.overlay-reset"
told reset 'another image with regd.overlay-reset'

# --- a disk without a file system ---------------------------------------------------------------------------

machine blank 'regd.overlay=/dev/vdb regd.on-failure=reboot:1'
claim 'a disk without a file system is told, and not formatted' stops blank '/dev/vdb has no file system'
untouched() {
    cmp -n 16777216 "$SCRATCH/blank" /dev/zero
}
claim 'and it is as it was' untouched
finish
