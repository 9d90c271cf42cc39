#!/bin/sh
# rescue.sh — init of a small Linux that has nothing but busybox and kexec, and boots the tree on its disk.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
while read -r module; do insmod "/modules/$module"; done </modules/order

mkdir /tree
mount -t squashfs -o ro /dev/vda /tree
echo "rescue: $(head -n 1 /proc/meminfo)"
/tree/kexec-boot || echo "rescue: kexec-boot ended with status $?"
sleep 1
poweroff -f
