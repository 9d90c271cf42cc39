#!/bin/sh
# compressed.sh — does the kernel unpack archives of --compressor, after a ramdisk of any length?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/compressed.sh
#
# The ramdisk has a store image of several MiB, a file, and an init that prints their digests.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

begin_boots 'the kernel unpacks compressed ramdisks'

mkdir -p "$SCRATCH/root/bin" "$SCRATCH/root/dev"
cp /bin/busybox "$SCRATCH/root/bin/"
cat >"$SCRATCH/root/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
exec >/dev/ttyS0
echo "digests: $(/bin/busybox sha256sum </nix-store.squashfs) $(/bin/busybox sha256sum </etc/extra)"
/bin/busybox poweroff -f
END
chmod 755 "$SCRATCH/root/init"
(cd "$SCRATCH/root" && find . | cpio --quiet -o -H newc) | gzip -n >"$SCRATCH/first.gz"

# Some that compresses and some that does not, in pieces that no compressor has.
{ printf hsqs && head -c 6999997 /bin/busybox && head -c 3000000 /dev/zero && head -c 2000003 /dev/urandom; } >"$SCRATCH/image"
head -c 12345 /bin/sh >"$SCRATCH/extra"

unpacks() {
    printed=$(tr -d '\r' <"$SCRATCH/$1.console" | sed -n 's/.*digests: //p')
    wanted="$(sha256sum <"$SCRATCH/image") $(sha256sum <"$SCRATCH/extra")"
    printf 'got  %s\nwant %s\n' "$printed" "$wanted"
    [ "$printed" = "$wanted" ] || { tail -n 20 "$SCRATCH/$1.console" && return 1; }
}
for compressor in gzip xz:1 zstd; do
    name=${compressor%:*}
    "$REGD_BUILD" ramdisk -q --prepend "$SCRATCH/first.gz" --file "$SCRATCH/extra:etc/extra" --store "$SCRATCH/image" \
        --compressor "$compressor" -o "$SCRATCH/ramdisk" || bail "no ramdisk by $compressor can be made"
    boot "$name" -nic none -kernel "$machine_kernel" -initrd "$SCRATCH/ramdisk" -append 'console=ttyS0 panic=5 mitigations=off no_timer_check'
    claim "by $compressor: the image and a file arrive byte for byte" unpacks "$name"
    # The next one starts a byte later: where an archive that is not compressed would not be found.
    printf '\0' >>"$SCRATCH/first.gz"
done
finish
