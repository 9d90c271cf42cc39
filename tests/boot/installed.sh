#!/bin/sh
# installed.sh — the commands of README.md that install a system on a disk: does UEFI boot it from there, and what says Nix?
#
# The disk is that of units/nixos/disk.repart. A tree has two systems, and `regd-build unpack` installs one of them. What NixOS
# does with the partition of the boot loader is done here by hand: systemd-boot, the kernel, the initial ramdisk and an entry.
# That ramdisk has this host's systemd, as in initrd_systemd.sh, and finds the root by the name of its partition.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/installed.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/mounts.sh disable=SC1091
. tests/mounts.sh
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh
# shellcheck source=tests/boot/kit/stage1.sh disable=SC1091
. tests/boot/kit/stage1.sh

what='a system that was unpacked to a disk boots from it'
begin_stage1 "$what"
for program in systemd-repart mkfs.vfat mkfs.ext4 mcopy losetup; do
    have "$program" "$what" || finish
done
loader=/usr/lib/systemd/boot/efi/systemd-bootx64.efi
for file in $loader /usr/share/OVMF/OVMF_CODE_4M.fd; do
    [ -r "$file" ] || { skip "$what" "$file is not there: install ovmf and systemd-boot-efi" && finish; }
done
[ "$TEST_MOUNTS" = private ] || { skip "$what" 'no mount namespace' && finish; }
begin_boots "$what"

# The store is a directory of the root, and no mount.
any_store() {
    sed -i '/^ConditionPathIsMountPoint=/d' "$stage1$stage1_units/test-activation.service"
}
make_stage1 stage1 any_store
system=$(cat "$live/second")
make_tree tree first --add "$system"
closure_of second >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"

# --- the disk -----------------------------------------------------------------------------------------------------

partitions() {
    systemd-repart --empty=create --size=1400M --dry-run=no --definitions=units/nixos/disk.repart --json=short \
        "$SCRATCH/disk" >"$SCRATCH/partitions" &&
        [ "$(jq -r 'map(.label) | join(" ")' "$SCRATCH/partitions")" = 'ESP nixos' ]
}
claim 'systemd-repart makes the disk of units/nixos/disk.repart' partitions
# number KEY LABEL
number() {
    jq ".[] | select(.label == \"$2\") | .$1" "$SCRATCH/partitions"
}
device=$(losetup --find --show --offset "$(number offset nixos)" --sizelimit "$(number raw_size nixos)" \
    "$SCRATCH/disk" 2>/dev/null) || { skip "$what" 'no loop devices' && finish; }
detach() {
    umount "$SCRATCH/mnt" 2>/dev/null
    losetup --detach "$device"
}
trap 'stop_machine; detach; tap_end' EXIT
{ mkdir "$SCRATCH/mnt" && mount "$device" "$SCRATCH/mnt"; } || bail 'the root cannot be mounted'

install_system() {
    "$REGD_BUILD" unpack --quiet "$tree" "$system" --root "$SCRATCH/mnt" --register --profile /nix/var/nix/profiles/system &&
        [ "$(ls "$SCRATCH/mnt/nix/store")" = "$(sed 's|.*/||' "$SCRATCH/closure")" ]
}
claim 'regd-build unpack installs one of the two systems of the tree, and nothing else' install_system

{
    printf '%s\n' 'title NixOS' 'linux /kernel' 'initrd /initrd'
    printf 'options init=%s/init root=PARTLABEL=nixos rw %s systemd.mask=regd.service\n' "$system" \
        "$(cat "$SCRATCH/mnt$system/kernel-params")"
} >"$SCRATCH/entry"
esp=$SCRATCH/disk@@$(number offset ESP)
install_loader() {
    mmd -i "$esp" ::EFI ::EFI/BOOT ::loader ::loader/entries && mcopy -i "$esp" $loader ::EFI/BOOT/BOOTX64.EFI &&
        mcopy -i "$esp" "$SCRATCH/mnt$(readlink "$SCRATCH/mnt$system/kernel")" ::kernel && mcopy -i "$esp" "$SCRATCH/stage1.gz" ::initrd &&
        mcopy -i "$esp" "$SCRATCH/entry" ::loader/entries/nixos.conf && umount "$SCRATCH/mnt"
}
install_loader || bail 'no boot loader can be installed'

# --- the machine --------------------------------------------------------------------------------------------------

cat >"$SCRATCH/installed.sh" <<'END'
on_partition() {
    awk '$2 == "/"' /proc/mounts
    [ "$(awk '$2 == "/" { print $1, $3 }' /proc/mounts)" = '/dev/vda2 ext4' ] && [ "$(stat -f -c %i /)" = "$(stat -f -c %i /nix/store)" ]
}
claim "the root is the partition, and the store is on it" on_partition
claim "systemd runs from the store" runs_from_the_store
claim "multi-user.target is reached, and somebody could log in" is_up
claim "no unit failed" nothing_failed
claim "Nix knows the closure of the system, path by path" closure_is_registered
claim "nix-store --verify --check-contents finds nothing" verify_finds_nothing --check-contents
claim "the system is tagged as NixOS" tagged
claim "the system profile has one generation, the booted system" profile_is 1 "$system"
collects() {
    echo new >new && path=$(nix-store --add new) && [ "$(cat "$path")" = new ] && nix-collect-garbage >garbage 2>&1 &&
        [ ! -e "$path" ] && [ "$(ls -d /nix/store/*)" = "$(cat /run/test/closure)" ] && verify_finds_nothing
}
claim "a path can be added; the collector takes it, and leaves the system" collects
END
pass_checks "$SCRATCH/installed.sh"
boot disk -nic none -drive "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd" \
    -drive "if=pflash,format=raw,unit=1,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd" -drive "file=$SCRATCH/disk,if=virtio,format=raw"
told disk 'from the disk'

left() {
    mount "$device" "$SCRATCH/mnt" &&
        nix-store --option build-users-group '' --store "$SCRATCH/mnt" --verify --check-contents >"$SCRATCH/verify" 2>&1
    verified=$?
    cat "$SCRATCH/verify"
    [ "$verified" -eq 0 ] && ! grep -v '^reading\|^checking' "$SCRATCH/verify"
}
claim 'when it is off, Nix of this system finds nothing wrong on the disk' left
finish
