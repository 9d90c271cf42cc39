#!/bin/sh
# installed.sh — is what `regd-build unpack --register --profile` makes a system that Nix goes on with?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/installed.sh
#
# Nix runs in the installed root as tests/store/nix.sh has it: with the programs of this host, and the root's /nix. Its steps are
# those of nixos-rebuild (build, set the profile, activate; roll back; collect) and of nixos-enter (the mark /etc/NIXOS,
# activate, a program of the system, by chroot into the root itself).
# shellcheck disable=SC2015,SC2031,SC2317  # `A && B || C` is meant so; the subshell sets nothing; claims call functions by their names
set -u
: "${SCRATCH:?an empty directory}"
export LC_ALL=C

# Within the namespace, one step. Nix must find nothing wrong after each.
if [ "${1-}" = --inside ]; then
    set -eu
    dir=$2 scratch=$3 step=$4 toplevel=$5
    # shellcheck source=tests/store/nix.sh disable=SC1091
    . tests/store/nix.sh
    mount_root
    system=/nix/var/nix/profiles/system
    tools=$(cd "$dir" && echo nix/store/*-busybox-static)
    leads_to() {
        [ "$(in_root readlink -f "$system")" = "$1" ]
    }
    generations() {
        in_root nix-env --profile "$system" --list-generations | sed -n 's/^ *\([0-9]*\) .*:..*[0-9]  *\(.*\)/\1\2/p' | sed 's/ *$//' | tr '\n' ' '
    }
    # `set -e` ends the step at each line that fails, but not within a list.
    case $step in
    check)
        [ "$(in_root nix-store --realise "$toplevel")" = "$toplevel" ]
        [ "$(generations)" = '1(current) ' ]
        ;;
    rebuild)
        cat >"$scratch/tmp/next.nix" <<END
derivation {
  name = "nixos-system-next";
  system = builtins.currentSystem;
  builder = "\${builtins.storePath "/$tools"}/bin/sh";
  args = [ "-euc" "mkdir \$out; for name in \$old/*; do ln -s \$name \$out/; done; echo next >\$out/label" ];
  PATH = "\${builtins.storePath "/$tools"}/bin";
  old = builtins.storePath "$toplevel";
}
END
        next=$(in_root nix-build --no-out-link "$scratch/tmp/next.nix")
        echo "$next" >"$scratch/next"
        in_root nix-env --profile "$system" --set "$next"
        leads_to "$next"
        [ "$(generations)" = '1 2(current) ' ]
        chroot "$dir" "$system/activate"
        ;;
    back)
        in_root nix-env --profile "$system" --rollback
        leads_to "$toplevel"
        in_root nix-env --profile "$system" --delete-generations 2
        in_root nix-store --gc
        [ "$(generations)" = '1(current) ' ]
        [ ! -e "$dir$(cat "$scratch/next")" ]
        [ -e "$dir$toplevel" ]
        ;;
    enter)
        [ -e "$dir/etc/NIXOS" ]
        mkdir -p "$dir/dev" "$dir/sys" "$dir/proc"
        for name in dev sys proc; do mount --rbind "/$name" "$dir/$name"; done
        IN_NIXOS_ENTER=1 chroot "$dir" "$system/activate"
        said=$(chroot "$dir" "/$tools/bin/sh" -c "cat $system/nixos-version; head -c 4 /dev/zero | wc -c")
        [ "$said" = "$(cat "$dir$toplevel/nixos-version"; echo 4)" ]
        ;;
    esac
    in_root nix-store --verify --check-contents 2>&1 | tee "$scratch/log"
    if grep -E 'error|warning|modified|disappeared' "$scratch/log"; then exit 1; fi
    exit 0
fi

: "${REGD_BUILD:?the program}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR
wants nix-store nix-build chroot
find_store
private_nix
installed=$SCRATCH/installed scratch=$SCRATCH/inside
mkdir "$installed" "$scratch" && mkdir "$scratch/root" "$scratch/home" "$scratch/tmp" "$scratch/conf" &&
    printf 'build-users-group =\nsandbox = false\nsubstitute = false\nsubstituters =\n' >"$scratch/conf/nix.conf" || bail 'no directory can be made'
text='Nix finds a whole system with one generation'
namespace=$(. tests/store/nix.sh && namespace_flags) || {
    skip "$text" 'nothing may be mounted'
    finish
    exit
}
"$REGD_BUILD" squashfs -q --compression lz4 --signatures --root "$store" "$toplevel" -o "$SCRATCH/image" &&
    "$REGD_BUILD" unpack -q "$SCRATCH/image" "$toplevel" --root "$installed" --register --profile /nix/var/nix/profiles/system || bail 'nothing can be unpacked'

step() {
    # shellcheck disable=SC2086  # several words
    unshare $namespace sh -x "$0" --inside "$installed" "$scratch" "$1" "$toplevel" 2>&1
}
claim "$text" step check
claim 'a new system is built in it, set, and activated' step rebuild
claim 'it goes back, deletes the new generation and collects it, and keeps what was unpacked' step back
claim 'the root can be entered, activated, and its programs run' step enter
finish
