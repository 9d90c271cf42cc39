#!/bin/sh
# stage1.sh — init of the initial ramdisk: the file systems of a netbooted NixOS, as its module describes them for a
# scripted stage 1; or the disk that root= names. /nix-store.squashfs is the upper layer, /nix-store.1.squashfs and so on
# lie below it. With medium= they are files of that medium, which is mounted on /iso as by the module of a live medium. With
# regd.overlay= the writable layer is on that device, as the manual page of regd-initrd-generator has it for a script.
set -f
export PATH=/bin

# A shell would let stage 1 wait for somebody; the end of init is a panic, which says that this did not boot.
stop() {
    echo "stage 1: $1" >/dev/console
    sleep 1
    exit 1
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs -o mode=0755 devtmpfs /dev
mount -t tmpfs -o mode=0755 tmpfs /run
while read -r module; do
    insmod "/modules/$module" || stop "the module $module cannot be loaded"
done </modules/order

root=/mnt-root
mkdir "$root"

init=
device=
medium=
upper=
# shellcheck disable=SC2013  # words, not lines
for word in $(cat /proc/cmdline); do
    case $word in
    init=*) init=${word#init=} ;;
    root=/dev/*) device=${word#root=} ;;
    medium=*) medium=${word#medium=} ;;
    regd.overlay=/dev/*) upper=${word#regd.overlay=} ;;
    esac
done
[ "$init" ] || stop 'the kernel was told no init='

mount_images() {
    mount -t tmpfs -o mode=0755 tmpfs "$root"
    mkdir -p "$root/nix/store"
    images=..
    if [ "$medium" ]; then
        images=$root/iso
        mkdir "$images"
        mount -t iso9660 -o ro "$medium" "$images" || stop "$medium cannot be mounted"
    fi

    lower=
    layers=
    number=
    while image=$images/nix-store${number:+.$number}.squashfs && [ -e "$image" ]; do
        layer=/nix/.ro-store${number:+.$number}
        mkdir "$root$layer"
        mount -t squashfs -o loop,ro "$image" "$root$layer" || stop "$image cannot be mounted"
        lower=${lower:+$lower:}$root$layer
        layers="$layers $root$layer"
        number=$((${number:-0} + 1))
    done
    [ "$lower" ] || stop "there is no nix-store.squashfs in the ramdisk, nor on a medium"

    mkdir "$root/nix/.rw-store"
    if [ "$upper" ]; then
        # shellcheck disable=SC2086  # several words
        regd-initrd-generator --overlay-device "$root/nix/.rw-store" "$upper" shell keep $layers ||
            stop 'the writable layer cannot be used'
    else
        mount -t tmpfs -o mode=0755 tmpfs "$root/nix/.rw-store"
        mkdir "$root/nix/.rw-store/store" "$root/nix/.rw-store/work"
    fi
    mount -t overlay -o "lowerdir=$lower,upperdir=$root/nix/.rw-store/store,workdir=$root/nix/.rw-store/work" \
        overlay "$root/nix/store" || stop 'the store cannot be mounted'
}

# What kexec/run adds to the ramdisk, for a test to look at.
[ ! -d /ssh ] || cp -rp /ssh /run/

# With root= the system is installed on that disk.
if [ "$device" ]; then
    mount -t ext4 "$device" "$root" || stop "$device cannot be mounted"
else
    mount_images
fi

for folder in proc sys dev run; do
    mkdir -p "$root/$folder"
    mount --move "/$folder" "$root/$folder"
done
exec switch_root "$root" "$init"
