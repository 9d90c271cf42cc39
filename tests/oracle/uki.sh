#!/bin/sh
# uki.sh — is boot.efi what systemd's ukify makes of the same parts, do binutils and sbsign read it, and does it come to
# the same bytes every time?
#
# The stub is that of the package systemd-boot-efi, the kernel that of linux-image-amd64. Debian has ukify from 13 on.
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… sh tests/oracle/uki.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR SOURCE_DATE_EPOCH

wants objcopy objdump jq cmp
REGD_BUILD=$(readlink -f "$REGD_BUILD")
cd "$SCRATCH" || bail "$SCRATCH is not there"
debian_stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
debian_kernel=
for file in /boot/vmlinuz-*-amd64; do
    [ ! -r "$file" ] || debian_kernel=$file
done
if [ ! -r "$debian_stub" ] || [ ! "$debian_kernel" ]; then
    skip 'a tree has a UKI' 'there is no stub, or no kernel: install systemd-boot-efi and linux-image-amd64'
    finish
fi

# --- a small system ---------------------------------------------------------------------------------------

linux=/nix/store/11111111111111111111111111111111-linux
system=/nix/store/00000000000000000000000000000000-system
gpu=/nix/store/22222222222222222222222222222222-system-gpu
stubs=systemd/lib/systemd/boot/efi
mkdir -p "root$linux" "root$system/etc" "root$system/$stubs" "root$system/specialisation" "root$gpu/$stubs"
cp "$debian_kernel" "root$linux/bzImage"
mkdir ramdisk && echo nix-store.squashfs >ramdisk/init && (cd ramdisk && find . | cpio --quiet -o -H newc) >"root$linux/initrd"
printf 'console=ttyS0 x="a  b" quiet' >"root$system/kernel-params"
printf 'console=ttyS0 gpu' >"root$gpu/kernel-params"
printf 'ID=nixos\nPRETTY_NAME="NixOS é"\n' >"root$system/etc/os-release"
ln -s "$gpu" "root$system/specialisation/gpu"
for each in "$system" "$gpu"; do
    ln -s "$linux/bzImage" "root$each/kernel"
    ln -s "$linux/initrd" "root$each/initrd"
    printf '#!/bin/sh\n' >"root$each/init"
    chmod 555 "root$each/init"
    cp "$debian_stub" "root$each/$stubs/"
done
printf '%s\n%064d\n1\n\n0\n' "$linux" 0 >manifest
printf '%s\n%064d\n1\n\n1\n%s\n' "$gpu" 0 "$linux" >>manifest
printf '%s\n%064d\n1\n\n2\n%s\n%s\n' "$system" 0 "$linux" "$gpu" >>manifest
stub=root$system/$stubs/linuxx64.efi.stub

# tree DIRECTORY ARGUMENT...
tree() {
    directory=$1
    shift
    "$REGD_BUILD" tree --root root --registration manifest --no-check --quiet --compression zstd:3 -o "$directory" "$system" "$@"
}

tree plain --uki || bail 'no tree with a UKI can be made'

# --- binutils ---------------------------------------------------------------------------------------------

# sections FILE: the names.
sections() {
    objdump -h "$1" | awk '$1 ~ /^[0-9]+$/ { print $2 }' | sort
}
# section FILE NAME OUT
section() {
    objcopy --dump-section "$2=$3" "$1" copied && rm copied
}
# holds FILE NAME WANTED: the section has that content, and zeros after it.
holds() {
    section "$1" "$2" got && cmp -n "$(stat -c %s "$3")" got "$3" && tail -c "+$(($(stat -c %s "$3") + 1))" got | tr -d '\0' >rest &&
        [ ! -s rest ]
}

names() {
    { sections "$stub" && printf '%s\n' .osrel .cmdline .uname .initrd .linux; } | sort >want
    sections plain/boot.efi | diff want - && ! objdump -h plain/boot.efi 2>&1 >/dev/null | grep .
}
claim "objdump reads it: the stub's sections and five more" names
parts() {
    jq -j .commandLine plain/boot.json >line && strings -n 8 "root$linux/bzImage" | grep -m 1 "^${debian_kernel#*-} " | cut -d ' ' -f 1 |
        tr -d '\n' >release && [ -s release ] || return
    holds plain/boot.efi .linux "root$linux/bzImage" && holds plain/boot.efi .initrd plain/initrd &&
        holds plain/boot.efi .cmdline line && holds plain/boot.efi .osrel "root$system/etc/os-release" &&
        holds plain/boot.efi .uname release
}
claim 'each has what belongs into it: kernel, ramdisk, command line, os-release, release' parts
copied() {
    objcopy plain/boot.efi copy && for name in $(sections plain/boot.efi); do
        section copy "$name" one && section plain/boot.efi "$name" two && cmp one two || return
    done
}
claim 'objcopy copies it, section by section' copied
joined() {
    tree pieces --uki --separate-store && cat pieces/initrd pieces/nix-store.squashfs.newc pieces/nix-store.squashfs >whole &&
        holds pieces/boot.efi .initrd whole
}
claim 'with --separate-store its ramdisk is that of all files' joined
specialisation() {
    tree gpu --uki --specialisation gpu && printf 'init=%s/init console=ttyS0 gpu' "$gpu" >line && holds gpu/boot.efi .cmdline line &&
        ! sections gpu/boot.efi | grep -x .osrel
}
claim "with --specialisation it is that system's, and without os-release there is no .osrel" specialisation

# --- ukify ------------------------------------------------------------------------------------------------

# From a file it takes a command line as it is.
ukify_makes() {
    jq -j .commandLine plain/boot.json >line && ukify build --linux "root$linux/bzImage" --initrd plain/initrd --cmdline @line \
        --os-release "@root$system/etc/os-release" --stub "$1" --output "$2"
}
# Numbers and places of sections differ: ukify puts .linux before .initrd, and .sbat of stub 252 into its neighbour.
flags_of() {
    objdump -h "$1" | awk '$1 ~ /^[0-9]+$/ { name = $2; getline; print name, $0 }' | sort
}
like_ukify() {
    ukify_makes "$stub" ukify.efi && sections ukify.efi >want && sections plain/boot.efi | diff want - || return
    while read -r name; do
        section ukify.efi "$name" want.bytes && holds plain/boot.efi "$name" want.bytes || return
    done <want
    flags_of ukify.efi >want && flags_of plain/boot.efi | diff want -
}
ukify_claim='section by section it has the bytes and flags that ukify writes, .sbat included'
have ukify "$ukify_claim" && claim "$ukify_claim" like_ukify

# --- the same bytes ---------------------------------------------------------------------------------------

again() {
    touch -d '2001-01-01' "$stub" && sleep 1 &&
        (umask 077 && LC_ALL=C.UTF-8 TZ=Asia/Tokyo tree again --uki --jobs 1) && tree more --uki --jobs 7 &&
        cmp plain/boot.efi again/boot.efi && cmp plain/boot.efi more/boot.efi && [ "$(stat -c %a again/boot.efi)" = 644 ]
}
claim 'jobs, umask, locale, time zone and the time do not change a byte' again
given() {
    tree given --uki --stub "$debian_stub" && cmp plain/boot.efi given/boot.efi
}
claim '--stub takes the stub from elsewhere' given

# --- the tree ---------------------------------------------------------------------------------------------

listed() {
    grep -q '  boot.efi$' plain/SHA256SUMS && (cd plain && sha256sum --quiet --strict -c SHA256SUMS) &&
        jq -e --arg sum "$(sha256sum <plain/boot.efi | cut -c 1-64)" --argjson size "$(stat -c %s plain/boot.efi)" \
            '.uki == {name: "boot.efi", size: $size, sha256: $sum, memoryAtBoot: ([.memoryAtBoot, 4 * $size + 134217728] | max)}' plain/boot.json
}
claim 'SHA256SUMS and boot.json have it, with the memory that it takes' listed
unlisted() {
    tree without && [ ! -e without/boot.efi ] && jq -e 'has("uki") | not' without/boot.json
}
claim 'without --uki there is none' unlisted
# What verify finds of the made-up store is another matter.
altered() {
    "$REGD_BUILD" verify plain | grep boot.efi && return 1
    cp -r plain altered && printf X | dd of=altered/boot.efi bs=1 seek=100000 conv=notrunc status=none &&
        { "$REGD_BUILD" verify altered >got || [ $? -eq 1 ]; } && grep '^mismatched: boot.efi: ' got
}
claim 'verify finds a changed byte in it' altered
packed() {
    tree packed --uki --tarball packed.tar && tar -xOf packed.tar boot.efi | cmp - plain/boot.efi
}
claim 'a tarball has it' packed

# --- signing ----------------------------------------------------------------------------------------------

sign() {
    openssl req -quiet -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout key -out cert 2>/dev/null ||
        openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -keyout key -out cert 2>/dev/null || return
    sbsign --key key --cert cert --output signed.efi plain/boot.efi 2>said && ! grep -i warning said &&
        sbverify --cert cert signed.efi
}
forged() {
    cp signed.efi forged.efi && printf X | dd of=forged.efi bs=1 seek=100000 conv=notrunc status=none &&
        ! sbverify --cert cert forged.efi
}
signed_stub() {
    sbsign --key key --cert cert --output stub.signed "$stub" && refuses "the stub stub.signed: it is signed" --stub stub.signed
}

# --- refusals ---------------------------------------------------------------------------------------------

# refuses TEXT OPTION...: with status 1, and nothing is there then.
refuses() {
    text=$1
    shift
    tree refused --uki "$@" 2>stderr
    [ $? -eq 1 ] && cat stderr && grep -qF -- "$text" stderr && [ ! -e refused ] && [ ! -e .refused.draft ]
}
if have sbsign 'sbsign signs it' 'a changed byte is found' 'a signed stub is refused'; then
    claim 'sbsign signs it without a warning, and sbverify accepts that' sign
    claim 'of a changed one it does not' forged
    claim 'a signed stub is refused' signed_stub
fi
no_stub() {
    mv "$stub" kept && refuses "the system's systemd has no stub, $system/$stubs/linuxx64.efi.stub; give one with --stub"
    status=$?
    mv kept "$stub"
    return "$status"
}
claim 'a system without a stub is refused by name' no_stub
head -c 70000 "$debian_stub" >stub.cut
claim 'so is a stub that is cut' refuses 'the stub stub.cut: its section' --stub stub.cut
claim 'a UKI as the stub' refuses 'plain/boot.efi: larger than the limit of 4194304 bytes' --stub plain/boot.efi
claim 'a text as the stub' refuses 'the stub manifest: it is not a PE32+ file' --stub manifest
gzip -nc <"$debian_kernel" >Image.gz
claim 'a kernel that is compressed as a whole' refuses 'Image.gz: UEFI cannot start it' --kernel Image.gz
wrong() {
    tree refused --stub "$stub" 2>stderr
    [ $? -eq 2 ] && grep 'stub is used only with --uki' stderr
}
claim '--stub alone is a wrong command line' wrong

# --- sizes ------------------------------------------------------------------------------------------------

cp plain/initrd large && truncate -s 120M large
small_enough() {
    tree fits --uki --prepend large 2>stderr && ! grep 'boot.efi has' stderr
}
too_large_for_some() {
    truncate -s 130M large && tree warned --uki --prepend large 2>stderr && cat stderr &&
        grep -qE 'warning: boot.efi has 1[0-9][0-9] MiB; some firmware loads at most 128 MiB, and the machine needs about [67][0-9][0-9] MiB' stderr
}
rm -rf pieces gpu again more given altered packed packed.tar without
truncate -s 100M large
claim 'below 128 MiB there is no warning' small_enough
rm -rf fits
claim 'above there is one, with --quiet too' too_large_for_some
rm -rf warned
truncate -s 1G large
claim 'above 1 GiB it is refused before the work' refuses 'a UKI of 10' --prepend large
# The kernel alone, with the ramdisk, needs less.
truncate -s 50M large
enough() {
    tree enough --uki --params root=fstab --prepend large --target-ram "$1M"
}
needed=$(tree measured --uki --params root=fstab --prepend large 2>/dev/null && jq '.uki.memoryAtBoot' measured/boot.json)
: "${needed:=0}"
claim '--target-ram counts what it takes to load it' refuses 'loading boot.efi of ' --params root=fstab --prepend large \
    --target-ram "$(((needed >> 20) - 1))M"
claim 'that much memory is accepted' enough $(((needed >> 20) + 1))
finish
