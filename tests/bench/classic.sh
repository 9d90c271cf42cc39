#!/bin/sh
# classic.sh — a netboot tree as it is made without regd-build: closureInfo's lists, mksquashfs, cpio, a compressor, shell.
#
# Usage    sh tests/bench/classic.sh ROOT REGISTRATION TOPLEVEL LEVEL COMPRESSOR OUT
#
#            ROOT          where nix/store is
#            REGISTRATION  of all paths in it: Nix makes it before, so that it costs nothing here
#            LEVEL         of zstd in the squashfs
#            COMPRESSOR    of the ramdisk, a command: "zstd -10" is what NixOS takes by itself, cat the best there is
#
# shellcheck disable=SC2016  # ${cmdline} and ${0} are for others
#
# The steps and their options are those of NixOS' netboot module: make-squashfs.nix, make-initrd-ng.nix, netboot.nix.
set -eu
root=$1 registration=$2 toplevel=$3 level=$4 compressor=$5 out=$6
export SOURCE_DATE_EPOCH=0
mkdir -p "$out/work/root/nix/store"
cp "$registration" "$out/work/nix-path-registration"
grep '^/nix/store/' "$registration" | sort -u >"$out/work/store-paths"

cd "$out/work"
sed "s|^|$root|" store-paths | tr '\n' ' ' >arguments
# shellcheck disable=SC2046  # store paths have no blanks
mksquashfs nix-path-registration $(cat arguments) squashfs.img -no-hardlinks -keep-as-directory -all-root -b 1048576 \
    -comp zstd -Xcompression-level "$level" -processors "$(nproc)" -root-mode 0755 -no-progress >mksquashfs.log 2>&1

cp squashfs.img root/nix/store/squashfs.img
ln -s nix/store/squashfs.img root/nix-store.squashfs
find root -exec touch -h -d @1 {} +
cat "$root$(readlink "$root$toplevel/initrd")" >../initrd
(cd root && find . -print0 | sort -z | cpio --quiet -o -H newc -R +0:+0 --reproducible --null) | $compressor >>../initrd

cp "$root$(readlink "$root$toplevel/kernel")" ../bzImage
ln -s initrd ../initrd.gz
printf '#!ipxe\nkernel bzImage init=%s/init initrd=initrd %s ${cmdline}\ninitrd initrd\nboot\n' "$toplevel" \
    "$(cat "$root$toplevel/kernel-params")" >../netboot.ipxe
printf '#!/bin/sh\ncd "${0%%/*}" && kexec --load bzImage --initrd=initrd.gz --command-line "init=%s/init %s" && kexec -e\n' \
    "$toplevel" "$(cat "$root$toplevel/kernel-params")" >../kexec-boot
chmod +x ../kexec-boot
cd ..
rm -rf work
