# anywhere.sh — a small Linux boots itself again by kexec-boot, and then the tree as nixos-anywhere does it. rescue.sh runs
# it, with busybox, kexec and setsid. Beside the tree's files in /tree there are:
#
#   rescue.cpio.gz   the ramdisk that is running
#   damaged.tar.gz   a tarball of the tree with another ramdisk
#   tree.tar.gz      a tarball of the tree
# shellcheck shell=sh

# The second kernel starts with the tree's ramdisk and, behind it, the one that is running: its init replaces the tree's.
case $(cat /proc/cmdline) in
*' rescue=again') ;;
*)
    /tree/kexec-boot --initrd /tree/rescue.cpio.gz --append rescue=again || echo "rescue: kexec-boot ended with status $?"
    return
    ;;
esac
echo 'rescue: started by kexec-boot'

export HOME=/root
umask 022
mkdir -p /root/.ssh /etc/ssh /root/kexec
echo 'root:x:0:0::/root:/bin/sh' >/etc/passwd
echo 'ssh-ed25519 AAAAroot root@there' >/root/.ssh/authorized_keys
(umask 077 && echo private >/etc/ssh/ssh_host_ed25519_key)

# True if the sentence was printed. Called by its name, setsid would be busybox's, which knows no --wait.
nixos_anywhere() {
    # shellcheck disable=SC2002  # as it is done there
    {
        set -eu
        cd "$HOME/kexec"
        cat "$1" | tar -xv --gzip >/dev/null
        TMPDIR="$HOME/kexec" /bin/setsid --wait "$HOME/kexec/kexec/run" --kexec-extra-flags '--no-sync --no-checks'
    } 2>&1 | tee "$HOME/kexec/nixos-anywhere.log" || true
    grep -q 'machine will boot into nixos' "$HOME/kexec/nixos-anywhere.log"
}

nixos_anywhere /tree/damaged.tar.gz || echo "rescue: refused, $(cat /sys/kernel/kexec_loaded) kernels are loaded"
sleep 10
rm -r /root/kexec/*
if nixos_anywhere /tree/tree.tar.gz; then
    echo 'rescue: nixos-anywhere waits until this machine is gone'
    while :; do sleep 1; done
fi
