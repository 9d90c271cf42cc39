# debian.sh — systems of other Debians, and what runs in them. To be sourced after setup.sh, as root.
#
#   system_of NAME SUITE       sets `root`, build/wide/NAME: a minimal Debian of that suite, which debootstrap makes unless it
#                              is there; with the files that git knows in /src
#   inside PROGRAM ARG...      runs a program in it, as root
# shellcheck shell=sh

# What `inside` runs, in namespaces of its own: nothing that is mounted or started there outlives it. A system in a mere
# chroot could make no user namespaces. What runs there as root may make /dev/null executable: it has one of its own.
# shellcheck disable=SC2016  # the inner shell's
enter='root=$1 && shift && mount --rbind "$root" "$root" && mount -t proc proc "$root/proc" &&
    mount --rbind /sys "$root/sys" && mount --rbind /dev "$root/dev" && mount -t tmpfs -o mode=1777 tmp "$root/tmp" &&
    mknod -m 666 "$root/tmp/null" c 1 3 && mount --bind "$root/tmp/null" "$root/dev/null" &&
    cd "$root" && pivot_root . mnt && umount -l mnt && cd / && exec "$@"'
inside() {
    unshare --mount --pid --fork --kill-child --propagation private sh -c "$enter" sh "$root" env -i HOME=/root LC_ALL=C \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

# A folder with this name is not finished. A mirror may stand still for longer than its list is valid.
make_system() {
    rm -rf "$root.making" && mkdir -p "${root%/*}" && debootstrap --variant=minbase "$1" "$root.making" >"$root.log" 2>&1 &&
        echo 'Acquire::Check-Valid-Until "false";' >"$root.making/etc/apt/apt.conf.d/90wide" && mv "$root.making" "$root"
}

# What was built stays, and a file that git no longer knows goes.
copy_sources() {
    mkdir -p "$root/src" && find "$root/src" -mindepth 1 -maxdepth 1 -not -name build -exec rm -rf {} + &&
        git ls-files -z --cached --others --exclude-standard |
        tar --null --files-from=- --ignore-failed-read -cf - | tar -xf - -C "$root/src"
}

system_of() {
    root=$PWD/build/wide/$1
    [ -d "$root" ] || make_system "$2" || { tail -n 3 "$root.log" && stop "$1 cannot be made"; }
    { cp /etc/resolv.conf "$root/etc/" && copy_sources; } || stop "$1 cannot be prepared"
}
