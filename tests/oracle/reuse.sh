#!/bin/sh
# reuse.sh — is an image that was built with --reuse the same as one that was built without?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/reuse.sh
# shellcheck disable=SC2015,SC2094  # a command is no file; `A && B || C` is meant so
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
find_store
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

build() {
    "$REGD_BUILD" squashfs --root "$store" --compression zstd:3 "$@" 2>stderr
}
# The closure without its largest paths, and the whole.
"$REGD_BUILD" manifest --root "$store" "$toplevel" >manifest || bail 'there is no manifest'
grep '^/nix/store/' manifest | sort -u | sed -n '1~3p' >some
build -q -o some.squashfs - <some || bail 'no image of a part can be built'
build -q -o whole.squashfs "$toplevel" || bail 'no image can be built'

# taken: MiB that were taken over, as the program says them; "no" if it says that nothing is.
taken() {
    sed -n 's/^regd-build: reused \([0-9.]*\) MiB of [0-9.]* MiB of compressed data$/\1/p; s/^regd-build: warning: no block is reused: .*/no/p' stderr
}
# makes IMAGE AT-LEAST ARGUMENT...: the same bytes, of which so many MiB come from the old image.
makes() {
    image=$1
    least=$2
    shift 2
    rm -f out
    build -o out "$@" && cmp out "$image" && cat stderr && awk -v "got=$(taken)" -v "least=$least" 'BEGIN { exit !(got >= least) }'
}
# makes_anew REASON ARGUMENT...: the same bytes as whole.squashfs, nothing of it old, and the reason is said.
makes_anew() {
    reason=$1
    shift
    rm -f out
    build -o out "$@" "$toplevel" && cmp out whole.squashfs && cat stderr && [ "$(taken)" = no ] && grep -q -e "$reason" stderr
}

claim 'of the same closure everything is taken over' makes whole.squashfs 30 --reuse whole.squashfs "$toplevel"
claim 'so it is with one thread' makes whole.squashfs 30 --reuse whole.squashfs --jobs 1 "$toplevel"
claim 'and with seven' makes whole.squashfs 30 --reuse whole.squashfs --jobs 7 "$toplevel"
claim 'without the check of the NAR hashes, too' makes whole.squashfs 30 --reuse whole.squashfs --no-check "$toplevel"
claim 'of a larger closure a part is taken over' makes whole.squashfs 1 --reuse some.squashfs "$toplevel"
smaller() {
    rm -f out
    build -o out --reuse whole.squashfs - <some && cmp out some.squashfs && cat stderr && [ "$(taken)" != 0.0 ] && [ "$(taken)" != no ]
}
claim 'of a smaller one, too' smaller
itself() {
    cp whole.squashfs it && build -o it --reuse it "$toplevel" && cmp it whole.squashfs
}
claim 'the old image may be the one that is replaced' itself

# What an image says of its blocks, as the page describes it.
record() {
    tail -c 200 "$1" | LC_ALL=C tr '\0' '\n' | LC_ALL=C sed -n 's/^regd-blocks //p'
}
documented() {
    got=$(record whole.squashfs) && echo "$got" &&
        echo "$got" | grep -Eqx 'code=[0-9]+ size=1048576 compression=zstd:3 zstd=[0-9.]+' &&
        "$REGD_BUILD" inspect whole.squashfs >inspected && grep -qxF "made by   $got" inspected &&
        "$REGD_BUILD" inspect --json whole.squashfs | grep -qF "\"$got\""
}
claim 'the record is where the page says, and inspect shows it' documented

for old in zstd:4 zstd:2; do
    build -q -o "$old" --compression "$old" "$toplevel" || bail "no image can be built with $old"
    claim "an image that was made with $old is not used, and that is said" makes_anew "compression=$old.*, not by .*zstd:3" --reuse "$old"
done
for old in gzip:1 lz4 xz:0; do
    build -q -o "$old" --compression "$old" - <some || bail "no image can be built with $old"
    claim "nor is one of $old" makes_anew "compression=$old" --reuse "$old"
    same() {
        build -o out --compression "$old" --reuse "$old" - <some && cmp out "$old" && cat stderr && [ "$(taken)" != no ] && [ "$(taken)" != 0.0 ]
    }
    claim "which is taken over by one of $old" same
done
# forged WHAT SED: an image as whole.squashfs, with another record of the same length.
forged() {
    LC_ALL=C sed "$2" whole.squashfs >forged && [ "$(stat -c %s forged)" = "$(stat -c %s whole.squashfs)" ] && ! cmp -s forged whole.squashfs &&
        makes_anew "$1" --reuse forged
}
# All blocks are the same: only the record tells that another library made them.
claim 'nor one whose blocks another version of a library made' forged 'zstd=9.[0-9.]*.*, not by' 's/\(regd-blocks code=.* zstd=\)[0-9]/\19/'
claim 'nor one that another version of our own code made' forged 'code=0' 's/regd-blocks code=1/regd-blocks code=0/'
bare() {
    length=$(($(record whole.squashfs | wc -c) + 12))
    { head -c -$((length + 12)) whole.squashfs && head -c "$length" /dev/zero && tail -c 12 whole.squashfs; } >bare &&
        [ "$(stat -c %s bare)" = "$(stat -c %s whole.squashfs)" ] && makes_anew 'does not record' --reuse bare
}
claim 'nor one that has no record' bare
text='nor is one that mksquashfs made'
if have mksquashfs "$text"; then
    mkdir small && cp manifest small/nix-path-registration
    mksquashfs small small.squashfs -comp zstd -b 1M -no-progress >/dev/null 2>&1
    claim "$text" makes_anew 'does not record' --reuse small.squashfs
fi
claim 'nor is what is no image' makes_anew 'manifest' --reuse manifest
claim 'nor what is not there' makes_anew 'nowhere' --reuse nowhere
claim 'nor a pipe' makes_anew 'is not a file' --reuse /dev/null
head -c 100000 whole.squashfs >short
claim 'nor an image that is cut off' makes_anew short --reuse short

# Damage in the data: those blocks are compressed anew, the others are taken over.
damaged() {
    cp whole.squashfs bent && for at in 4001 1000003 3000017 5000011 7000001; do
        printf '\377\377\377' | dd of=bent bs=1 seek="$at" conv=notrunc 2>/dev/null
    done
    makes whole.squashfs 10 --reuse bent "$toplevel" && grep -q 'bent is damaged: [1-9]' stderr
}
claim 'damaged blocks are not taken over' damaged
anywhere() {
    size=$(stat -c %s whole.squashfs)
    for seed in 1 2 3 4 5 6 7 8 9 10; do
        cp whole.squashfs bent && printf '\252' | dd of=bent bs=1 seek=$((size * seed / 10 - seed * 97)) conv=notrunc 2>/dev/null
        rm -f out
        build -o out --reuse bent "$toplevel" && cmp out whole.squashfs || { cat stderr && return 1; }
    done
}
claim 'damage anywhere does not show in the result' anywhere

"$REGD_BUILD" tree --root "$store" -q --compression zstd:3 -o tree "$toplevel" || bail 'no tree can be made'
of_tree() {
    "$REGD_BUILD" tree --root "$store" --compression zstd:3 --reuse tree -o again "$toplevel" 2>stderr && diff -r tree again &&
        cat stderr && awk -v "got=$(taken)" 'BEGIN { exit !(got >= 30) }'
}
claim "of a tree the ramdisk's image is taken over" of_tree
replaced() {
    cp -a tree copy && "$REGD_BUILD" tree --root "$store" -q --compression zstd:3 --reuse copy -o copy "$toplevel" && diff -r tree copy
}
claim 'which may be the tree that is replaced' replaced
no_tree() {
    mkdir -p no-tree && makes_anew 'boot.json' --reuse no-tree
}
claim 'a directory that is no tree is not used' no_tree

finish
