# fetch.sh — an initial ramdisk that fetches the store. To be sourced after stage1.sh.
#
#   begin_fetch TEXT    skips TEXT and ends the test on a host that lacks a program for it
#   add_fetch           for make_stage1: regd-fetch, the network, and what stands for a shell
# shellcheck shell=sh disable=SC2154  # of stage1.sh

begin_fetch() {
    begin_stage1 "$1"
    have /usr/lib/systemd/systemd-networkd "$1" || finish
}

# regd-fetch loads these by name. The network is configured as on most machines, by DHCP.
add_fetch() {
    fetch=$(dirname "$REGD")/regd-fetch
    cp "$fetch" "$stage1/usr/lib/systemd/" && add "$fetch" || return
    for library in libcurl.so.4 libcrypto.so.3 libsystemd.so.0; do
        add "$(ldconfig -p | grep -om 1 "/[^ ]*/$library\$")" || return
    done
    add /usr/lib/systemd/systemd-networkd /usr/lib/systemd/systemd-networkd-wait-online &&
        add_units network.target network-pre.target network-online.target systemd-networkd.service \
            systemd-networkd-wait-online.service &&
        want sysinit.target systemd-networkd.service && want network-online.target systemd-networkd-wait-online.service &&
        echo 'systemd-network:x:998:998::/:/bin/false' >>"$stage1/etc/passwd" &&
        echo 'systemd-network:x:998:' >>"$stage1/etc/group" && mkdir -p "$stage1/etc/systemd/network" &&
        printf '[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\n' >"$stage1/etc/systemd/network/10-ether.network" &&
        add_shell && add_modules dm_verity virtio_net
}
# What stands for the emergency shell says which systemd there is, and turns the machine off.
add_shell() {
    cat >"$stage1$stage1_units/emergency.service" <<'END'
[Unit]
DefaultDependencies=no

[Service]
Type=oneshot
StandardOutput=tty
ExecStart=/usr/bin/systemctl --version
ExecStart=/usr/bin/systemctl --force --force poweroff
END
}
