#!/bin/sh
# overlay.sh — the writable layer of the store on a disk, and Nix' state on another: what a machine builds survives, also if the
# power is cut while it writes; another image over it is refused, until regd.overlay-reset moves it away. Then what was built is
# forgotten; it is built again, and collected, and the power is cut meanwhile; and the first image comes back. A disk without a
# file system is told. One boot has its layer on f2fs.
#
# The ramdisk is that of initrd_systemd.sh, with libcrypto, which identifies the layers; once it is that of the system, whose
# script runs regd-initrd-generator as the manual page says.
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
add_more() {
    add "$(find_library libcrypto.so.3)" && add_modules f2fs crc32_generic 2>/dev/null
}
make_stage1 stage1 add_more
make_tree second second --prepend "$SCRATCH/stage1.gz" --lower-store
make_disk state
printf '/dev/vdc /nix/var ext4 defaults 0 2\n' >"$SCRATCH/fstab"
pass fstab "$SCRATCH/fstab"
scripted() {
    crypto=$(find_library libcrypto.so.3)
    set -- --file "$generator:bin/regd-initrd-generator:0755"
    for library in $crypto $(libraries_of "$generator" && libraries_of "$crypto"); do
        case " $* " in *" $library:"*) ;; *) set -- "$@" --file "$library:${library#/}:0755" ;; esac
    done
    make_tree scripted first "$@"
}
scripted
make_tree first first --prepend "$SCRATCH/stage1.gz"
closure_of first >"$SCRATCH/closure"
closure_of second >"$SCRATCH/closure-2"
mkfs.ext4 -q -L 'UPPER 1' "$SCRATCH/disk" 128M >/dev/null 2>&1 && truncate -s 16M "$SCRATCH/blank" || bail 'no disk can be made'

# machine NAME PARAMETERS [SECOND-DISK]
machine() {
    boot "$1" -nic none -kernel "$machine_kernel" -initrd "$tree/initrd" \
        -append "$(told_by commandLine) $2" -drive "file=$SCRATCH/disk,format=raw,if=virtio" \
        -drive "file=$SCRATCH/${3-blank},format=raw,if=virtio" -drive "file=$SCRATCH/state,format=raw,if=virtio"
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
keeps() {
    builds && ln -s "$built" /nix/var/nix/gcroots/built && sync
}
claim "Nix builds a path" keeps
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
    works /nix/store/*-built
}
claim "what was built before the power was cut works" kept
claim "the store can be written" touch /nix/store/.again
END
pass_checks "$SCRATCH/asked-again"
machine again "$label regd.overlay-reset"
told again 'after the power was cut, the same image again'

tree_of scripted
sed -i 's/^stage1_root=.*//' "$SCRATCH/asked-again"
pass_checks "$SCRATCH/asked-again"
machine script 'regd.overlay=/dev/vda'
told script 'the same image again, with a script in stage 1'

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
    [ "$(cat /nix/.rw-store/old.1/store/*-built)" = "built with $tools" ] && ! ls /nix/store/*-built
}
claim "the former layer was moved away whole" moved
forgotten() {
    journal_says 'forgotten: no longer in the store' && ! nix-store --check-validity "$(readlink /nix/var/nix/gcroots/built)"
}
claim "what was built is forgotten" forgotten
says_so() {
    dmesg >kernel && grep -q 'regd-initrd-generator: the writable layer of other layers is now old.1 on ' kernel
}
claim "the kernel's log says so" says_so
claim "it is built again" builds
collects() {
    rm -f /nix/var/nix/gcroots/built && nix-collect-garbage >garbage 2>&1 && cat garbage && [ ! -e "$built" ] && closure_is_registered
}
claim "and collected" collects
(finish)
tap_finished=yes
number=0
while builds && nix-collect-garbage; do
    number=$((number + 1))
    [ "$number" -ne 2 ] || echo 'overlay: collecting' >/dev/ttyS0
done
END
pass_checks "$SCRATCH/asked-reset"
machine_end='overlay: collecting'
machine reset "$label regd.overlay-reset"
machine_end=
told reset 'another image with regd.overlay-reset'

tree_of first
pass closure "$SCRATCH/closure"
cat "$SCRATCH/asked" - >"$SCRATCH/asked-back" <<'END'
claim "nix-store --verify --check-contents finds nothing" verify_finds_nothing --check-contents
profile() {
    regd profile list
    [ "$(readlink -f /nix/var/nix/profiles/system)" = "$system" ]
}
claim "the system profile is the booted system" profile
claim "its programs run" "$system/application/bin/application"
claim "what was built works, when it is built again" builds
both() {
    ls -A /nix/.rw-store
    [ "$(cat /nix/.rw-store/old.1/store/*-built)" = "built with $tools" ] && [ -d /nix/.rw-store/old.2/store ]
}
claim "the layers of both images are kept" both
END
pass_checks "$SCRATCH/asked-back"
machine back "$label regd.overlay-reset"
told back 'the first image again, after the power was cut'

# --- another file system, of which oracle/overlay_device.sh finds none in most kernels -------------------------

cat >"$SCRATCH/asked-f2fs" <<'END'
stage1_root=/sysroot
check_boot 1
claim "the writable layer is f2fs" grep '^/dev/vdb /nix/.rw-store f2fs rw,' /proc/mounts
claim "Nix builds a path" builds
END
if have mkfs.f2fs 'the writable layer on f2fs'; then
    { truncate -s 128M "$SCRATCH/f2fs" && mkfs.f2fs -q -l 'UPPER 2' "$SCRATCH/f2fs" >/dev/null; } || bail 'no f2fs can be made'
    pass_checks "$SCRATCH/asked-f2fs"
    # In the system there are no modules to be loaded: nothing is ext4 here.
    : >"$SCRATCH/fstab"
    pass fstab "$SCRATCH/fstab"
    machine f2fs 'regd.overlay="LABEL=UPPER 2"' f2fs
    told f2fs 'f2fs'
fi

# --- a disk without a file system ---------------------------------------------------------------------------

machine blank 'regd.overlay=/dev/vdb regd.on-failure=reboot:1'
claim 'a disk without a file system is told, and not formatted' stops blank '/dev/vdb has no file system'
untouched() {
    cmp -n 16777216 "$SCRATCH/blank" /dev/zero
}
claim 'and it is as it was' untouched
finish
