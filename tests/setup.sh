# setup.sh — installs missing packages. To be sourced.
#
#   available PACKAGE...  prints those that this Debian has
#   need PACKAGE...   installs those of these Debian packages that are missing, as root or with sudo. On a system
#                     without apt, prints what to install and stops.
# shellcheck shell=sh disable=SC2034  # the lists are for whoever reads this in

# What the build takes, and what the demo and the tests take besides.
build_packages="gcc libc6-dev meson ninja-build pkg-config scdoc libsqlite3-dev libsystemd-dev
    libsquashfs-dev libzstd-dev libdeflate-dev liblz4-dev liblzma-dev zlib1g-dev
    libarchive-dev libcjson-dev libssl-dev libcurl4-openssl-dev"
demo_packages="nix-bin busybox-static cpio mawk util-linux squashfs-tools"
test_packages="binutils clang clang-format clang-tidy libclang-rt-dev cppcheck gcovr shellcheck bash dash zsh fish
    sqlite3 strace systemd socat grub-common squashfs-tools-ng kexec-tools libarchive-tools jq procps file git zstd xz-utils
    bzip2 lz4 lzop e2fsprogs mount libxml2-utils openssl time cryptsetup-bin curl nginx-light lighttpd xfsprogs
    btrfs-progs"
# Debian 12 has not all of these; its systemd has systemd-repart.
newer_packages="systemd-ukify systemd-repart"
boot_packages="qemu-system-x86 ipxe-qemu ovmf grub-pc-bin grub-efi-amd64-bin mtools pxelinux syslinux-common
    systemd-boot-efi sbsigntool linux-image-amd64 kmod udev login systemd-container e2fsprogs util-linux-extra xorriso dosfstools
    f2fs-tools"

# Meson, Nix and kexec-tools ask or print; nobody is there to answer.
apt() {
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root="sudo --preserve-env=DEBIAN_FRONTEND"
    DEBIAN_FRONTEND=noninteractive $as_root apt-get -o Dpkg::Use-Pty=0 -qq "$@" >/dev/null
}

stop() {
    printf '%s: %s\n' "$0" "$1" >&2
    exit 1
}

# The packages of the arguments that are not installed.
missing_packages() {
    for package; do
        dpkg-query --show --showformat '${db:Status-Status}\n' "$package" 2>/dev/null |
            grep -qx installed || printf '%s ' "$package"
    done
}

# Those of the packages that this system's Debian has.
available() {
    for package; do
        ! apt-cache show "$package" 2>/dev/null | grep -q . || printf '%s ' "$package"
    done
}

need() {
    [ -z "${SETUP_DONE:-}" ] || return 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        stop "this is not Debian: install what these packages hold, then set SETUP_DONE=1: $*"
    fi
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    printf 'Installing: %s\n' "$missing"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        stop "install these packages as root first: $missing"
    fi
    apt update || stop "the list of packages could not be fetched"
    # shellcheck disable=SC2086  # a list
    apt install --no-install-recommends $missing || stop "these packages could not be installed: $missing"
}
