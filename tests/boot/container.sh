#!/bin/sh
# container.sh — the system boots in a container: no kernel, no ramdisk, its store is the host's, and regd registers it.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/container.sh
#
# systemd-nspawn runs the system's init as images of containers do: the manifest is /nix-path-registration, and the
# drop-in of containers takes the sandbox from regd.service. It needs root, and a host that lets it.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

text='a container is registered by regd.service'
have systemd-nspawn "$text" || finish
begin_boots "$text"
toplevel=$(cat "$live/first")
container=$SCRATCH/container
mkdir -p "$container/nix/store" "$container/nix/var" "$container/etc" "$container/usr" "$container/tmp" || bail "$SCRATCH is not empty"
echo ID=nixos >"$container/etc/os-release"

# in_container NAME PROGRAM ARGUMENT...: what it says is $SCRATCH/NAME. The name of the machine is nobody else's.
in_container() {
    said=$SCRATCH/$1
    shift
    timeout --kill-after=10 "$machine_limit" systemd-nspawn --quiet --register=no --keep-unit --private-network \
        --machine="regd-$$" -D "$container" --bind-ro="$live/nix/store:/nix/store" --bind="$SCRATCH/test:/run/test" "$@" </dev/null >"$said" 2>&1
}
mkdir "$SCRATCH/test"
busybox=$(sed -n '1s|^#!\([^ ]*\)/sh.*|\1/true|p' "$live$toplevel/init")
if ! in_container trial "$busybox"; then
    skip "$text" "systemd-nspawn cannot run here: $(tail -n 1 "$SCRATCH/trial")"
    finish
fi

"$REGD_BUILD" manifest --root "$live" "$toplevel" >"$container/nix-path-registration" || bail 'no manifest can be made'
closure_of first >"$SCRATCH/test/closure"
cp units/regd-container.conf "$SCRATCH/test/regd.conf"
# Its results go to a file of the host, and then it is off.
mkdir -p "$container/etc/systemd/system/test-check.service.d"
cat >"$container/etc/systemd/system/test-check.service.d/container.conf" <<'END'
[Service]
ExecStart=
ExecStart=/bin/sh -c "sh /run/test/check >/run/test/results 2>&1; poweroff -ff"
END
cat >"$SCRATCH/asked" <<'END'
claim "it is a container" systemd-detect-virt --container
claim "systemd runs from the store" runs_from_the_store
claim "multi-user.target is reached" systemctl is-active multi-user.target
claim "no unit failed" nothing_failed
claim "Nix knows the closure of the system, path by path" closure_is_registered
claim "nix-store --verify finds nothing" verify_finds_nothing
claim "the system profile has one generation, the booted system" profile_is 1 "$system"
no_sandbox() {
    systemctl show -P PrivateNetwork -P ProtectSystem regd.service
    [ "$(systemctl show -P ProtectSystem regd.service)" = no ]
}
claim "regd.service has no sandbox" no_sandbox
END
{ cat tests/tap.sh tests/boot/kit/guest.sh "$SCRATCH/asked" && echo finish; } >"$SCRATCH/test/check"
in_container container.console "$toplevel/init"
cp "$SCRATCH/test/results" "$SCRATCH/container.results" 2>/dev/null || : >"$SCRATCH/container.results"
told container 'in a container'
finish
