#!/bin/sh
# power_cut.sh — the power goes while regd registers into a /nix/var on a disk, again and again; then it stays.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=… CUTS=…] sh tests/boot/power_cut.sh
#
# With no database yet regd writes one as a file, with one it changes it in a transaction: both are cut, CUTS times
# each, from the same state. What the machine had not written to its disk is lost. The next boot tells what it finds;
# the moments are random, but between the latest that was too early and the earliest that was too late, so that they
# come close to the one that counts. The last boot goes on with what the last cut has left, and has to have it all.
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

# What the cut before has left on the disk; then, but for the last boot, the state from which regd starts.
cat >"$SCRATCH/look" <<'END'
cd /nix/var/nix
rows() {
    nix-store --dump-db | awk '
        { paths++; for (i = 0; i < 4; i++) getline; for (n = $0; n > 0; n--) getline } END { print paths + 0 }'
}
found=0
[ ! -e db/db.sqlite ] || found=$(rows)
echo "found: $found, $(ls -A db 2>/dev/null | tr '\n' ' ')" >/dev/ttyS1
END
cat "$SCRATCH/look" - >"$SCRATCH/prepare" <<'END'
rm -rf db profiles gcroots/per-user
[ ! -e ../before ] || cp -r ../before db
sync
echo now >/dev/ttyS1
END
echo '/dev/vda /nix/var ext4 defaults 0 2' >"$SCRATCH/fstab"
pass fstab "$SCRATCH/fstab"
pass closure "$SCRATCH/closure"
cat >"$SCRATCH/healed" <<'END'
check_boot 1
verifies
claim "the system profile has one generation, the booted system" profile_is 1 "$system"
claim "nothing is left of the registrations that were cut" nothing_is_left
END
pass_checks "$SCRATCH/healed"

# A number below $1.
random() {
    echo $(($(od -An -N4 -tu4 /dev/urandom) % ($1 > 0 ? $1 : 1)))
}

came() {
    grep -a -q '^now' "$SCRATCH/$machine.results"
}

# Waits for the moment, and cuts the power so many milliseconds later.
cut_after() {
    until came || is_over_limit || ! kill -0 "$qemu" 2>/dev/null; do
        sleep 0.1
    done
    ! came || sleep "$(($1 / 1000)).$(printf '%03d' $(($1 % 1000)))"
    stop_qemu
}

# How many paths that boot found valid, and what lay there.
found() {
    tr -d '\r' <"$SCRATCH/$machine.results" | sed -n 's/^found: //p'
}
is_one_of() {
    echo "found: $(found)"
    case $(found) in "$1,"* | "$2,"*) ;; *) false ;; esac
}

start_with_disk() {
    start_machine -nic none -kernel "$machine_kernel" -initrd "$tree/initrd" -append "$(told_by commandLine)" \
        -drive "file=$SCRATCH/$1,if=virtio,format=raw"
}

# cut DISK BEFORE AFTER TEXT: BEFORE and AFTER are how many paths are valid then.
cut() {
    early_ms=0
    late_ms=2000
    number=0
    pass prepare "$SCRATCH/prepare"
    while [ "$number" -lt "$cuts" ]; do
        machine=$1-$number
        start_with_disk "$1"
        [ "$number" -eq 0 ] || delay_before=$delay_ms
        delay_ms=$((early_ms + $(random $((late_ms - early_ms)))))
        cut_after "$delay_ms"
        claim "$4, cut $delay_ms ms behind the moment" came
        [ "$number" -eq 0 ] || weigh "$@" "$delay_before"
        number=$((number + 1))
    done
    pass prepare "$SCRATCH/look"
    boot_tree "$1" -drive "file=$SCRATCH/$1,if=virtio,format=raw"
    weigh "$@" "$delay_ms"
    told "$1" "$4, not cut"
}

# weigh DISK BEFORE AFTER TEXT DELAY: what a boot found of the cut before, and whether that was early or late.
weigh() {
    echo "# $machine: found after the cut at $5 ms: $(found)"
    claim "$4: all or nothing was registered by what was cut at $5 ms" is_one_of "$2" "$3"
    case $(found) in
    "$3,"*) [ "$5" -ge "$late_ms" ] || late_ms=$5 ;;
    *) [ "$5" -le "$early_ms" ] || early_ms=$5 ;;
    esac
}

count=$(wc -l <"$SCRATCH/closure")
make_disk new
cut new 0 "$count" 'making a database'

# A part of the system is registered already.
state=/state-$$
"$REGD_BUILD" manifest --root "$live" "$(readlink "$live$(cat "$live/many")/sw")" >"$SCRATCH/manifest" || bail 'there is no manifest'
"$REGD" register --quiet --root "$live" --state-dir "$state" "$SCRATCH/manifest" || bail 'no state can be made'
mv "$live$state/db" "$SCRATCH/disk-root/before"
rm -r "${live:?}${state:?}"
make_disk known
cut known "$(grep -c '^[0-9a-f]\{64\}$' "$SCRATCH/manifest")" "$count" 'changing a database'
finish
