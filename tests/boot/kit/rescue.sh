#!/bin/sh
# rescue.sh — init of a small Linux that has nothing but busybox and kexec. It boots the tree on its disk, or does
# what rescue.sh there says.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
while read -r module; do insmod "/modules/$module"; done </modules/order

mkdir /tree
mount -t squashfs -o ro /dev/vda /tree
echo "rescue: $(head -n 1 /proc/meminfo)"
if [ -e /tree/rescue.sh ]; then
    # shellcheck source=tests/boot/kit/anywhere.sh disable=SC1091
    . /tree/rescue.sh
else
    /tree/kexec-boot || echo "rescue: kexec-boot ended with status $?"
fi
sleep 1
poweroff -f
