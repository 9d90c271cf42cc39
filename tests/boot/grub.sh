#!/bin/sh
# grub.sh — GRUB reads grub.cfg of a tree and boots it, on BIOS and on UEFI, from a disc that grub-mkrescue makes.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/grub.sh
#
# The parameters are hard to pass on: signs of GRUB's language, values with spaces, bytes of UTF-8; and some that GRUB
# would change, which must be missing, and nothing else.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh

text='GRUB boots grub.cfg, on BIOS and UEFI'
begin_boots "$text"
for program in grub-mkrescue xorriso mformat; do
    have "$program" "$text" || finish
done

closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"

# A value with spaces is the whole word for GRUB: "t.a=two  words". Several spaces between words become one.
# shellcheck disable=SC2016  # nothing expands
make_tree tree first --separate-store --params "$(cat "$live$(cat "$live/first")/kernel-params")"' t.a="two  words"  t.b=$HOME ${t.c t.d=$(id)`id` t.e=a#b # ; && || t.f={a,b} { } t.g=*?[a-z]~ * t.h=<in>out&x;y t.i=%n%s%20 t.j=!! t.k=größerà "t.l= é " t.gone='"'x'"' t.m=1 t.lost=a\x2db t.off=a"b c" t.end=1' 2>"$SCRATCH/warnings"
named() {
    cat "$SCRATCH/warnings"
    for name in gone lost off; do
        grep -qF "grub.cfg lacks the kernel parameter 't.$name': GRUB would change it" "$SCRATCH/warnings" || return 1
    done
    [ "$(grep -c 'grub.cfg lacks' "$SCRATCH/warnings")" -eq 3 ]
}
claim 'what GRUB would change is named, and nothing else' named
# shellcheck disable=SC2016
printf 'init=%s %s %s\n' "$(told_by init)" "$(cat "$live$(cat "$live/first")/kernel-params")" \
    '"t.a=two  words" t.b=$HOME ${t.c t.d=$(id)`id` t.e=a#b # ; && || t.f={a,b} { } t.g=*?[a-z]~ * t.h=<in>out&x;y t.i=%n%s%20 t.j=!! t.k=größerà "t.l= é " t.m=1 t.end=1' >"$SCRATCH/parameters"
pass parameters "$SCRATCH/parameters"
cat >"$SCRATCH/short" <<'END'
check_boot 1
verifies
# GRUB names the kernel first, on a device of its own counting.
passed_on() {
    sed 's|^BOOT_IMAGE=([a-z0-9]*)/some/tree/bzImage ||' /proc/cmdline >parameters
    same /run/test/parameters parameters
}
claim 'each parameter is what it should be, byte by byte' passed_on
END
pass_checks "$SCRATCH/short"

# The disc has grub.cfg of GRUB itself, which reads that of the tree.
mkdir -p "$SCRATCH/disc/boot/grub" "$SCRATCH/disc/some"
cp -r "$tree" "$SCRATCH/disc/some/tree"
cat >"$SCRATCH/disc/boot/grub/grub.cfg" <<'END'
insmod regexp
set timeout=0
source /some/tree/grub.cfg
END
grub-mkrescue -o "$SCRATCH/disc.iso" "$SCRATCH/disc" >"$SCRATCH/mkrescue" 2>&1 || { cat "$SCRATCH/mkrescue"; bail 'no disc can be made'; }

boot_disc() {
    machine=$1
    shift
    boot "$machine" -nic none -boot d -cdrom "$SCRATCH/disc.iso" "$@"
}
if [ -d /usr/lib/grub/i386-pc ]; then
    boot_disc bios
    told bios 'by GRUB on BIOS, hostile parameters'
else
    skip "GRUB boots it on BIOS" 'grub-pc-bin is not installed'
fi
firmware=/usr/share/OVMF/OVMF_CODE_4M.fd
if [ -r "$firmware" ] && [ -d /usr/lib/grub/x86_64-efi ]; then
    boot_disc uefi -drive "if=pflash,format=raw,readonly=on,file=$firmware" \
        -drive 'if=pflash,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd'
    told uefi 'by GRUB on UEFI, hostile parameters'
else
    skip "GRUB boots it on UEFI" 'ovmf or grub-efi-amd64-bin is not installed'
fi
finish
