# guest.sh — functions for the checks that run inside a booted machine. It follows tap.sh and precedes the checks of a
# test. Its output goes to the second serial line, see machine.sh. Files passed by a test are in /run/test.
# shellcheck shell=sh

export PATH=/usr/bin:/usr/sbin LC_ALL=C HOME=/root SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat
system=$(readlink -f /run/current-system)

# Room for our own files, whatever a test has done to the root file system.
work=/run/test/work
mkdir "$work"
cd "$work" || exit 1

# Nothing is checked before all jobs of the boot are done.
systemctl is-system-running --wait >state
echo "# measured $(systemd-analyze time | head -n 1)"

# same FILE FILE: shows where they differ.
same() {
    cmp -s "$1" "$2" || {
        diff "$1" "$2"
        false
    }
}

runs_from_the_store() {
    readlink -f /proc/1/exe
    case $(readlink -f /proc/1/exe) in /nix/store/*-systemd-*/lib/systemd/systemd) ;; *) false ;; esac
}

# stacked N: /nix/store is an overlay of N images, the upper one first. Their names are those of stage 1.
stage1_root=/mnt-root
stacked() {
    lower=$stage1_root/nix/.ro-store
    number=1
    while [ "$number" -lt "$1" ]; do
        lower=$lower:$stage1_root/nix/.ro-store.$number
        number=$((number + 1))
    done
    awk '$2 == "/nix/store"' /proc/mounts
    [ "$(awk '$2 == "/nix/store" { print $3 }' /proc/mounts)" = overlay ] &&
        grep -q "[ ,]lowerdir=$lower,upperdir=$stage1_root/nix/.rw-store/store" /proc/mounts
}

closure_is_registered() {
    nix-store --query --requisites "$system" >closure && sort closure >sorted &&
        same /run/test/closure sorted
}

verify_finds_nothing() {
    nix-store --verify "$@" >verify 2>&1 || { cat verify; return 1; }
    ! grep -v -x -e 'reading the Nix store\.\.\.' -e 'checking path existence\.\.\.' \
        -e 'checking link hashes\.\.\.' -e 'checking store hashes\.\.\.' verify
}

tagged() {
    [ -f /etc/NIXOS ]
}

# profile_is N TARGET: generation N leads to TARGET and is the current one, for Nix too.
profile_is() {
    ls -l /nix/var/nix/profiles
    [ "$(readlink /nix/var/nix/profiles/system)" = "system-$1-link" ] &&
        [ "$(readlink "/nix/var/nix/profiles/system-$1-link")" = "$2" ] &&
        nix-env --profile /nix/var/nix/profiles/system --list-generations </dev/null 2>&1 | cat | grep -q " $1 .*(current)"
}

nothing_failed() {
    systemctl --failed --no-legend
    [ -z "$(systemctl --failed --no-legend)" ] && [ "$(cat state)" = running ]
}

# Somebody could log in.
is_up() {
    systemctl is-active multi-user.target getty@tty1.service
    systemctl -q is-active multi-user.target && systemctl -q is-active getty@tty1.service
}

told_of_command_line() {
    cat /proc/cmdline >cmdline
    same /run/test/cmdline cmdline
}

# What every boot has to show; $1 is the number of images.
check_boot() {
    claim "systemd runs from the store" runs_from_the_store
    claim "/nix/store is an overlay of the images, $1" stacked "$1"
    claim "multi-user.target is reached, and somebody could log in" is_up
    claim "no unit failed" nothing_failed
    claim "Nix knows the closure of the system, path by path" closure_is_registered
    claim "the system is tagged as NixOS" tagged
    [ ! -e /run/test/cmdline ] || claim "the kernel's command line is what it should be, byte by byte" told_of_command_line
}

verifies() {
    claim "nix-store --verify finds nothing" verify_finds_nothing
}

# builds: Nix builds a path, `built`; its builder and what it refers to are paths of the image.
tools=$(readlink -f /usr/bin/busybox)
export tools="${tools%/bin/busybox}"
cat >build.nix <<'END'
derivation {
  name = "built";
  system = builtins.currentSystem;
  builder = builtins.storePath (builtins.toPath (builtins.getEnv "tools")) + "/bin/busybox";
  args = [ "sh" "-c" "echo built with $tools > $out" ];
  tools = builtins.storePath (builtins.toPath (builtins.getEnv "tools"));
}
END
builds() {
    built=$(nix-build --no-out-link ./build.nix) && works "$built"
}
# works PATH: it is what `builds` has built, also for Nix.
works() {
    [ "$(cat "$1")" = "built with $tools" ] && [ "$(nix-store --query --references "$1")" = "$tools" ]
}

# only_regd_failed [UNIT]: and that one.
only_regd_failed() {
    systemctl --failed --no-legend --plain | awk '{ print $1 }' >failed
    cat failed state
    [ "$(sort failed | tr '\n' ' ')" = "regd.service ${1:+$1 }" ] && [ "$(cat state)" = degraded ]
}

nothing_is_registered() {
    [ ! -e /nix/var/nix/db/db.sqlite ] || [ "$(nix-store --dump-db | wc -l)" -eq 0 ]
}

# journal_says PATTERN: an entry of regd.
journal_says() {
    journalctl --no-pager -o cat -u regd.service >journal
    cat journal
    grep -q -e "$1" journal
}

# Of a registration that did not come to its end: what Nix' folder should not hold.
nothing_is_left() {
    ls -la /nix/var/nix/db
    for file in /nix/var/nix/db/* /nix/var/nix/db/.[!.]*; do
        case ${file##*/} in
        db.sqlite | db.sqlite-wal | db.sqlite-shm | schema | big-lock | reserved | '.[!.]*') ;;
        *) return 1 ;;
        esac
    done
}

explains_failure() {
    journalctl --update-catalog && journalctl --no-pager -x -u regd.service >journal && cat journal &&
        grep -q 'Subject: The registration failed' journal
}

profile_waits() {
    [ ! -e /nix/var/nix/profiles/system ] && journal_says 'is not a valid store path; register it first'
}
