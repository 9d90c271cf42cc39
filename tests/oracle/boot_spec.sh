#!/bin/sh
# boot_spec.sh — is a system booted as it describes itself: by its boot.json, its specialisations, its platform?
#
# The systems are made by hand here: what their boot.json says differs from what their plain files say.
#
# Usage    REGD_BUILD=… SCRATCH=… sh tests/oracle/boot_spec.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
# shellcheck disable=SC2094         # nobody writes files while they are read
# shellcheck disable=SC3045         # dash, bash and busybox have ulimit -t
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR
wants unsquashfs

case $REGD_BUILD in /*) ;; *) REGD_BUILD=$PWD/$REGD_BUILD ;; esac
cd "$SCRATCH" || bail "$SCRATCH is not there"

linux=/nix/store/11111111111111111111111111111111-linux
system=/nix/store/00000000000000000000000000000000-system
special=/nix/store/22222222222222222222222222222222-system-gpu

# make_system PATH: one with plain files.
make_system() {
    mkdir -p "root$1"
    printf '#!/bin/sh\n' >"root$1/init"
    printf '#!/bin/sh\necho other\n' >"root$1/other-init"
    chmod 555 "root$1/init" "root$1/other-init"
    ln -s "$linux/bzImage" "root$1/kernel"
    ln -s "$linux/initrd" "root$1/initrd"
    printf 'plain=%s' "${1##*-}" >"root$1/kernel-params"
}
mkdir -p "root$linux"
for file in bzImage vmlinux; do
    printf '%s of the test' "$file" | like_kernel >"root$linux/$file"
done
for file in initrd other-initrd; do
    printf '%s of the test' "$file" >"root$linux/$file"
done
make_system "$system"
make_system "$special"
record() {
    printf '%s\n%064d\n1\n\n%d\n' "$1" 0 $(($# - 1))
    shift
    for reference; do echo "$reference"; done
}
{ record "$linux" && record "$system" "$linux" "$special" && record "$special" "$linux"; } >manifest

# One of version 1, with a member in place of its like or added: describe TOPLEVEL [MEMBER].
describe() {
    member=${2-'"ours":1'}
    {
        echo "\"init\":\"$1/other-init\""
        echo "\"kernel\":\"$linux/vmlinux\""
        echo "\"initrd\":\"$linux/other-initrd\""
        echo '"kernelParams":["first=1","second=\"a b\""]'
        echo '"label":"NixOS 24.05 (it'\''s)"'
        echo '"system":"x86_64-linux"'
        echo "\"toplevel\":\"$1\""
    } | grep -vF "${member%%:*}:" | { cat && printf '%s\n' "$member"; } | paste -sd, |
        sed 's/.*/"org.nixos.bootspec.v1":{&}/'
}
with() {
    printf '{%s}\n' "$1" >"root$system/boot.json"
}
plain() {
    rm -f "root$system/boot.json"
}

tree() {
    rm -rf "$1" && target=$1 && shift &&
        "$REGD_BUILD" tree --root root --registration manifest --no-check -q --compression zstd:1 -o "$target" "$system" "$@"
}
# The members of the tree's boot.json that are texts: value TREE KEY.
value() {
    sed -n "s/^\t\"$2\":\t\"\\(.*\\)\",\$/\\1/p" "$1/boot.json"
}
is() {
    got=$(value "$1" "$2")
    [ "$got" = "$3" ] || { printf '%s: %s, not %s\n' "$2" "$got" "$3" && return 1; }
}
# refuses SENTENCE ARGUMENT...: with it in the one line on standard error, and nothing is left.
refuses() {
    sentence=$1
    shift
    tree refused "$@" 2>err
    status=$?
    cat err
    [ "$status" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -- "$sentence" err && [ ! -e refused ]
}

# --- boot.json --------------------------------------------------------------------------------------------

by_json() {
    with "$(describe "$system")" && tree by-json &&
        is by-json toplevel "$system" && is by-json init "$system/other-init" &&
        is by-json kernelParams 'first=1 second=\"a b\"' && is by-json label "NixOS 24.05 (it's)" &&
        is by-json system x86_64-linux && cmp by-json/vmlinux "root$linux/vmlinux" &&
        head -c 24 by-json/initrd | cmp -n 22 - "root$linux/other-initrd"
}
claim 'where there is a boot.json, it says all, whatever the plain files say' by_json
# The manifest's hashes and sizes are made up, so those are wrong, and nothing else may be.
verified() {
    "$REGD_BUILD" verify by-json >findings 2>&1
    cat findings && [ "$(grep -c '^wrong size: /nix/store/' findings)" -eq 3 ] && [ "$(wc -l <findings)" -eq 4 ]
}
claim 'verify agrees with such a tree' verified
by_options() {
    with "$(describe "$system")" && tree by-options --kernel "root$linux/bzImage" --prepend "root$linux/initrd" \
        --params 'third=3' --init "$system/init" &&
        is by-options commandLine "init=$system/init third=3" && cmp by-options/bzImage "root$linux/bzImage" &&
        head -c 18 by-options/initrd | cmp - "root$linux/initrd"
}
claim 'options say it instead' by_options
extended() {
    with "$(describe "$system"),\"org.example.extension\":{\"init\":1}" && tree extended &&
        is extended init "$system/other-init"
}
claim 'extensions are not looked at' extended
without_version() {
    with '"org.nixos.bootspec.v2":{"init":1}' && tree files && is files init "$system/init" && is files label '' &&
        is files kernelParams 'plain=system' && plain && tree plain && cmp files/netboot.ipxe plain/netboot.ipxe
}
claim 'without version 1 in it the plain files count, as without boot.json' without_version

without_initrd() {
    with "$(describe "$system" '"initrd":null')" && refuses 'the system has no initrd' &&
        tree prepended --prepend "root$linux/initrd"
}
claim 'a system without initrd is refused, but not with --prepend' without_initrd
other_system() {
    with "$(describe "$special")" && refuses "$system: its boot.json belongs to $special"
}
claim 'the boot.json of another system is refused' other_system
shapes() {
    while IFS='|' read -r member sentence; do
        with "$(describe "$system" "$member")"
        refuses "$system/boot.json: org.nixos.bootspec.v1: $sentence" || return
    done <<'END'
"init":7|init: a text expected
"init":"init"|init: an absolute path expected
"kernel":1|kernel: a text expected
"init":"x"|init: an absolute path expected
"kernel":""|kernel: an absolute path expected
"initrd":["/x"]|initrd: a text expected
"kernelParams":"a b"|kernelParams: a list expected
"kernelParams":["a",1]|kernelParams: a list of texts expected
"label":{}|label: a text expected
"system":1|system: a text expected
"toplevel":1|toplevel: a text expected
END
}
claim 'members of another type are refused, by name' shapes
no_json() {
    echo '{"org.nixos.bootspec.v1":{}' >"root$system/boot.json" && refuses "$system/boot.json: it is not JSON, from byte " &&
        with "$(describe "$system" '"label":"a\u0000b"')" && refuses 'has the character \u0000' &&
        with "$(describe "$system" '"label":"aNULb"')" && sed 's/NUL/\x00/' "root$system/boot.json" >nul && cp nul "root$system/boot.json" &&
        refuses "$system/boot.json: it is not JSON, from byte $(tr '\0' '\n' <nul | head -n 1 | wc -c) on" &&
        rm "root$system/boot.json" && mkdir "root$system/boot.json" && refuses "$system/boot.json is not a file"
    status=$?
    rm -rf "root$system/boot.json"
    return "$status"
}
claim 'what is no JSON is refused' no_json
outside() {
    echo secret >secret && with "$(describe "$system" "\"kernel\":\"$PWD/secret\"")" && refuses "$PWD/secret" &&
        with "$(describe "$system" "\"init\":\"/nix/store/../../../../../../../../bin/sh\"")" && refuses "init"
}
claim 'its paths lead nowhere out of the root' outside
hostile() {
    with "$(describe "$system" '"kernelParams":["a\nb"]')" && refuses 'control character' &&
        with "$(describe "$system" '"init":"/a b"')" && refuses 'without spaces'
}
claim 'so are control characters in parameters, and an init with blanks' hostile

# Work that grows with the square of it would take minutes and all memory.
many() {
    ulimit -t 20 && with "$(describe "$system" "\"kernelParams\":[$(seq -s, 100000 | sed 's/[0-9]*/""/g')]")" && refuses 'JSON values' &&
        printf '{"org.nixos.specialisation.v1":{%s}}' "$(seq 80000 | sed 's/.*/"&":{}/' | paste -sd,)" >"root$system/boot.json" &&
        refuses 'JSON values' --specialisation x
}
claim 'a hundred thousand parameters, or specialisations, are refused at once' many

title() {
    with "$(describe "$system" '"kernelParams":["a"]')" && tree title && cat title/grub.cfg &&
        grep -qF "menuentry 'NixOS 24.05 (it'\\''s)' " title/grub.cfg
}
claim "GRUB's entry has the label" title
no_title() {
    for label in '-x' 'a\nb' ''; do
        with "$(describe "$system" "\"label\":\"$label\"" | sed 's/second="a b"/second/; s/\\"//g')" && tree untitled && cat untitled/grub.cfg &&
            grep -qF "menuentry '${system##*/}' " untitled/grub.cfg || return
    done
}
claim 'but not one of several lines, or that looks like an option' no_title

# --- platforms --------------------------------------------------------------------------------------------

# The longest command line is taken, and one byte more is not: limit PLATFORM BYTES.
limit() {
    room=$(($2 - $(printf 'bzImage init=%s/init initrd=initrd ' "$system" | wc -c)))
    longest=$(printf "%${room}s" a | tr ' ' x)
    printf '%s' "$1" >"root$system/system"
    tree long --params "$longest" && grep -q "^command_line_bytes_max=$2\$" long/kexec-boot &&
        refuses "at most $2" --params "x$longest"
}
plain
claim 'the kernel of x86_64 reads 2047 bytes' limit x86_64-linux 2047
claim 'so does that of aarch64' limit aarch64-linux 2047
claim 'that of riscv64 reads 1023' limit riscv64-linux 1023
claim 'so does that of armv7l' limit armv7l-linux 1023
by_json_platform() {
    with "$(describe "$system" '"system":"armv7l-linux"')" && tree platform && is platform system armv7l-linux &&
        grep -q '^command_line_bytes_max=1023$' platform/kexec-boot
}
claim 'boot.json says the platform' by_json_platform
gzip_kernel() {
    plain && printf aarch64-linux >"root$system/system" && gzip -nc "root$linux/bzImage" >Image.gz && tree packed --kernel Image.gz 2>err &&
        cat err && [ "$(grep -c 'warning: the kernel Image.gz is compressed as a whole: ' err)" -eq 1 ] &&
        cmp Image.gz packed/Image.gz && cmp Image.gz packed/bzImage && (cd packed && sha256sum --quiet -c SHA256SUMS) || return
    for verb in ipxe kexec; do
        "$REGD_BUILD" "$verb" --root root --kernel Image.gz "$system" 2>err >script && grep -q 'compressed as a whole' err || return
    done
    tree unpacked 2>err && ! grep -q 'compressed as a whole' err
}
claim 'a kernel that is compressed with gzip is reported, by each command, and is put in the tree as it is' gzip_kernel
no_kernel() {
    told='warning: vmlinux is in no known format of a kernel (bzImage, Image, zImage, EFI): '
    plain && printf '\177ELF' >vmlinux && tree none --kernel vmlinux --json 2>err >out && cat err && [ "$(grep -cF "$told" err)" -eq 1 ] &&
        cmp vmlinux none/vmlinux && [ "$(jq '.warnings[]' out | grep -cF "${told#warning: }")" -eq 1 ] || return
    for verb in ipxe kexec; do
        "$REGD_BUILD" "$verb" -q --root root --kernel vmlinux "$system" 2>err >script && grep -qF "$told" err || return
    done
    tree known 2>err && ! grep -q 'known format' err
}
claim 'so is a file that is no kernel, also with --quiet' no_kernel

# --- device trees ------------------------------------------------------------------------------------------

trees=/nix/store/22222222222222222222222222222222-device-trees
mkdir -p "root$trees/maker/deep" && printf 'one' >"root$trees/maker/one.dtb" && printf 'two' >"root$trees/maker/deep/two.dtb" &&
    ln -s deep/two.dtb "root$trees/maker/link.dtb"
# with_dtbs DIR OPTION...: a tree of a system for ARM with device trees; it is as SHA256SUMS says.
with_dtbs() {
    plain && printf aarch64-linux >"root$system/system" && ln -sfn "$trees" "root$system/dtbs" && tree "$@" && cat "$1/extlinux/extlinux.conf" &&
        (cd "$1" && sha256sum --quiet -c SHA256SUMS)
}
verify_says() {
    "$REGD_BUILD" verify "$1" >findings 2>err
    cat findings && [ "$(grep -v -e '^mismatched: /nix/store/' -e '^wrong size: /nix/store/' findings)" = "$2" ]
}
one_dtb() {
    with_dtbs one --dtb maker/one.dtb && (cd one && find dtbs ! -type d) | grep -qx dtbs/maker/one.dtb && cmp "root$trees/maker/one.dtb" one/dtbs/maker/one.dtb &&
        grep -qx '  FDT ../dtbs/maker/one.dtb' one/extlinux/extlinux.conf && grep -qx '  FDT dtbs/maker/one.dtb' one/pxelinux.cfg/default &&
        [ "$(jq -r .deviceTree one/boot.json)" = dtbs/maker/one.dtb ] && verify_says one ''
}
claim 'a device tree is copied into the tree, and U-Boot is told of it' one_dtb
all_dtbs() {
    with_dtbs all --dtb all && [ "$(grep -o 'dtbs/.*' all/SHA256SUMS | tr '\n' ' ')" = 'dtbs/maker/deep/two.dtb dtbs/maker/link.dtb dtbs/maker/one.dtb ' ] &&
        [ -f all/dtbs/maker/link.dtb ] && [ ! -L all/dtbs/maker/link.dtb ] && cmp "root$trees/maker/deep/two.dtb" all/dtbs/maker/link.dtb &&
        grep -qx '  FDTDIR ../dtbs' all/extlinux/extlinux.conf && grep -qx '  FDTDIR dtbs' all/pxelinux.cfg/default && [ "$(jq -r .deviceTree all/boot.json)" = dtbs ] &&
        verify_says all ''
}
claim 'so are all of them, among which U-Boot chooses' all_dtbs
bent_dtbs() {
    echo other >one/dtbs/maker/one.dtb && ! verify_says one '' && grep -q '^mismatched: dtbs/maker/one.dtb: ' findings &&
        rm -r one/dtbs && sed -i /dtbs/d one/SHA256SUMS && ! verify_says one '' && grep -q '^disagreeing: dtbs/maker/one.dtb: ' findings &&
        sed -i s/deep/DEEP/ all/SHA256SUMS && ! verify_says all '' && grep -q '^missing: dtbs/maker/DEEP/two.dtb: ' findings &&
        grep -q '^stray: dtbs/maker/deep' findings
}
claim 'verify finds another one, and one that is missing' bent_dtbs
no_dtbs() {
    with_dtbs none && ! grep -q FDT none/extlinux/extlinux.conf && [ ! -e none/dtbs ] && [ "$(jq .deviceTree none/boot.json)" = null ] &&
        ! tree none --dtb maker/three.dtb 2>err && cat err && grep -q 'no device tree .*/dtbs/maker/three.dtb' err &&
        ln -s maker "root$trees/way" && ! tree none --dtb all 2>err && cat err && grep -q '/dtbs/way is not a file' err && rm "root$trees/way" "root$system/dtbs" &&
        ! tree none --dtb all 2>err && cat err && grep -q "device trees, $system/dtbs: No such file" err && [ ! -e none ]
}
claim 'without --dtb there are none; one that is missing is refused' no_dtbs
plain

# --- options ---------------------------------------------------------------------------------------------

# Left out, and said so: also with --quiet, and by each command that reads the system.
xen() {
    extension='"org.xenproject.bootspec.v1":{"xen":"/nix/store/33333333333333333333333333333333-xen/xen.efi"}'
    with "$(describe "$system"),$extension" && tree out 2>err && cat err && grep -c 'warning: .*Xen, which is left out' err | grep -qx 1 &&
        for quiet in '' --quiet; do
            # shellcheck disable=SC2086  # a word or none
            "$REGD_BUILD" ipxe $quiet --root root "$system" 2>err >script && grep -q 'warning: .*Xen, which is left out' err || return
        done
    with "$(describe "$system")" && tree out 2>err && ! grep Xen err
}
claim 'a hypervisor that is left out is a warning, with --quiet, too' xen
plain

# As NixOS' script has them.
secrets() {
    secret='warning: 2 secrets that the installation of a boot loader appends to the initial ramdisk are left out, the first is /etc/ssh/key; '
    printf '#!/bin/sh\nexit 0\n' >"root$system/append-initrd-secrets" && tree out 2>err && ! grep secret err || return
    {
        echo '#!/bin/sh'
        for path in /etc/ssh/key /crypt; do
            # shellcheck disable=SC2016  # the script's own
            printf 'mkdir -p $(dirname "$tmp/%s")\ncp -a %s "$tmp/%s"\n' "$path" "/root$path" "$path"
        done
    } >"root$system/append-initrd-secrets"
    tree out 2>err && cat err && [ "$(grep -cF "$secret" err)" -eq 1 ] && "$REGD_BUILD" ipxe --quiet --root root "$system" 2>err >script &&
        [ "$(grep -cF "$secret" err)" -eq 1 ] && rm "root$system/append-initrd-secrets"
}
claim 'secrets that are left out are a warning, with --quiet, too' secrets

# Each part is there, or not, or given by option: by boot.json and by plain files, all combinations.
lacking() {
    case $1 in
        json)
            printf '{"org.nixos.bootspec.v1":{%s"toplevel":"%s","label":"x","system":"x86_64-linux"}}\n' "$(
                for part in init kernel initrd; do
                    case " $2 " in *" $part "*) ;; *) printf '"%s":"%s",' "$part" "$(readlink "bare/$part" || echo "$system/init")" ;; esac
                done
                case " $2 " in *" params "*) ;; *) printf '"kernelParams":["own=1"],' ;; esac
            )" "$system" >"root$system/boot.json"
            ;;
        files)
            plain
            for part in $2; do
                case $part in params) part=kernel-params ;; esac
                rm -f "root$system/$part"
            done
            ;;
    esac
}
# Puts back what `lacking` took.
restore() {
    plain && rm -rf "root$system" && cp -a bare "root$system"
}
# scripts_say STATUS ARGUMENT... : the commands that print a script say what the options say; they need no ramdisk.
scripts_say() {
    wanted_status=$1
    shift
    for script in ipxe kexec; do
        "$REGD_BUILD" "$script" --root root "$@" "$system" >script 2>err
        status=$?
        [ "$status" -eq "$wanted_status" ] || { echo "$script: status $status" && cat err && return 1; }
        if [ "$status" -eq 1 ]; then
            [ ! -s script ] && [ "$(wc -l <err)" -eq 1 ] && continue
            cat err && return 1
        fi
        case " $* " in *vmlinux*) grep -q vmlinux script ;; *) grep -q bzImage script ;; esac &&
            case " $* " in *other-init*) grep -q "init=$system/other-init" script ;; *) grep -q "init=$system/init" script ;; esac &&
            case " $* " in *given=1*) grep -q given=1 script ;; *) ! grep -q given=1 script ;; esac || { cat script && return 1; }
    done
}
overrides() {
    cp -a "root$system" bare || return
    tried=0
    for kind in json files; do
        for lacked in '' init kernel initrd params 'init kernel' 'kernel initrd params' 'init kernel initrd params'; do
            for given in '' init kernel initrd params 'kernel initrd' 'init kernel params' 'init kernel initrd params'; do
                restore && lacking "$kind" "$lacked" || return
                set --
                wanted=0
                for part in init kernel params initrd; do
                    # The first three are what scripts need, too.
                    [ "$part" != initrd ] || scripts_say "$wanted" "$@" || { echo "$kind lacks '$lacked', given '$given'" && return 1; }
                    case " $given " in
                        *" $part "*)
                            case $part in
                                init) set -- "$@" --init "$system/other-init" ;;
                                kernel) set -- "$@" --kernel "root$linux/vmlinux" ;;
                                initrd) set -- "$@" --prepend "root$linux/other-initrd" ;;
                                params) set -- "$@" --params given=1 ;;
                            esac
                            ;;
                        *) case " $lacked " in *" $part "*) wanted=1 ;; esac ;;
                    esac
                done
                tree over "$@" 2>err
                status=$?
                [ "$status" -eq "$wanted" ] || { echo "$kind lacks '$lacked', given '$given': $status" && cat err && return 1; }
                tried=$((tried + 1))
                if [ "$wanted" -eq 1 ]; then
                    [ "$(wc -l <err)" -eq 1 ] && continue
                    cat err && return 1
                fi
                case " $given " in *" kernel "*) [ -f over/vmlinux ] ;; *) [ -f over/bzImage ] ;; esac &&
                    case " $given " in *" init "*) is over init "$system/other-init" ;; *) is over init "$system/init" ;; esac &&
                    case " $given " in *" params "*) is over kernelParams given=1 ;; *) [ "$(value over kernelParams)" != given=1 ] ;; esac || return
            done
        done
    done
    restore && [ "$tried" -eq 128 ]
}
claim 'an option stands in for a part that the system lacks, and overrides one that it has' overrides

# --- specialisations --------------------------------------------------------------------------------------

# The paths in the tree's image.
paths() {
    offset=$(sed -n 's/.*"offset":[^0-9]*\([0-9]*\).*/\1/p' "$1/boot.json")
    unsquashfs -q -n -o "$offset" -d /dev/null -l "$1/initrd" 2>/dev/null | sed -n 's|^/dev/null/\([0-9a-z]\{32\}-[^/]*\)$|\1|p' | sort
}
holds() {
    held=$1
    shift
    paths "$held" >got
    printf '%s\n' "$@" | sed 's|.*/||' | sort | diff - got
}
specialised() {
    with "$(describe "$system"),\"org.nixos.specialisation.v1\":{\"gpu\":{$(describe "$special")}}"
    tree gpu --specialisation gpu && is gpu toplevel "$special" && is gpu init "$special/init" && holds gpu "$linux" "$special"
}
claim 'a specialisation of boot.json is taken in place of the system' specialised
linked() {
    plain && mkdir -p "root$system/specialisation" && ln -sfn "$special" "root$system/specialisation/net" &&
        tree net --specialisation net && is net toplevel "$special" && diff -r gpu net
}
claim 'so is one that is linked to' linked
with_system() {
    tree both --specialisation net --add "$system" && is both toplevel "$special" && holds both "$linux" "$special" "$system"
}
claim '--add brings the system itself too' with_system
scripts() {
    for verb in ipxe kexec; do
        "$REGD_BUILD" "$verb" --root root --specialisation net "$system" | grep -qF "init=$special/init" || return
    done
}
claim 'the commands ipxe and kexec take it too' scripts
unknown() {
    refuses "$system: it has no specialisation 'none'; its boot.json has: none" --specialisation none &&
        with "$(describe "$system"),\"org.nixos.specialisation.v1\":{\"gpu\":{},\"cpu\":{}}" &&
        refuses "its boot.json has: gpu, cpu" --specialisation none &&
        refuses "no specialisation 'gpu'" --specialisation gpu && plain &&
        refuses "no specialisation '../init'" --specialisation ../init &&
        refuses "no specialisation '..'" --specialisation ..
}
claim 'an unknown one is refused, and those that there are are named' unknown

# build OUTPUT PATH: a tree of what the path leads to.
build() {
    "$REGD_BUILD" tree --root root --registration manifest --no-check --compression zstd:1 -q -o "$1" "$2"
}
by_path() {
    plain && mkdir -p "root$system/specialisation" root/run && ln -sfn "$special" "root$system/specialisation/net" &&
        ln -sfn "$system" root/run/current-system && tree net --specialisation net &&
        for path in "$system" /run/current-system; do
            build followed "$path/specialisation/net" && is followed toplevel "$special" && diff -r net followed || return
        done
}
claim 'the path of a specialisation is followed to its end, through a link or not' by_path
not_one() {
    for path in "$system/specialisation/missing" "$system/init" "$system/specialisation" /run/current-system/init; do
        rm -rf wrong && ! build wrong "$path" 2>err && cat err && [ ! -e wrong ] && [ "$(wc -l <err)" -eq 1 ] || return
        ! "$REGD_BUILD" squashfs --root root --registration manifest --no-check -o wrong "$path" 2>err &&
            grep -qF "root $path: " err && [ ! -e wrong ] || return
    done
    grep -qF "is inside a store path and not one itself; name $system" err
}
claim 'a path that ends inside a store path, or nowhere, is refused' not_one

finish
