#!/bin/sh
# verify_tree.sh — does `regd-build verify DIR` find every fault of a tree?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/verify_tree.sh
# shellcheck disable=SC2015,SC2094,SC2046,SC2013,SC3045  # `A && B || C` is meant so; names without blanks; nobody writes a file while it is read; shells have ulimit -t
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
find_store
wants jq
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

build() {
    "$REGD_BUILD" "$@" --root "$store" -q --compression zstd:3
}
build tree -o whole "$toplevel" && build squashfs -o image "$toplevel" || bail 'no tree can be made'
limit=$(($(stat -c %s image) * 6 / 10))
base=$(sed -n "s|^\(/nix/store/[^ ]*-busybox[^ ]*\)$|\1|p" <<END | head -1
$("$REGD_BUILD" manifest --root "$store" "$toplevel")
END
)
build squashfs -o base "$base" && build tree -o pieces --max-size "$limit" --separate-store --base base "$toplevel" ||
    bail 'no tree in pieces can be made'

# --- Whole trees -------------------------------------------------------------------------------------------

for tree in whole pieces; do
    clean() {
        "$REGD_BUILD" verify "$tree" >stdout 2>stderr
        status=$?
        cat stdout stderr
        [ "$status" -eq 0 ] && [ ! -s stdout ] && grep -q "^regd-build: $tree: [0-9]* paths verified, all as listed" stderr
    }
    claim "nothing is wrong with the tree '$tree'" clean
done
other_init() {
    build tree -o other --init /bin/init --params 'x="y z" #' "$toplevel" && "$REGD_BUILD" verify -q other
}
claim 'nor with one that has another init, and parameters that GRUB would change' other_init
json() {
    "$REGD_BUILD" verify -q --json whole >stdout && jq -e '.paths == .ok and .ok > 10 and ([.[] | arrays | length] | add == 0)' stdout
}
claim '--json says so, too' json
elsewhere() {
    mkdir elsewhere && cp -r whole elsewhere/copy && (cd elsewhere && "$REGD_BUILD" verify -q copy)
}
claim 'a copy is as good' elsewhere

# --- What is wrong -----------------------------------------------------------------------------------------

# finds KIND SUBJECT TREE: status 1, one sentence, and this line.
finds() {
    "$REGD_BUILD" verify "$3" >stdout 2>stderr
    status=$?
    cat stdout stderr
    [ "$status" -eq 1 ] && [ "$(wc -l <stderr)" -eq 1 ] && grep -q "^$1: $2: " stdout
}
fresh() {
    rm -rf bent && cp -a "$1" bent
}
# Replaces bytes of a file, whose other name keeps them, from AT on.
bend() {
    cp "$1" new && printf '\252\125' | dd of=new bs=1 seek="$2" conv=notrunc 2>/dev/null && mv new "$1"
}
# So that the digests agree again.
sums() {
    (cd bent && cut -c 67- SHA256SUMS >names && sha256sum $(cat names) | sed 's/ \*/  /' >SHA256SUMS && rm names)
}
for tree in whole pieces; do
    for file in $(cut -c 67- "$tree/SHA256SUMS"); do
        size=$(stat -L -c %s "$tree/$file")
        changed() {
            fresh "$tree" && bend "bent/$file" $((size / 2)) || return
            # boot.json is read, too: damage may be refused there.
            if [ "$file" = boot.json ]; then
                ! "$REGD_BUILD" verify -q bent
            else
                finds mismatched "$file" bent
            fi
        }
        claim "$tree: a change in $file" changed
        gone() {
            fresh "$tree" && rm "bent/$file" || return
            if [ "$file" = boot.json ]; then
                ! "$REGD_BUILD" verify bent 2>stderr && cat stderr && grep -q boot.json stderr
            else
                finds missing "$file" bent
            fi
        }
        claim "$tree: $file is missing" gone
    done
done
stray() {
    fresh whole && : >bent/more && finds stray more bent
}
claim 'a file that is not listed' stray
script() {
    fresh whole && sed -i 's/quiet\|loglevel/&x/' bent/netboot.ipxe && sed -i 's/^command_line=.*/&" x"/' bent/kexec-boot && sums &&
        finds disagreeing netboot.ipxe bent && finds disagreeing kexec-boot bent
}
claim 'scripts that are not those of boot.json, though the digests agree' script
described() {
    fresh whole && jq '.kernelParams += " x" | .commandLine += " x"' whole/boot.json >bent/boot.json && sums &&
        finds disagreeing netboot.ipxe bent && finds disagreeing kexec-boot bent && finds disagreeing grub.cfg bent
}
claim 'a boot.json that is not that of the scripts' described
other_params() {
    fresh whole && jq '.kernelParams += " x"' whole/boot.json >bent/boot.json && sums && finds disagreeing boot.json bent
}
claim 'parameters that are not in the command line' other_params
other_kernel() {
    fresh whole && bend bent/bzImage 100 && sums && finds disagreeing bzImage bent
}
claim 'another kernel, though the digests agree' other_kernel
for what in offset size; do
    moved() {
        fresh whole && jq ".storeImages[0].$what += 4096" whole/boot.json >bent/boot.json && sums && ! "$REGD_BUILD" verify -q bent
    }
    claim "another $what of the image" moved
done
no_header() {
    fresh pieces && : | head -c 0 >new && head -c 4096 /dev/zero >bent/nix-store.squashfs.newc &&
        jq --arg sum "$(sha256sum <bent/nix-store.squashfs.newc | cut -c 1-64)" '.initrd[1].sha256 = $sum' pieces/boot.json >bent/boot.json &&
        sums && finds layout nix-store.squashfs bent
}
claim 'an image without its header' no_header
# NULs between two archives are nothing to the kernel, but they shift the image.
shifted() {
    prepended=$(stat -L -c %s "$store$(readlink "$store$toplevel/initrd")") && prepended=$(((prepended + 3) / 4 * 4)) &&
        fresh whole && { head -c "$prepended" whole/initrd && head -c 4 /dev/zero && tail -c +$((prepended + 1)) whole/initrd; } >new &&
        rm bent/initrd bent/initrd.gz && mv new bent/initrd && ln bent/initrd bent/initrd.gz &&
        sum=$(sha256sum <bent/initrd | cut -c 1-64) && sed -i "s/$(jq -r '.initrd[0].sha256' whole/boot.json)/$sum/" bent/kexec-boot &&
        jq --arg sum "$sum" '.initrd[0].sha256 = $sum | .initrd[0].size += 4 | .storeImages[0].offset += 4' \
            whole/boot.json >bent/boot.json && sums && finds layout nix-store.squashfs bent && grep 'multiple of 4096' stdout &&
        [ "$(wc -l <stdout)" -eq 1 ]
}
claim 'an image that cannot be mounted where it is' shifted
order() {
    fresh pieces && jq '.storeImages |= reverse' pieces/boot.json >bent/boot.json && sums && finds layout nix-store.squashfs bent
}
claim 'images in another order' order
system() {
    fresh whole && jq '.toplevel |= sub("-nixos"; "-other")' whole/boot.json >bent/boot.json && sums && finds missing '/nix/store/.*-other.*' bent
}
claim 'a system that is not in the manifest' system
no_init() {
    fresh whole && jq '.init += "x" | .commandLine |= sub("/init"; "/initx")' whole/boot.json >bent/boot.json && sums &&
        finds missing '/nix/store/.*/initx' bent
}
claim 'an init that is not in the image' no_init
no_program() {
    fresh whole && jq '.init |= sub("/init"; "/kernel-params") | .commandLine |= sub("/init"; "/kernel-params")' whole/boot.json >bent/boot.json &&
        sums && finds missing '/nix/store/.*/kernel-params' bent
}
claim 'an init that is not executable' no_program
empty() {
    mkdir empty && ! "$REGD_BUILD" verify empty 2>stderr && cat stderr && grep -q SHA256SUMS stderr && [ "$(wc -l <stderr)" -eq 1 ]
}
claim 'a directory that is no tree is refused' empty
hostile() {
    fresh whole && printf '%064d  ../../etc/passwd\n' 0 >>bent/SHA256SUMS && ! "$REGD_BUILD" verify bent 2>stderr && cat stderr &&
        grep -q 'line 11' stderr
}
claim 'names that lead out of it are refused' hostile
# Whoever may write to a tree must not learn what another may read.
followed() {
    fresh whole && echo secret >secret && digest=$(sha256sum <secret) || return
    for name in initrd bzImage netboot.ipxe boot.json SHA256SUMS; do
        fresh whole && rm "bent/$name" && ln -s ../secret "bent/$name" || return
        timeout "$patience" "$REGD_BUILD" verify bent >stdout 2>stderr && return 1
        cat stdout stderr
        ! grep -q -e secret -e "${digest%% *}" stdout stderr && grep -q 'not a regular file' stdout stderr || return
    done
}
claim 'a link in a tree is not followed' followed
for file in SHA256SUMS boot.json; do
    pipe() {
        fresh whole && rm "bent/$file" && mkfifo "bent/$file" && ! timeout "$patience" "$REGD_BUILD" verify bent 2>stderr && cat stderr &&
            grep -q "bent.*$file.* not a regular file" stderr
    }
    claim "a pipe called $file is not waited for" pipe
done
# Work that grows with the square of it would take minutes and all memory.
long_init() {
    yes /a | head -n 200000 | tr -d '\n' >long && fresh whole && jq --rawfile long long '.init = $long' whole/boot.json >bent/boot.json && sums &&
        ulimit -t 20 && finds disagreeing boot.json bent
}
claim 'an init of 400 000 bytes is judged in time' long_init
with_base() {
    ! "$REGD_BUILD" verify --base base whole 2>stderr && cat stderr && grep -q 'leave out --base' stderr
}
claim 'a tree needs no --base' with_base
finish
