#!/bin/sh
# initrd_systemd.sh — machines whose initial ramdisk runs systemd: does regd-initrd-generator's store come up, and does
# the system in it start?
#
# The ramdisk is made of this system's systemd, udev, kmod and mount. The system is that of tests/store, whose init ends
# in a shell: it is asked over the serial line. The machines are emulated, as KVM is not everywhere.
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/boot/initrd_systemd.sh
# shellcheck disable=SC2015,SC2016,SC2317  # `A && B || C` is meant so; the machine expands; claims call functions by name
set -u
: "${REGD_BUILD:?the program}" "${REGD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C

what='a ramdisk with systemd mounts the store and starts the system'
for program in qemu-system-x86_64 jq depmod udevadm mkfs.ext4 cpio; do
    have "$program" "$what" || finish
done
kernel=
for image in /boot/vmlinuz-*; do
    [ ! -r "$image" ] || [ ! -d "/lib/modules/${image#/boot/vmlinuz-}" ] || kernel=$image
done
if [ -z "$kernel" ]; then
    skip "$what" 'no kernel with modules is installed'
    finish
fi
version=${kernel#/boot/vmlinuz-}
find_store
generator=$(dirname "$REGD")/regd-initrd-generator

# --- the ramdisk ------------------------------------------------------------------------------------------

stage1=$SCRATCH/stage1
units=/usr/lib/systemd/system

# Files of this system, under their names, and the libraries that they need.
add() {
    for file; do
        cp -L --parents "$file" "$stage1" || return
        for library in $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*'); do
            [ -e "$stage1$library" ] || cp -L --parents "$library" "$stage1" || return
        done
    done
}
add_units() {
    for unit; do
        cp "$units/$unit" "$stage1$units/" || return
    done
}
# want TARGET UNIT...
want() {
    mkdir -p "$stage1$units/$1.wants"
    target=$1
    shift
    for unit; do
        ln -s "../$unit" "$stage1$units/$target.wants/"
    done
}
# The modules, and what they need, for udev and the kernel to find.
add_modules() {
    for module; do
        modprobe --set-version "$version" --show-depends "$module" | while read -r verb file _; do
            [ "$verb" = builtin ] || cp --parents "$file" "$stage1" || exit 1
        done || return
    done
    cp "/lib/modules/$version/modules.builtin" "/lib/modules/$version/modules.builtin.modinfo" \
        "/lib/modules/$version/modules.order" "$stage1/lib/modules/$version/" &&
        depmod --basedir "$stage1" "$version"
}

make_stage1() {
    mkdir -p "$stage1/usr/bin" "$stage1/usr/sbin" "$stage1/usr/lib" "$stage1/usr/lib64" "$stage1/etc" "$stage1/proc" \
        "$stage1/sys" "$stage1/dev" "$stage1/run" "$stage1/tmp" "$stage1/sysroot" "$stage1$units" \
        "$stage1/usr/lib/systemd/system-generators" "$stage1/usr/lib/udev/rules.d"
    for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$stage1/$folder"; done
    mkdir -p "$stage1/lib/modules/$version"
    printf 'ID=test\n' | tee "$stage1/etc/os-release" >"$stage1/etc/initrd-release"
    printf 'root:x:0:0:root:/:/bin/false\n' >"$stage1/etc/passwd"
    for group in root tty disk kmem input kvm render sgx video audio lp cdrom tape dialout; do
        echo "$group:x:$((number)):"
        number=$((number + 1))
    done >"$stage1/etc/group"
    ln -s usr/lib/systemd/systemd "$stage1/init"
    add /usr/lib/systemd/systemd /usr/bin/systemctl /usr/lib/systemd/systemd-journald /usr/bin/udevadm /usr/bin/mount \
        /usr/bin/umount /usr/bin/kmod /usr/lib/systemd/system-generators/systemd-fstab-generator || return
    ln -s ../../bin/udevadm "$stage1/usr/lib/systemd/systemd-udevd"
    ln -s ../bin/kmod "$stage1/usr/sbin/modprobe"
    cp "$generator" "$stage1/usr/lib/systemd/system-generators/" && add "$generator" || return
    for rules in 50-udev-default 60-persistent-storage 80-drivers 99-systemd; do
        cp "/usr/lib/udev/rules.d/$rules.rules" "$stage1/usr/lib/udev/rules.d/" || return
    done
    for target in basic emergency final initrd initrd-fs initrd-root-device initrd-root-fs initrd-switch-root initrd-usr-fs \
        local-fs local-fs-pre paths rescue shutdown slices sockets swap sysinit timers umount; do
        add_units "$target.target" || return
    done
    add_units initrd-cleanup.service initrd-parse-etc.service initrd-switch-root.service initrd-udevadm-cleanup-db.service \
        modprobe@.service systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket \
        systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service || return
    want sysinit.target systemd-journald.service systemd-udevd.service systemd-udev-trigger.service
    want sockets.target systemd-journald.socket systemd-journald-dev-log.socket systemd-udevd-control.socket \
        systemd-udevd-kernel.socket
    add_modules loop squashfs overlay virtio_pci virtio_blk ext4 crc32c_generic || return
    (cd "$stage1" && find . | sort | cpio --quiet -o -H newc -R 0:0 | gzip -1n) >"$SCRATCH/stage1.gz"
}
number=0
make_stage1 || bail 'no ramdisk with systemd can be made'
rm -rf "$stage1"

# --- the trees --------------------------------------------------------------------------------------------

parameters='console=ttyS0,115200n8 panic=5 loglevel=6 net.ifnames=0 mitigations=off audit=0 apparmor=0 no_timer_check'
regd_build() {
    "$REGD_BUILD" "$@" --quiet --root "$store" --compression zstd:3
}
regd_build squashfs "$toplevel/etc" -o "$SCRATCH/base" &&
    regd_build tree "$toplevel" --base "$SCRATCH/base" --prepend "$SCRATCH/stage1.gz" --kernel "$kernel" \
        --params "$parameters" -o "$SCRATCH/tree" || bail 'no tree can be made'
"$REGD_BUILD" manifest --root "$store" "$toplevel" >"$SCRATCH/manifest" || bail 'no manifest can be made'
paths=$(grep -c '^[0-9a-f]\{64\}$' "$SCRATCH/manifest")
command_line=$(jq -r .commandLine "$SCRATCH/tree/boot.json")

# --- machines ---------------------------------------------------------------------------------------------

qemu=
stop_machine() {
    [ -z "$qemu" ] || { kill -9 "$qemu" && wait "$qemu"; } 2>/dev/null
    qemu=
}
trap 'stop_machine; tap_end' EXIT

# wait_for TEXT SECONDS: until the console says it, or the machine is off, or for too long.
wait_for() {
    waited=0
    while ! grep -a -q -e "$1" "$console"; do
        waited=$((waited + 1))
        [ "$waited" -lt "$2" ] && kill -0 "$qemu" 2>/dev/null || return
        sleep 1
    done
}

# start NAME RAMDISK PARAMETERS ARGUMENT...: arguments are QEMU's. A machine that stands still before its kernel says
# anything is given a second chance, and that is told.
start() {
    console=$SCRATCH/$1.console ramdisk=$2 more=$3
    shift 3
    rm -f "$SCRATCH/input"
    : >"$console"
    mkfifo "$SCRATCH/input"
    for try in first second; do
        qemu-system-x86_64 -machine pc,graphics=off -accel tcg,thread=single -smp 1 \
            -cpu qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand -m 1024 -no-reboot -display none -monitor none -nic none \
            -kernel "$kernel" -initrd "$ramdisk" -append "$command_line $more" -serial stdio "$@" \
            <"$SCRATCH/input" >"$console" 2>"$SCRATCH/qemu.err" &
        qemu=$!
        exec 4>"$SCRATCH/input"
        wait_for 'Linux version' 60 && return
        stop_machine
        echo "# the machine stood still at the $try start"
    done
    return 1
}

# What the system is asked: each line that holds is answered with its words.
cat >"$SCRATCH/questions" <<'END'
held() { echo "held: $*"; }
mounts() { grep -q "^$1 $2 $3 .*$4" /proc/mounts; }
mounts '[a-z]*fs' / tmpfs mode=755 && held root $(($(stat -f -c '%b * %S' /)))
mounts overlay /nix/store overlay lowerdir=/sysroot/nix/.ro-store:/sysroot/nix/.ro-store.1,upperdir=/sysroot/nix/.rw-store/store && held overlay
mounts "/dev/[a-z0-9]*" /nix/.ro-store squashfs ro, && held upper
mounts "/dev/[a-z0-9]*" /nix/.ro-store.1 squashfs ro, && held lower
cmp /nix/.ro-store/nix-path-registration /nix/.ro-store.1/nix-path-registration && held manifests
held paths $(ls /nix/store | grep -c -v ^nix-path)
held writable $(($(stat -f -c '%b * %S' /nix/.rw-store))) $(stat -f -c %c /nix/.rw-store)
echo new > /nix/store/new && cat /nix/.rw-store/store/new && rm /nix/store/new && held written
mounts "/dev/[a-z0-9]*" /run/regd/store.0 ext4 ro, && held medium
held everything
END

# Goes on when the system's own shell is there, which then takes the questions as a file: what is typed would be mixed
# with what it prints.
question() {
    if wait_for 'demo: stage 2 of' 240; then
        printf 'stty -echo; echo held: asked; head -c %d >/questions; sh /questions\n' "$(wc -c <"$SCRATCH/questions")" >&4
        wait_for '^held: asked' 60 && cat "$SCRATCH/questions" >&4 && wait_for '^held: everything' 120 && return
    fi
    tail -n 40 "$console"
    return 1
}
held() {
    tr -d '\r' <"$console" | grep -a -qx "held: $1" && return
    grep -a -A 3 -e '^held' "$console" | tail -n 40
    return 1
}
tell_time() {
    echo "# $1: $(($(date +%s) - began)) s"
    stop_machine
    exec 4>&-
}

# machine TEXT NAME RAMDISK PARAMETERS ARGUMENT...
machine() {
    text=$1 name=$2
    shift
    began=$(date +%s)
    start "$@" && question >"$SCRATCH/question" 2>&1 && came_up=true || came_up=false
    tell_time "$name"
    claim "$text: systemd switches to the system in the store" show_end
    claim "$text: the root is memory" held "root [0-9]*"
    claim "$text: the store is the layers, and memory on top" held overlay
    claim "$text: both layers are mounted, with their manifests" all_held upper lower manifests
    claim "$text: every path is there" held "paths $paths"
    claim "$text: it can be written to" held written
}
show_end() {
    cat "$SCRATCH/question"
    $came_up
}
all_held() {
    for each; do held "$each" || return; done
}

machine 'from the ramdisk' ramdisk "$SCRATCH/tree/initrd" 'regd.overlay-size=64m regd.overlay-inodes=20k'
claim 'the writable layer has the size that the command line says' held 'writable 67108864 20480'

# The upper layer is a file on a stick, the lower one is in the tree's ramdisk, which is a disk as it is.
{ mkdir -p "$SCRATCH/stick/live" && regd_build squashfs "$toplevel" --base "$SCRATCH/base" -o "$SCRATCH/stick/live/top"; } &&
    mkfs.ext4 -q -L 'LIVE 1' -d "$SCRATCH/stick" "$SCRATCH/stick.img" 64M >/dev/null 2>&1 || bail 'no stick can be made'
offset=$(jq '.storeImages[1].offset' "$SCRATCH/tree/boot.json")
machine 'from disks' disks "$SCRATCH/stage1.gz" \
    "regd.store=\"LABEL=LIVE 1,file=/live/top\" regd.store=/dev/vdb,offset=$offset root=tmpfs rootflags=mode=0755,size=300m" \
    -drive "file=$SCRATCH/stick.img,format=raw,if=virtio,readonly=on" \
    -drive "file=$SCRATCH/tree/initrd,format=raw,if=virtio,readonly=on"
claim 'with root=tmpfs systemd makes the root as large as rootflags= says' held 'root 314572800'
claim 'the file system with the label stays mounted below /run' held medium

# Nothing is mounted, and the kernel's log says why.
refused() {
    start refused "$SCRATCH/tree/initrd" 'regd.overlay-size=lots' &&
        wait_for "regd-initrd-generator: kernel parameter regd.overlay-size: 'lots' is not a number" 120 &&
        wait_for 'Failed to start .*Switch Root' 120 && ! grep -a -q 'demo: stage 2' "$console" && return
    tail -n 40 "$console"
    return 1
}
claim 'a malformed parameter stops the boot, with one sentence on the console' refused
finish
