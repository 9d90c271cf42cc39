#!/bin/sh
# by_url.sh — does the ramdisk of `tree --by-url` pin the store images beside it, and does every loader get there?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/by_url.sh
# shellcheck disable=SC2015,SC2016,SC2119,SC2120,SC2317  # `A && B || C` is meant so; texts; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
find_store
wants cpio jq python3 unsquashfs
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

build() {
    "$REGD_BUILD" "$@" --root "$store" -q --compression zstd:3
}
lower=$("$REGD_BUILD" manifest --root "$store" "$toplevel" | grep -m 1 '^/nix/store/.*-lib')
build squashfs -o image "$toplevel" && build squashfs -o base "$lower" || bail 'no image can be made'
build tree --by-url -o tree --json "$toplevel" >summary || bail 'no tree can be made'
build tree --by-url -o layered --base base --max-size 8M "$toplevel" || bail 'no tree of several layers can be made'

# roots TREE: the root hashes, topmost first.
roots() {
    jq -r '.storeImages[].rootHash' "$1/boot.json"
}
# What the kernel finds behind the system's own initrd, unpacked into DIR. An archive without an end gets one.
own=$(stat -L -c %s "$store$(readlink "$store$toplevel/initrd")")
own=$(((own + 3) / 4 * 4))
unpack() {
    mkdir "$2" && tail -c +$((own + 1)) "$1" | (cd "$2" && cpio --quiet -idm)
}

# --- the files --------------------------------------------------------------------------------------------

sums() {
    (cd tree && sha256sum --quiet -c SHA256SUMS && cd ../layered && sha256sum --quiet -c SHA256SUMS)
}
claim 'the tree has all files that SHA256SUMS lists' sums
plain() {
    cmp image "tree/stores/$(roots tree).squashfs" && unsquashfs -quiet -no-progress -d unpacked "tree/stores/$(roots tree).squashfs" >/dev/null &&
        [ -e "unpacked/${toplevel##*/}/init" ]
}
claim 'the image is a plain squashfs, the same as without --by-url' plain
count=$(roots layered | wc -l)
layers() {
    [ "$count" -ge 3 ] && cmp base "layered/stores/$(roots layered | tail -n 1).squashfs" &&
        [ "$(find layered/stores -type f | wc -l)" -eq $((2 * count)) ] && [ "$(jq -r '.storeImages[-1].name' layered/boot.json)" = "nix-store.$((count - 1)).squashfs" ]
}
claim 'with --base and --max-size there are several' layers
if have veritysetup 'veritysetup accepts each image with its root hash'; then
    accepted() {
        for dir in tree layered; do
            for root in $(roots "$dir"); do
                veritysetup verify "$dir/stores/$root.squashfs" "$dir/stores/$root.verity" "$root" || return
            done
        done
    }
    claim 'veritysetup accepts each image with its root hash' accepted
fi

# --- the list in the ramdisk ------------------------------------------------------------------------------

small() {
    [ "$(stat -c %s tree/initrd)" -lt $((own + 4096)) ] && [ "$(stat -c %s layered/initrd)" -lt $((own + 8192)) ]
}
claim 'the ramdisk is that of the system and at most two pages' small
pins() {
    for dir in tree layered; do
        unpack "$dir/initrd" "$dir.unpacked" && (cd "$dir.unpacked" && find . -name 'nix-store*') && python3 - "$dir" <<'END' || return
import hashlib, json, os, sys
tree = sys.argv[1]
found = json.load(open(tree + ".unpacked/nix-store.layers.json"))
assert found["version"] == 1 and list(found) == ["version", "layers"]
for i, layer in enumerate(found["layers"]):
    image = f"{tree}/stores/{layer['rootHash']}"
    data = open(image + ".squashfs", "rb").read()
    level = [data[at:at + 4096] for at in range(0, len(data), 4096)]
    while len(level) > 1:
        hashes = b"".join(hashlib.sha256(block).digest() for block in level)
        hashes += bytes(-len(hashes) % 4096)
        level = [hashes[at:at + 4096] for at in range(0, len(hashes), 4096)]
    assert hashlib.sha256(level[0]).hexdigest() == layer["rootHash"]
    assert layer == {"name": f"nix-store.{i}.squashfs" if i else "nix-store.squashfs", "size": len(data), "rootHash": layer["rootHash"],
                     "dataBlocks": len(data) // 4096, "veritySize": os.path.getsize(image + ".verity")}
assert 2 * len(found["layers"]) == len(os.listdir(tree + "/stores"))
END
    done
}
claim 'cpio unpacks the list; Python computes the same sizes and root hashes from the images' pins
no_image() {
    [ "$(cd tree.unpacked && find . -name 'nix-store*')" = ./nix-store.layers.json ]
}
claim 'the ramdisk has no image' no_image
pieces() {
    mkdir joined && jq -r '.storePieces[].name' layered/boot.json | (cd layered && xargs cat && : | cpio --quiet -o -H newc) |
        (cd joined && cpio --quiet -idm) && for i in $(seq "$count"); do
        name=$(jq -r ".storeImages[$i - 1].name" layered/boot.json)
        cmp "joined/$name" "layered/$(jq -r ".storeImages[$i - 1].file" layered/boot.json)" || return
    done
}
claim 'the pieces are a ramdisk with all images' pieces
summary() {
    jq -e --arg root "$(roots tree)" '.layers == [{name: "nix-store.squashfs", file: "stores/\($root).squashfs", size: .imageBytes, rootHash: $root}] and
        .memoryAtBoot > .imageBytes' summary && "$REGD_BUILD" inspect --json "tree/stores/$(roots tree).squashfs" | jq -e --arg root "$(roots tree)" '.rootHash == $root'
}
claim '--json and inspect print the root hash' summary
told() {
    "$REGD_BUILD" tree --by-url --root "$store" --compression zstd:3 --reuse tree -o told "$toplevel" 2>stderr && cat stderr &&
        grep -q "^regd-build: root hash of nix-store.squashfs: $(roots tree)\$" stderr && grep -q 'to be fetched by URL' stderr && diff -r tree told
}
claim 'so does the summary; an older tree by URL can be reused' told

# --- the loaders ------------------------------------------------------------------------------------------

ipxe() {
    diff - tree/netboot.ipxe <<END
#!ipxe
# Set the variable cmdline before chaining to this script to add kernel parameters.
imgfree
clear regd-from ||
isset \${filename} && set regd-from \${filename} ||
isset \${cwduri} && set regd-from \${cwduri} ||
isset \${regd-from} || echo This iPXE does not know the URL of its script. Build the tree with --base-url URL.
isset \${regd-from}
kernel bzImage initrd=initrd $(jq -r .commandLine tree/boot.json) regd.from=\${regd-from} \${cmdline}
initrd --name initrd initrd
boot
END
}
claim 'netboot.ipxe loads one ramdisk and passes on where the script came from' ipxe
beside() {
    root=$(roots tree)
    grep -qxF "  initrd \"\$2/initrd\" \"\$2/nix-store.squashfs.newc\" \"\$2/stores/$root.squashfs\"" tree/grub.cfg &&
        grep -qxF "  INITRD initrd,nix-store.squashfs.newc,stores/$root.squashfs" tree/pxelinux.cfg/default &&
        grep -qxF "store_names='nix-store.squashfs.newc stores/$root.squashfs'" tree/kexec-boot && ! grep -r regd.from= tree/grub.cfg tree/extlinux tree/pxelinux.cfg
}
claim 'menus and kexec-boot load the images that are beside them' beside
based() {
    build tree --by-url --base-url https://192.0.2.1/fleet -o based "$toplevel" && "$REGD_BUILD" verify -q based && ! grep -e cwduri -e 'set regd-from' based/netboot.ipxe &&
        grep -q "^kernel https://192.0.2.1/fleet/bzImage .* regd.from=https://192.0.2.1/fleet/ \${cmdline}\$" based/netboot.ipxe &&
        grep -qxF '  initrd "$2/initrd"' based/grub.cfg && grep -q " 'regd.from=https://192.0.2.1/fleet/'\$" based/grub.cfg &&
        grep -qxF '  INITRD ../initrd' based/extlinux/extlinux.conf && grep -q ' regd.from=https://192.0.2.1/fleet/$' based/extlinux/extlinux.conf
}
claim 'with --base-url all of them name that server' based
same_line() {
    ! grep -q "$(roots tree)" tree/netboot.ipxe
}
claim 'no root hash is on the command line' same_line

# --- kexec ------------------------------------------------------------------------------------------------

mkdir bin && printf '#!/bin/sh\n' >bin/kexec && chmod 755 bin/kexec
# dry SHELL DIR ARG...
dry() {
    shell=$1 dir=$2
    shift 2
    # shellcheck disable=SC2086  # busybox sh
    PATH=$PWD/bin:$PATH $shell "$dir/kexec-boot" --dry-run --no-memory-check "$@" 2>&1
}
for shell in dash bash 'busybox sh' 'bash --posix'; do
    have "${shell%% *}" "$shell: kexec-boot loads the images beside it" "$shell: with --from it leaves them out" || continue
    local_store() {
        dry "$shell" tree >out && cat out && grep -q "cat -- $PWD/tree/stores/$(roots tree).squashfs" out && ! grep regd.from= out
    }
    claim "$shell: kexec-boot loads the images beside it" local_store
    from_url() {
        dry "$shell" tree --from http://192.0.2.1/a/ --from=https://192.0.2.2/ --append debug >out && cat out && ! grep stores/ out &&
            grep -q ' regd.from=http://192.0.2.1/a/ regd.from=https://192.0.2.2/' out && grep -q debug out
    }
    claim "$shell: with --from it leaves them out" from_url
done
# refused TEXT STATUS ARG...
refused() {
    text=$1 status=$2
    shift 2
    dry sh "$@" >out
    [ $? -eq "$status" ] && grep -qFe "$text" out || { cat out && false; }
}
claim '--from without a URL is wrong usage' refused '--from needs an argument' 2 tree --from
claim 'so is another scheme' refused "--from expects a URL of http or https, not 'ftp://a/'" 2 tree --from ftp://a/
claim 'so is a blank in it' refused 'without blanks' 2 tree --from 'http://a/ init=/bin/sh'
build tree -o whole "$toplevel" || bail 'no tree can be made'
claim 'a tree with its store in the ramdisk refuses --from' refused 'leave out --from' 1 whole --from http://a/
flipped() {
    rm -rf bad && cp -a tree bad && printf x | dd of="bad/stores/$(roots tree).squashfs" bs=1 seek=5000 conv=notrunc status=none
}
checked() {
    flipped && refused 'has another SHA-256' 1 bad && dry sh bad --from http://192.0.2.1/ >out
}
claim 'the images beside it are checked; those that are fetched need not be there' checked
# total NUMBER: what a machine needs to fetch images of so many KiB, by the script's own constants: from 512 MiB on more is kept free.
total() {
    sed -n 's/^\([a-z_]*kib\|kernel_free_part\)=\([0-9]*\)$/\1 \2/p' tree/kexec-boot | awk -v stores="$1" '
        { value[$1] = $2 }
        function part(kib) { return kib + int(kib / (value["kernel_free_part"] - 1)) }
        END {
            kib = value["unpacked_kib"] + stores + value["kernel_free_kib"] + value["fetch_kib"]
            huge = part(kib + value["huge_kib"])
            print (huge >= value["huge_from_kib"] ? huge : part(kib))
        }'
}
memory() {
    rm -rf bad && cp -a tree bad || return
    for stores in 61440 471040; do
        sed "s|/proc/meminfo|$PWD/meminfo|g; s/^store_kib=.*/store_kib=$stores/" tree/kexec-boot >bad/kexec-boot || return
        for short in 1 0; do
            echo "MemTotal: $(($(total "$stores") - short)) kB" >meminfo
            PATH=$PWD/bin:$PATH sh bad/kexec-boot --dry-run --from http://192.0.2.1/ >out 2>&1
            [ $? -eq "$short" ] && [ "$(grep -c 'fetching the store takes' out)" -eq "$short" ] || { cat meminfo out && return 1; }
        done
    done
}
claim 'with --from the machine needs memory for what it fetches: a KiB less is refused' memory
run_from() {
    sh tree/kexec/run --help | grep -q -e --from
}
claim 'kexec/run takes --from, too' run_from

# --- options and limits -----------------------------------------------------------------------------------

# wrong STATUS TEXT ARG...
wrong() {
    status=$1 text=$2
    shift 2
    build tree -o none "$@" "$toplevel" 2>stderr
    [ $? -eq "$status" ] && cat stderr && grep -qFe "$text" stderr && [ ! -e none ]
}
claim '--by-url excludes --separate-store' wrong 2 '--by-url and --separate-store cannot be combined' --by-url --separate-store
claim 'a base URL must be one that regd-fetch knows' wrong 2 'needs a --base-url of http or https' --by-url --base-url tftp://192.0.2.1
claim 'memory to fetch the store is checked' wrong 1 'fetching the store needs at least' --by-url --target-ram 100M
claim 'the same image twice is refused' wrong 1 'have the same root hash' --by-url --base base --base base
claim 'nobody can put another list into the ramdisk' wrong 2 'that is the name of the list' --by-url --file "image:nix-store.layers.json"
less() {
    jq .memoryAtBoot tree/boot.json whole/boot.json | { read -r one && read -r two && echo "$one $two"; } &&
        size=$(stat -c %s image) && needs=$(jq .memoryAtBoot tree/boot.json) && [ "$needs" -lt $((size * 13 / 10 + 256 * 1048576)) ]
}
claim 'the memory is below 1.3 times the image and 256 MiB' less
packed() {
    build tree --by-url --compressor zstd --uki --stub "$stub" --kernel "$stub" -o packed "$toplevel" && "$REGD_BUILD" verify -q packed &&
        jq -e '.layers.archiveOffset' packed/boot.json && objcopy -O binary --only-section=.cmdline packed/boot.efi line && cat line && grep -q ' regd.from=boot$' line &&
        [ "$(stat -c %s packed/boot.efi)" -lt $((4 * 1048576)) ]
}
stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
if [ -r "$stub" ]; then
    claim 'a compressed list and a UKI, which fetches from where it was loaded' packed
else
    skip 'a compressed list and a UKI, which fetches from where it was loaded' "there is no $stub"
fi
tarball() {
    build tree --by-url -o taken --tarball taken.tar.zst "$toplevel" && mkdir from-tar && tar -C from-tar -xf taken.tar.zst && diff -r taken from-tar &&
        "$REGD_BUILD" verify -q from-tar
}
claim 'the tarball has the images, too' tarball

# --- the same bytes ---------------------------------------------------------------------------------------

same() {
    rm -rf again && build tree --by-url --base base --max-size 8M -o again "$@" "$toplevel" && diff -r layered again &&
        (cd layered && find . -printf '%p %m\n' | sort) >modes && (cd again && find . -printf '%p %m\n' | sort) | diff modes -
}
claim 'one thread gives the same bytes' same --jobs 1
claim 'so do seven' same --jobs 7
elsewhere() {
    umask 077 && export LC_ALL=tr_TR.UTF-8 TZ=Asia/Kathmandu && same
}
claim 'so do another umask, locale and time zone' elsewhere

# --- verify -----------------------------------------------------------------------------------------------

claim 'verify accepts the tree' "$REGD_BUILD" verify -q tree
claim 'and that of several layers' "$REGD_BUILD" verify -q layered
# finds TEXT COMMAND...: after the command in a copy of the layered tree
finds() {
    text=$1
    shift
    rm -rf bad && cp -a layered bad && (cd bad && "$@") || return
    "$REGD_BUILD" verify bad >out 2>&1
    [ $? -eq 1 ] && cat out && grep -qFe "$text" out
}
# A change that SHA256SUMS and boot.json agree with.
resum() {
    rm SHA256SUMS && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >../SUMS && mv ../SUMS SHA256SUMS
}
top=$(roots layered | head -n 1)
last=$(roots layered | tail -n 1)
flip() {
    python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1]))' "$@"
}
bad_image() {
    flip "stores/$last.squashfs" 5000 && resum
}
claim 'verify finds a wrong byte in an image, even if SHA256SUMS agrees' finds "layout: nix-store.$((count - 1)).squashfs: stores/$last.squashfs: the block at byte 4096" bad_image
bad_verity() {
    flip "stores/$top.verity" 4100 && resum
}
claim 'a wrong byte in its verity data' finds "stores/$top.verity" bad_verity
no_verity() {
    rm "stores/$top.verity" && resum
}
claim 'verity data that is not there' finds "missing: stores/$top.verity" no_verity
stray() {
    cp "stores/$top.verity" stores/0000.squashfs
}
claim 'a file that nobody knows' finds 'stray: stores/0000.squashfs' stray
listed_stray() {
    stray && resum
}
claim 'the same, where SHA256SUMS knows it' finds 'stray: stores/0000.squashfs: it belongs to none of the layers' listed_stray
other_list() {
    sed -i "s/$top/$(echo "$top" | tr 0-9a-f 1-9a-f0)/" initrd && rm initrd.gz && ln initrd initrd.gz && resum
}
claim 'a list that names another root hash' finds 'disagreeing: nix-store.layers.json: the list in the ramdisk is not what boot.json says' other_list
other_root() {
    sed -i "s/$top/$(echo "$top" | tr 0-9a-f 1-9a-f0)/g" boot.json && resum
}
claim 'a boot.json that names another' finds 'it is in boot.json, and not in SHA256SUMS' other_root
swapped() {
    mv "stores/$top.squashfs" it && mv "stores/$last.squashfs" "stores/$top.squashfs" && mv it "stores/$last.squashfs" && resum
}
claim 'two images that changed places' finds "stores/$top.squashfs" swapped
other_script() {
    sed -i 's/cwduri/netX/g' netboot.ipxe && resum
}
claim 'a script that was changed' finds 'disagreeing: netboot.ipxe' other_script

finish
