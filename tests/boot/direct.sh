#!/bin/sh
# direct.sh — a machine that is given kernel and ramdisk: does everything that regd is for work on it?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/direct.sh
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'a live system boots, is registered, and Nix works on it'
make_tree tree first
closure_of first >"$SCRATCH/closure"
printf '%s\n' "$(told_by commandLine)" >"$SCRATCH/cmdline"

deep_enough() {
    printf '%s paths, %s of them derivations\n' "$(wc -l <"$SCRATCH/closure")" "$(grep -c '\.drv$' "$SCRATCH/closure")"
    [ "$(wc -l <"$SCRATCH/closure")" -ge 48 ] && grep -q '\.drv$' "$SCRATCH/closure"
}
claim 'the closure has dozens of paths, and derivations among them' deep_enough
small_enough() {
    du -ch "$tree/initrd" "$tree/bzImage"
    [ "$(cat "$tree/initrd" "$tree/bzImage" | wc -c)" -lt 200000000 ]
}
claim 'what is booted takes less than 200 MB' small_enough

cat >"$SCRATCH/early" <<'END'
# The moment right behind sysinit.target, as a unit sees it.
systemctl is-active sysinit.target regd.service >/run/test/early-units
/usr/bin/nix-store --query --requisites /run/current-system | sort >/run/test/early-closure
END
pass early "$SCRATCH/early"
pass closure "$SCRATCH/closure"
pass cmdline "$SCRATCH/cmdline"
pass_checks tests/boot/kit/check_all.sh
boot_tree direct
told direct 'booted directly'

# The unit is on the path to sysinit.target, so its time counts. The machine is emulated: its time is divided by
# how much faster this host registers the same manifest. What is measured is the time of the processor, as what runs
# beside it differs; the start of the unit with its sandbox is in it.
said() {
    sed -n "s/\r//; s/.*# measured $1\([0-9]*\).*/\1/p" "$SCRATCH/direct.results"
}
host_us() {
    "$REGD_BUILD" manifest --root "$live" "$(cat "$live/first")" >"$SCRATCH/manifest"
    least=
    for _ in 1 2 3 4 5; do
        rm -rf "$SCRATCH/speed"
        mkdir -p "$SCRATCH/speed/nix/store"
        start=$(date +%s%N)
        "$REGD" register --quiet --missing=accept --root "$SCRATCH/speed" "$SCRATCH/manifest"
        time_us=$((($(date +%s%N) - start) / 1000))
        [ "${least:-$time_us}" -lt "$time_us" ] || least=$time_us
    done
    echo "$least"
}
holds_up_little() {
    guest=$(said 'registering once more: ') host=$(host_us) unit=$(said 'CPU time: regd.service ')
    [ "$guest" ] && [ "$unit" ] || return
    echo "# direct: registering takes $guest us in the machine, $host us on its host" >&3
    echo "# direct: regd.service takes $((unit * host / guest)) ms of processor time at the host's speed" >&3
    [ $((unit * host / guest)) -lt 100 ]
}
exec 3>&1
claim 'regd.service holds the boot up for some 10 ms at most' holds_up_little
finish
