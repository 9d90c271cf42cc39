#!/bin/sh
# power_cut.sh — the power goes while regd registers into a /nix/var on a disk, again and again; then it stays.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=… CUTS=…] sh tests/boot/power_cut.sh
#
# With no database yet regd writes one as a file, with one it changes it in a transaction: both are cut, CUTS times
# each, at random moments from when the unit is about to start. What the machine had not written to its disk is lost.
# The next boot goes on with what is there, and the last one has to have it all.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'a machine whose power is cut while regd works heals at the next boot'
have mke2fs 'a machine whose power is cut while regd works heals at the next boot' || finish
cuts=${CUTS:-4}
make_tree many many
closure_of many >"$SCRATCH/closure"

# The moment; and what the cut before has left on the disk.
cat >"$SCRATCH/prepare" <<'END'
{
    ls -A /nix/var/nix/db 2>/dev/null | grep -v -e lock -e schema | sed 's/^/left: /'
    echo now
} >/dev/ttyS1
END
echo '/dev/vda /nix/var ext4 defaults 0 2' >"$SCRATCH/fstab"
pass prepare "$SCRATCH/prepare"
pass fstab "$SCRATCH/fstab"
pass closure "$SCRATCH/closure"
cat >"$SCRATCH/healed" <<'END'
check_boot 1
verifies
claim "the system profile has one generation, the booted system" profile_is 1 "$system"
claim "nothing is left of the registrations that were cut" nothing_is_left
END
pass_checks "$SCRATCH/healed"

random_ms() {
    echo $(($(od -An -N2 -tu2 /dev/urandom) % $1))
}

# cut_while NAME: waits for the moment, and cuts the power within the time that a registration takes.
watch_and_cut() {
    while kill -0 "$qemu" 2>/dev/null && [ $(($(date +%s) - machine_start)) -lt "$machine_limit" ]; do
        grep -a -q '^now' "$SCRATCH/$machine.results" && break
        sleep 0.1
    done
    grep -a -q '^now' "$SCRATCH/$machine.results" || { console_has "$machine" 'Linux version' && stop_machine; return 1; }
    delay_ms=$(random_ms "$window_ms")
    sleep "$((delay_ms / 1000)).$(printf '%03d' $((delay_ms % 1000)))"
    kill -9 "$qemu"
    wait "$qemu" 2>/dev/null
    qemu=
    echo "# $machine: cut $delay_ms ms behind the moment; found on the disk before it: $(found_before)"
}
found_before() {
    tr -d '\r' <"$SCRATCH/$machine.results" | sed -n 's/^left: //p' | tr '\n' ' ' | grep . || echo 'no database'
}

machine_with_disk() {
    set -- -nic none -kernel "$tree/bzImage" -initrd "$tree/initrd" -append "$(told_by commandLine)" \
        -drive "file=$SCRATCH/$1,if=virtio,format=raw"
    start_machine "$@"
}

# cut DISK: several times, then not.
cut() {
    number=1
    while [ "$number" -le "$cuts" ]; do
        machine=$1-$number
        machine_with_disk "$1"
        watch_and_cut || echo "# $machine: the moment did not come"
        number=$((number + 1))
    done
    boot_tree "$1" -drive "file=$SCRATCH/$1,if=virtio,format=raw"
    echo "# $1: found on the disk before the last boot: $(found_before)"
}

window_ms=2500
make_disk new
cut new
told new 'cut while it made a database'

# The first system is registered, the one that is booted has 1500 paths more.
"$REGD_BUILD" manifest --root "$live" "$(cat "$live/first")" >"$SCRATCH/manifest" &&
    "$REGD" register --quiet --missing=accept --root "$SCRATCH/known" "$SCRATCH/manifest" || bail 'no state can be made'
mv "$SCRATCH/known/nix/var/nix/db" "$SCRATCH/disk-root/nix/"
make_disk known
cut known
told known 'cut while it changed a database'
finish
