#!/bin/sh
# stage2.sh — init of the system, like NixOS' stage 2: it creates everything outside the store as links into it.
# system.nix replaces the first line, @out@ and @tools@.
export PATH=@tools@/bin

system=@out@
# An initial ramdisk with systemd has made some of them, empty.
mkdir -p /etc /var /root /home
mkdir -p /tmp
chmod 1777 /tmp
[ -L /usr ] || [ ! -d /usr ] || rmdir /usr
ln -sfn "$system/sw" /usr
for folder in bin lib lib64 sbin; do ln -sfn "usr/$folder" "/$folder"; done
cp -r "$system/etc/." /etc/
chmod -R u+w /etc
ln -s "$system" /run/current-system
ln -s "$system" /run/booted-system

# What a test wants of this boot: files that QEMU passes on.
mkdir /run/test
for entry in /sys/firmware/qemu_fw_cfg/by_name/opt/regd/*/raw; do
    [ ! -e "$entry" ] || { name=${entry%/raw} && cat "$entry" >"/run/test/${name##*/}"; }
done
[ ! -e /run/test/fstab ] || cp /run/test/fstab /etc/fstab
[ ! -e /run/test/tmpfiles ] || cp /run/test/tmpfiles /etc/tmpfiles.d/test.conf
if [ -e /run/test/regd.conf ]; then
    units=/etc/systemd/system
    mkdir -p $units/regd.service.d
    cp /run/test/regd.conf $units/regd.service.d/
    ln -sfn /usr/lib/systemd/system/regd.service $units/register-nix-paths.service
fi

# Where systemd was init already, it has told us what it hands on to itself.
exec "$system/sw/lib/systemd/systemd" "$@"
