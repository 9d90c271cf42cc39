#!/bin/sh
# kinds.sh — machines of other kinds than a netbooted one: does regd.service, as the NixOS module shapes it, register there?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/kinds.sh
#
# disk     as sd-image: the system lies on a disk, its manifest is /nix-path-registration, and is deleted. The machine boots
#          twice; the second time the unit's condition does not hold.
# machine  as qemu-vm: the kernel's parameter regInfo= names the manifest; neither tag nor profile; Nix' files belong to a
#          user of their own, as with nix.daemonUser
# microvm  as microvm.nix: regInfo= names a file in the store, which is an image that others have made
# iso      as iso-image: the manifest is in the image of the store, and the image is a file of the medium. It is one that is a
#          lower store for Nix, too
# repart   as image/repart: systemd-repart makes the disk, with the manifest where repart.nix has it, which stays there
#
# The modules of tests/nixos/kinds stand in for nixpkgs' own; what registration.nix makes of each is a drop-in of the unit
# here, as on NixOS.
# shellcheck disable=SC2015,SC2016,SC2317  # `A && B || C` is meant so; for Nix; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'machines of other kinds are registered by regd.service'
printf 'build-users-group =\n' >"$SCRATCH/nix.conf"
for program in mke2fs nix-instantiate jq busybox xorriso; do
    have "$program" 'machines of other kinds are registered by regd.service' || finish
done
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
make_tree tree first
toplevel=$(cat "$live/first")

# --- What the module makes of the unit ------------------------------------------------------------------------

mkdir "$SCRATCH/nix" "$SCRATCH/nix/bin" && cp "$(command -v busybox)" "$SCRATCH/nix/bin/" || bail "$SCRATCH is not empty"
# unit_of KIND CONFIGURATION MODULE
unit_of() {
    NIX_REMOTE='' NIX_STORE_DIR=$SCRATCH/eval/store NIX_STATE_DIR=$SCRATCH/eval/var NIX_LOG_DIR=$SCRATCH/eval/log NIX_CONF_DIR=$SCRATCH \
        nix-instantiate --eval --strict --json --readonly-mode -E "
        with import $PWD/tests/nixos/nixos.nix { busybox = $SCRATCH/nix; release = \"26.11\"; netboot = false; configuration = [
            $PWD/units/nixos/$3.nix $PWD/tests/nixos/kinds/$1.nix
            { services.regd = { enable = true; package = builtins.path { name = \"given\"; path = $SCRATCH/nix; }; $2 }; } ]; };
        { inherit (config.systemd.services.regd) before after unitConfig serviceConfig aliases;
          manifests = builtins.attrNames (config.image.repart.partitions.\"20-root\".contents or { }); }" >"$SCRATCH/unit.json" || return
    jq -r 'def lines: to_entries[] | .key as $key | [.value] | flatten[] | "\($key)=\(.)";
        "[Unit]", ({ Before: .before, After: .after } | lines), (.unitConfig | del(.DefaultDependencies) | lines),
        "[Service]", (.serviceConfig | lines)' "$SCRATCH/unit.json" |
        sed 's|=[^=]*-given/|=/usr/|' >"$SCRATCH/regd.conf"
    cat "$SCRATCH/regd.conf"
    jq -e '.aliases == ["register-nix-paths.service"]' "$SCRATCH/unit.json"
}
# kind NAME CONFIGURATION [MODULE]
kind() {
    claim "$1: the module gives the unit" unit_of "$1" "$2" "${3-registration}"
    pass regd.conf "$SCRATCH/regd.conf"
}

cat >"$SCRATCH/alias" <<'END'
alias_is_active() {
    systemctl is-active register-nix-paths.service regd.service
    [ "$(systemctl show -P Id register-nix-paths.service)" = regd.service ]
}
claim "register-nix-paths.service is a name of regd.service" alias_is_active
claim "multi-user.target is reached, and somebody could log in" is_up
claim "no unit failed" nothing_failed
END

# --- disk -----------------------------------------------------------------------------------------------------

kind disk 'deleteManifest = true;'
mkdir -p "$SCRATCH/disk/nix/store" && sed "s|^|$live|" "$SCRATCH/closure" | xargs cp -a -t "$SCRATCH/disk/nix/store" &&
    "$REGD_BUILD" manifest --root "$live" "$toplevel" >"$SCRATCH/disk/nix-path-registration" &&
    mke2fs -q -t ext4 -d "$SCRATCH/disk" "$SCRATCH/root" 512M >/dev/null || bail 'no disk can be made'
find "$SCRATCH/disk" -type d -exec chmod u+w {} + && rm -rf "$SCRATCH/disk"

# installed NAME FILE DEVICE: a machine that boots from the disk, whose root is that device.
installed() {
    boot "$1" -nic none -kernel "$machine_kernel" -initrd "$live$(readlink "$live$toplevel/initrd")" \
        -append "$(told_by commandLine) root=$3" -drive "file=$2,if=virtio,format=raw"
}
cat >"$SCRATCH/first.sh" <<'END'
on_disk() {
    [ "$(awk '$2 == "/" { print $1, $3 }' /proc/mounts)" = '/dev/vda ext4' ] && [ "$(stat -f -c %i /)" = "$(stat -f -c %i /nix/store)" ]
}
claim "the root file system is the disk" on_disk
claim "Nix knows the closure of the system, path by path" closure_is_registered
claim "nix-store --verify --check-contents finds nothing" verify_finds_nothing --check-contents
claim "the system is tagged as NixOS" tagged
claim "the system profile has one generation, the booted system" profile_is 1 "$system"
claim "the manifest is deleted" test ! -e /nix-path-registration
says_so() {
    journal_says '/nix-path-registration' && journal_says 'closure\|paths registered'
}
claim "the journal says both" says_so
nix-store --dump-db >/nix/dumped
END
cat >"$SCRATCH/second.sh" <<'END'
not_started() {
    systemctl show -P ConditionResult -P ActiveState regd.service
    [ "$(systemctl show -P ConditionResult regd.service)" = no ] && [ "$(systemctl show -P ActiveState regd.service)" = inactive ]
}
claim "without a manifest the unit's condition does not hold" not_started
claim "multi-user.target is reached, and somebody could log in" is_up
claim "no unit failed" nothing_failed
kept() {
    nix-store --dump-db >dumped && same /nix/dumped dumped && closure_is_registered
}
claim "what was registered is kept" kept
claim "the system profile has one generation, the booted system" profile_is 1 "$system"
END
pass_checks "$SCRATCH/alias" "$SCRATCH/first.sh"
installed disk "$SCRATCH/root" /dev/vda
told disk 'installed on a disk'
pass_checks "$SCRATCH/second.sh"
installed again "$SCRATCH/root" /dev/vda
told again 'the disk, booted again'

# --- machine --------------------------------------------------------------------------------------------------

kind machine 'tag = null; setProfile = "never";'
cat >"$SCRATCH/machine.sh" <<'END'
belongs_to_nix() {
    stat -c '%U:%G %n' /nix/var/nix/db /nix/var/nix/db/* /nix/var/nix/gc.lock >owners
    cat owners
    grep -q '/db/db\.sqlite$' owners && ! grep -v '^nix:nix ' owners
}
claim "what regd made belongs to the user who runs it" belongs_to_nix
claim "Nix knows the closure of the system, path by path" closure_is_registered
claim "nix-store --verify finds nothing" verify_finds_nothing
claim "it has no tag" test ! -e /etc/NIXOS
# nix_does ARGUMENT...: without the daemon.
nix_does() {
    NIX_REMOTE=local setpriv --reuid nix --regid nix --clear-groups nix-store "$@"
}
works_for_nix() {
    nix_does --query --requisites "$system" | sort >of-nix && same /run/test/closure of-nix && nix_does --verify
}
claim "to that user, Nix says the same" works_for_nix
claim "it has no profile" test ! -e /nix/var/nix/profiles/system
condition() {
    systemctl show -P Conditions -P ConditionResult regd.service
    systemctl cat regd.service | grep -qx ConditionKernelCommandLine=regInfo
}
claim "the unit has nixpkgs' condition" condition
END
pass_checks "$SCRATCH/alias" "$SCRATCH/machine.sh"
printf '%s\n' 'd /nix/var 0755 nix nix' 'd /nix/var/nix 0755 nix nix' 'Z /nix/var 0755 nix nix' >"$SCRATCH/tmpfiles"
pass tmpfiles "$SCRATCH/tmpfiles"
boot machine -nic none -kernel "$machine_kernel" -initrd "$tree/initrd" \
    -append "$(told_by commandLine) regInfo=/nix/.ro-store/nix-path-registration"
told machine 'a virtual machine with regInfo='

# --- microvm --------------------------------------------------------------------------------------------------

kind microvm 'tag = null; setProfile = "never";'
info=00000000000000000000000000000000-closure-info
mkdir "$SCRATCH/$info" && "$REGD_BUILD" manifest --root "$live" "$toplevel" >"$SCRATCH/$info/registration" &&
    { sed "s|^|$live|" "$SCRATCH/closure" && echo "$SCRATCH/$info"; } |
    xargs sh -c 'image=$1 && shift && mksquashfs "$@" "$image" -quiet -no-progress -all-root -comp lz4' sh "$SCRATCH/others" >/dev/null &&
    "$REGD_BUILD" ramdisk --quiet --prepend "$live$(readlink "$live$toplevel/initrd")" --store "$SCRATCH/others" -o "$SCRATCH/ramdisk" ||
    bail 'no ramdisk can be made'
cat >"$SCRATCH/microvm.sh" <<'END'
claim "the image has no manifest of its own" test ! -e /nix/.ro-store/nix-path-registration
claim "Nix knows the closure of the system, path by path" closure_is_registered
claim "nix-store --verify finds nothing" verify_finds_nothing
claim "it has no tag" test ! -e /etc/NIXOS
claim "it has no profile" test ! -e /nix/var/nix/profiles/system
END
pass_checks "$SCRATCH/alias" "$SCRATCH/microvm.sh"
: >"$SCRATCH/tmpfiles"
pass tmpfiles "$SCRATCH/tmpfiles"
boot microvm -nic none -kernel "$machine_kernel" -initrd "$SCRATCH/ramdisk" \
    -append "$(told_by commandLine) regInfo=/nix/store/$info/registration"
told microvm 'a microvm'

# --- iso ------------------------------------------------------------------------------------------------------

kind iso ''
mkdir "$SCRATCH/medium" &&
    "$REGD_BUILD" squashfs --quiet --root "$live" --compression zstd:3 --lower-store "$toplevel" \
        -o "$SCRATCH/medium/nix-store.squashfs" &&
    xorriso -outdev "$SCRATCH/medium.iso" -volid LIVE -map "$SCRATCH/medium" / >"$SCRATCH/xorriso" 2>&1 ||
    bail 'no medium can be made'
cat >"$SCRATCH/iso.sh" <<'END'
on_the_medium() {
    losetup -a
    awk '$2 == "/iso"' /proc/mounts
    [ "$(cat /sys/block/loop*/loop/backing_file)" = /iso/nix-store.squashfs ] &&
        [ "$(awk '$2 == "/iso" { print $1, $3 }' /proc/mounts)" = '/dev/vda iso9660' ]
}
claim "the store is a file of the medium" on_the_medium
lower_store() {
    ls -A /nix/.ro-store | grep -v -- '-' >others
    [ "$(cat others)" = .links ] && [ ! -e /nix/.ro-store/nix-path-registration ] &&
        regd status | grep -qx 'manifest   /nix/.ro-store/00000000000000000000000000000000-nix-path-registration'
}
claim "its manifest has a name that a store path could have, and regd found it" lower_store
check_boot 1
verifies
claim "the system profile has one generation, the booted system" profile_is 1 "$system"
END
pass_checks "$SCRATCH/alias" "$SCRATCH/iso.sh"
boot iso -nic none -kernel "$machine_kernel" -initrd "$live$(readlink "$live$toplevel/initrd")" \
    -append "$(told_by commandLine) medium=/dev/vda" -drive "file=$SCRATCH/medium.iso,if=virtio,format=raw,readonly=on"
told iso 'a live medium'

# --- repart ---------------------------------------------------------------------------------------------------

have systemd-repart 'systemd-repart makes a disk that is registered' || finish
kind repart 'repart.partition = "20-root";' repart
# As nixpkgs writes it: a path of the store is copied to its own name, and a file of `contents` to its.
make_repart() {
    "$REGD_BUILD" manifest --root "$live" "$toplevel" >"$SCRATCH/manifest" && mkdir "$SCRATCH/repart.d" && {
        printf '%s\n' '[Partition]' Type=root Label=nixos Format=ext4 SizeMinBytes=512M
        jq -r --arg file "$SCRATCH/manifest" '.manifests[] | "CopyFiles=\($file):\(.)"' "$SCRATCH/unit.json"
        sed "s|.*|CopyFiles=$live&:&|" "$SCRATCH/closure"
    } >"$SCRATCH/repart.d/20-root.conf" &&
        systemd-repart --empty=create --size=auto --dry-run=no --definitions="$SCRATCH/repart.d" "$SCRATCH/repart.raw"
}
claim 'repart: systemd-repart makes the disk' make_repart
cat >"$SCRATCH/repart.sh" <<'END'
on_partition() {
    awk '$2 == "/"' /proc/mounts
    [ "$(awk '$2 == "/" { print $1, $3 }' /proc/mounts)" = '/dev/vda1 ext4' ] && [ "$(stat -f -c %i /)" = "$(stat -f -c %i /nix/store)" ]
}
claim "the root file system is the partition" on_partition
claim "Nix knows the closure of the system, path by path" closure_is_registered
claim "nix-store --verify --check-contents finds nothing" verify_finds_nothing --check-contents
claim "the system is tagged as NixOS" tagged
claim "the system profile has one generation, the booted system" profile_is 1 "$system"
claim "the manifest stays" test -s /nix-path-registration
END
pass_checks "$SCRATCH/alias" "$SCRATCH/repart.sh"
installed repart "$SCRATCH/repart.raw" /dev/vda1
told repart 'a disk of systemd-repart'
finish
