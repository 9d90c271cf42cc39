#!/bin/sh
# tarball.sh — does a tree arrive whole in a tarball, always the same, and does kexec-boot run from where it is unpacked?
#
# GNU tar, bsdtar and busybox unpack it. kexec is replaced by a fake that records its arguments.
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/tarball.sh
# shellcheck disable=SC2015,SC2016,SC2317  # `A && B || C` is meant so, so are texts for other shells; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR
find_store
wants tar gzip xz zstd
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

tree() {
    "$REGD_BUILD" tree --root "$store" -q --compression zstd:1 "$@" "$toplevel"
}
refuses() {
    sentence=$1
    wanted=$2
    shift 2
    tree "$@" 2>err
    status=$?
    cat err
    [ "$status" -eq "$wanted" ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -- "$sentence" err
}

# --- what is in it ----------------------------------------------------------------------------------------

unpacks() {
    tree -o tree --tarball "tree$1" && rm -rf unpacked && mkdir unpacked && tar -C unpacked -xf "tree$1" && diff -r tree unpacked &&
        (cd unpacked && sha256sum --quiet -c SHA256SUMS) && "$REGD_BUILD" verify unpacked
}
for suffix in .tar .tar.gz .tar.xz .tar.zst; do
    claim "$suffix: unpacked it is the tree, and verify agrees" unpacks $suffix
done
magic() {
    [ "$(head -c 2 tree.tar.gz | od -An -tx1)" = ' 1f 8b' ] && xz -t tree.tar.xz && zstd -qt tree.tar.zst &&
        for other in gz xz zst; do
            case $other in gz) gzip -dc tree.tar.gz ;; xz) xz -dc tree.tar.xz ;; zst) zstd -qdc tree.tar.zst ;; esac | cmp - tree.tar || return
        done
}
claim 'the suffix says how it is compressed, and within they are the same' magic
listing() {
    tar --numeric-owner --full-time -tvf tree.tar | sed 's/  */ /g' >listing && cat listing &&
        [ "$(grep -cv '^.r[w]-r--r-- 0/0 [0-9]* 1970-01-01 00:00:01 ' listing)" -eq 2 ] &&
        grep -q '^-rwxr-xr-x 0/0 [0-9]* 1970-01-01 00:00:01 kexec-boot$' listing &&
        grep -q '^-rwxr-xr-x 0/0 [0-9]* 1970-01-01 00:00:01 kexec/run$' listing &&
        grep -q '^h.* initrd.gz link to initrd$' listing && sed 's/ link to.*//; s/.* //' listing | sort -c
}
claim 'owner 0:0, times 1, modes 0644 and 0755, initrd.gz a link, in order' listing
others() {
    for program in bsdtar 'busybox tar'; do
        command -v "${program%% *}" >/dev/null || continue
        rm -rf unpacked && mkdir unpacked && $program -C unpacked -xf tree.tar && diff -r tree unpacked || return
    done
}
claim 'bsdtar and busybox unpack it too' others
same() {
    (umask 077 && tree -o again --tarball again.tar.zst --jobs 1 && touch -d @99 again/*) && cmp again.tar.zst tree.tar.zst &&
        tree -o again --tarball again.tar.gz && cmp again.tar.gz tree.tar.gz && [ "$(stat -c %a again.tar.zst)" = 644 ]
}
claim 'the same tree gives the same bytes' same
pieces() {
    tree -o pieces --separate-store --max-size 8M --tarball pieces.tar && mkdir pieces-unpacked && tar -C pieces-unpacked -xf pieces.tar &&
        diff -r pieces pieces-unpacked
}
claim 'a tree in pieces is whole in it' pieces

# --- kexec ------------------------------------------------------------------------------------------------

runs() {
    mkdir bin && printf '#!/bin/sh\nprintf "%%s\\n" "$@" >>%s/said\n' "$PWD" >bin/kexec && chmod 755 bin/kexec &&
        rm -rf 'an empty place' && mkdir 'an empty place' && cd 'an empty place' && tar -xf ../tree.tar.zst &&
        PATH=$PWD/../bin:$PATH ./kexec-boot --dry-run --no-memory-check >../commands && cat ../commands &&
        grep -qF "/an empty place/bzImage" ../commands && grep -qF "/an empty place/initrd" ../commands
}
claim './kexec-boot runs from an empty directory that it was unpacked to' runs

# --- what is refused --------------------------------------------------------------------------------------

claim 'another suffix is a wrong command line' refuses '--tarball expects a name that ends in .tar, .tar.gz, .tar.xz or .tar.zst' 2 -o new --tarball x.zip
nothing_new() {
    [ ! -e new ] && [ ! -e x.zip ] && [ -z "$(find . -name '.*draft*')" ]
}
claim 'then nothing is made' nothing_new
inside() {
    refuses 'would be inside the tree' 1 -o tree --tarball tree/x.tar && refuses 'would be inside the tree' 1 -o both.tar --tarball both.tar &&
        [ ! -e tree/x.tar ] && [ ! -e both.tar ] && nothing_new && "$REGD_BUILD" verify tree
}
claim 'a tarball in the tree or of its name is refused' inside
no_directory() {
    refuses 'nowhere' 1 -o new --tarball nowhere/x.tar && nothing_new
}
claim 'so is one in a directory that is not there' no_directory
full() {
    cp tree.tar.zst old.tar.zst && before=$(cksum <old.tar.zst) &&
        unshare -m sh -c 'mkdir small && mount -t tmpfs -o size=6m none small && cp old.tar.zst small/x.tar.zst 2>/dev/null; :>small/x.tar.zst
            "$1" tree --root "$2" -q --compression zstd:1 -o tree --tarball small/x.tar.zst --params changed "$3" 2>err
            [ $? -eq 1 ] && [ ! -s small/x.tar.zst ] && [ -z "$(find small -name ".*draft*")" ]' sh "$REGD_BUILD" "$store" "$toplevel"
    status=$?
    cat err
    [ "$status" -eq 0 ] && grep -q 'No space left' err && [ "$(wc -l <err)" -eq 1 ] && ! grep -q changed tree/netboot.ipxe &&
        [ "$before" = "$(cksum <old.tar.zst)" ]
}
if unshare -m true 2>/dev/null; then
    claim 'where there is no room for it, the old tree and the old tarball stay' full
else
    skip 'where there is no room for it, the old tree and the old tarball stay' 'no mount namespace'
fi

finish
