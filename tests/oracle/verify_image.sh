#!/bin/sh
# verify_image.sh — does `regd-build verify` find every fault of an image, and none in a sound one?
#
# The images are made by regd-build, or by mksquashfs from an unpacked and changed one. The hashes are Nix's. A program
# that crashes or hangs fails the claim: only exit statuses 0 and 1 are accepted.
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] [TEST_STEP=…] sh tests/oracle/verify_image.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR

wants nix-store mksquashfs unsquashfs
find_store
step=${TEST_STEP:-1}
out=$SCRATCH/out
err=$SCRATCH/err

private_nix
nix_store() {
    nix_store_of "$store" "$@" 2>/dev/null
}

# named NAME...: the store paths.
named() {
    for name; do
        nix_store -qR "$toplevel" | grep -- "^/nix/store/[0-9a-z]*-$name\$"
    done
}

# squashfs FILE ARGUMENT...
squashfs() {
    made=$1
    shift
    "$REGD_BUILD" squashfs --root "$store" --quiet --compression zstd:3 -o "$made" "$@"
}

# mksquash DIRECTORY FILE OPTION...: as the builder's image, as far as mksquashfs can.
mksquash() {
    source=$1
    made=$2
    shift 2
    rm -f "$made"
    mksquashfs "$source" "$made" -all-root -all-time 1 -mkfs-time 1 -root-mode 755 -no-xattrs \
        -always-use-fragments -noappend -no-progress -quiet "$@" >/dev/null 2>"$err"
}

# verify STATUS IMAGE [OPTION...]
verify() {
    wanted=$1
    shift
    timeout "$patience" "$REGD_BUILD" verify "$@" >"$out" 2>"$err"
    status=$?
    cat "$out" "$err"
    [ "$status" -eq "$wanted" ] && [ "$(wc -l <"$err")" -eq 1 ]
}

# found LINE...: these findings, in this order, and no others.
found() {
    printf '%s\n' "$@" | diff - "$out"
}

# --- sound images -----------------------------------------------------------------------------------------

count=$(nix_store -qR "$toplevel" | wc -l)
[ "$count" -gt 20 ] || bail 'the closure is too small'
sound() {
    verify 0 "$@" && [ ! -s "$out" ] && grep -q ": $count paths verified, all as listed\$" "$err"
}

for compression in zstd:3 gzip:1 lz4 xz:0; do
    squashfs "$SCRATCH/$compression.squashfs" --compression "$compression" --signatures "$toplevel" ||
        bail "no image of $compression could be made"
    claim "$compression: an image of the builder is sound" sound "$SCRATCH/$compression.squashfs"
done
image=$SCRATCH/zstd:3.squashfs
claim 'with one thread' sound "$image" -j 1
claim 'with many threads' sound "$image" -j 40
tree=$SCRATCH/tree
unsquashfs -q -n -d "$tree" "$image" >/dev/null || bail 'the image cannot be unpacked'

other_maker() {
    mksquash "$tree" "$SCRATCH/other" "$@" && sound "$SCRATCH/other"
}
claim 'mksquashfs -no-hardlinks -comp zstd -b 1M' other_maker -no-hardlinks -comp zstd -b 1M
claim 'mksquashfs -comp gzip' other_maker -comp gzip
claim 'mksquashfs -comp xz -b 256K' other_maker -comp xz -b 256K
claim 'mksquashfs -comp lz4 -b 64K' other_maker -comp lz4 -b 64K

by_lzo() {
    mksquash "$tree" "$SCRATCH/other" -comp lzo && verify 1 "$SCRATCH/other" && [ ! -s "$out" ] &&
        grep -qF 'compression lzo is not supported; gzip, lz4, xz and zstd are' "$err" &&
        ! "$REGD_BUILD" inspect "$SCRATCH/other" 2>"$err" && grep -qF 'its compression lzo is not supported' "$err"
}
claim 'an image of mksquashfs -comp lzo is refused by that name, by inspect too' by_lzo

by_default() {
    rm -f "$SCRATCH/other"
    mksquashfs "$tree" "$SCRATCH/other" -no-progress -quiet -comp zstd >/dev/null 2>&1 &&
        verify 1 "$SCRATCH/other" && [ "$(grep -c '^layout: super block: time ' "$out")" -eq 1 ] &&
        [ "$(grep -c '^layout: super block: flags ' "$out")" -eq 1 ] && grep -q ": $count of $count paths" "$err"
}
claim "mksquashfs's own time and flags are told" by_default

# --- a small image, for tampering -------------------------------------------------------------------------

# shellcheck disable=SC2046  # store paths have no spaces
squashfs "$SCRATCH/small" $(named links names modes several-outputs-man duplicates-one) || bail 'no small image could be made'
size=$(stat -c %s "$SCRATCH/small")
tampered=$SCRATCH/tampered

fresh() {
    find "$SCRATCH/work" -type d -exec chmod u+w {} + 2>/dev/null
    rm -rf "$SCRATCH/work"
    unsquashfs -q -n -d "$SCRATCH/work" "$SCRATCH/small" >/dev/null && find "$SCRATCH/work" -type d -exec chmod u+w {} +
}

# The image of the changed tree, with the directories' modes as they were.
pack() {
    find "$SCRATCH/work" -mindepth 1 -type d -exec chmod 555 {} + &&
        mksquash "$SCRATCH/work" "$tampered" -comp zstd -b 1M
}

# The one path of that name, below $SCRATCH/work.
at() {
    (cd "$SCRATCH/work" && echo [0-9a-z]*-"$1")
}

untouched() {
    fresh && pack && verify 0 "$tampered"
}
claim 'what was unpacked and packed again is sound' untouched

nar_hash() {
    find "$SCRATCH/work/$1" -type d -exec chmod 555 {} +
    nix-store --dump "$SCRATCH/work/$1" | sha256sum | cut -d ' ' -f 1
}

byte() {
    fresh && path=$(at modes) && expected=$(nar_hash "$path") && find "$SCRATCH/work/$path" -type d -exec chmod u+w {} + &&
        file=$(find "$SCRATCH/work/$path" -type f -size +0 | sort | head -1) && chmod u+w "$file" &&
        old=$(head -c 1 "$file") && { [ "$old" = x ] && new=y || new=x; } &&
        printf %s "$new" | dd of="$file" conv=notrunc 2>/dev/null && chmod u-w "$file" && hash=$(nar_hash "$path") &&
        pack && verify 1 "$tampered" &&
        found "mismatched: /nix/store/$path: expected sha256:$expected, found sha256:$hash"
}
claim 'a changed byte: both hashes are those of nix-store --dump' byte

executable() {
    fresh && path=$(at modes) && file=$(find "$SCRATCH/work/$path" -type f -perm 444 | sort | head -1) && chmod 555 "$file" &&
        pack && verify 1 "$tampered" && [ "$(grep -c "^wrong size: /nix/store/$path: " "$out")" -eq 1 ] &&
        [ "$(wc -l <"$out")" -eq 1 ]
}
claim 'an executable bit' executable

mode() {
    fresh && path=$(at modes) && file=$(cd "$SCRATCH/work" && find "$path" -type f -perm 444 | sort | head -1) &&
        chmod 644 "$SCRATCH/work/$file" && pack && verify 1 "$tampered" &&
        found "metadata: /nix/store/$file: mode 0644, expected 0444"
}
claim 'a mode that is not in the NAR' mode

directory_mode() {
    fresh && path=$(at names) && find "$SCRATCH/work" -mindepth 1 -type d -exec chmod 555 {} + &&
        chmod 700 "$SCRATCH/work/$path" && mksquash "$SCRATCH/work" "$tampered" -comp zstd -b 1M &&
        verify 1 "$tampered" && found "metadata: /nix/store/$path: mode 0700, expected 0555"
}
claim 'the mode of a directory' directory_mode

other_time() {
    fresh && path=$(at names) && find "$SCRATCH/work" -mindepth 1 -type d -exec chmod 555 {} + &&
        touch -h -d @7 "$SCRATCH/work/$path" && rm -f "$tampered" &&
        mksquashfs "$SCRATCH/work" "$tampered" -root-mode 755 -all-root -mkfs-time 1 -no-xattrs -always-use-fragments \
            -no-progress -quiet -comp zstd >/dev/null 2>&1 && verify 1 "$tampered" &&
        grep -qx "metadata: /nix/store/$path: time 7, expected 1" "$out"
}
claim 'a time' other_time

other_owner() {
    fresh && find "$SCRATCH/work" -mindepth 1 -type d -exec chmod 555 {} + &&
        mksquash "$SCRATCH/work" "$tampered" -comp zstd -force-gid 7 && verify 1 "$tampered" &&
        grep -q '^metadata: /nix/store/.*: group 7, expected 0$' "$out" && grep -q '^layout: id table: ' "$out"
}
claim 'an owner' other_owner

target() {
    fresh && path=$(at links) && ln -sfn nowherf "$SCRATCH/work/$path/relative" && pack && verify 1 "$tampered" &&
        grep -Eq "^(mismatched|wrong size): /nix/store/$path: " "$out" && [ "$(wc -l <"$out")" -eq 1 ]
}
claim "a link's target" target

added() {
    fresh && path=$(at names) && : >"$SCRATCH/work/$path/added" && chmod 444 "$SCRATCH/work/$path/added" && pack &&
        verify 1 "$tampered" && grep -q "^wrong size: /nix/store/$path: " "$out" && [ "$(wc -l <"$out")" -eq 1 ]
}
claim 'an added file' added

renamed() {
    fresh && path=$(at modes) && mv "$SCRATCH/work/$path/0400" "$SCRATCH/work/$path/0401" && pack && verify 1 "$tampered" &&
        grep -q "^mismatched: /nix/store/$path: " "$out" && [ "$(wc -l <"$out")" -eq 1 ]
}
claim 'a renamed file' renamed

removed() {
    fresh && path=$(at modes) && file=$(find "$SCRATCH/work/$path" -type f | head -1) && rm -f "$file" && pack &&
        verify 1 "$tampered" && grep -q "^wrong size: /nix/store/$path: " "$out" && [ "$(wc -l <"$out")" -eq 1 ]
}
claim 'a removed file' removed

missing() {
    fresh && path=$(at modes) && rm -rf "${SCRATCH:?}/work/$path" && pack && verify 1 "$tampered" &&
        found "missing: /nix/store/$path: it is not in this image"
}
claim 'a path of the manifest that is not there' missing

stray() {
    fresh && mkdir "$SCRATCH/work/11111111111111111111111111111111-stray" && : >"$SCRATCH/work/$(printf 'odd\nname')" &&
        chmod 444 "$SCRATCH/work/$(printf 'odd\nname')" && pack && verify 1 "$tampered" &&
        found 'stray: /nix/store/11111111111111111111111111111111-stray: it is not in the manifest' \
            'stray: /nix/store/odd\x0aname: it is not in the manifest'
}
claim 'strays, also of odd names' stray

# edit SED-EXPRESSION: the manifest.
edit() {
    chmod u+w "$SCRATCH/work/nix-path-registration" && sed -i "$1" "$SCRATCH/work/nix-path-registration" &&
        chmod 444 "$SCRATCH/work/nix-path-registration"
}

listed_hash() {
    fresh && path=$(at names) && edit "\\|^/nix/store/$path\$|{n;s/.*/$(printf %064d 0)/}" && pack && verify 1 "$tampered" &&
        grep -q "^mismatched: /nix/store/$path: " "$out" && [ "$(wc -l <"$out")" -eq 1 ]
}
claim 'another hash in the manifest' listed_hash

listed_size() {
    fresh && path=$(at names) && edit "\\|^/nix/store/$path\$|{n;n;s/.*/7/}" && pack && verify 1 "$tampered" &&
        found "wrong size: /nix/store/$path: expected 7 bytes, found $(nix-store --dump "$SCRATCH/work/$path" | wc -c)"
}
claim 'another size in the manifest' listed_size

no_record() {
    fresh && path=$(at several-outputs-man) && user=$path &&
        awk -v path="/nix/store/$path" 'BEGIN { left = 0 }
            left == 0 { record = $0; line = 1; text = $0 "\n"; left = 4; next }
            { text = text $0 "\n"; line++ }
            line == 5 { left = $0 + 1 }
            { left-- }
            left == 0 { if (record != path) printf "%s", text }' "$SCRATCH/work/nix-path-registration" >"$SCRATCH/edited" &&
        [ "$(wc -l <"$SCRATCH/edited")" -lt "$(wc -l <"$SCRATCH/work/nix-path-registration")" ] &&
        cp -f "$SCRATCH/edited" "$SCRATCH/work/nix-path-registration" && chmod 444 "$SCRATCH/work/nix-path-registration" &&
        pack && verify 1 "$tampered" && grep -q "^stray: /nix/store/$user: " "$out"
}
claim 'a record that was taken out' no_record

not_closed() {
    fresh && path=$(at names) && other=/nix/store/11111111111111111111111111111111-other &&
        edit "\\|^/nix/store/$path\$|{n;n;n;n;s|^0\$|1\\n$other|}" && grep -qxF "$other" "$SCRATCH/work/nix-path-registration" &&
        pack && verify 1 "$tampered" && found "not closed: /nix/store/$path: $other"
}
claim 'a reference to what is not listed' not_closed

description() {
    find "$SCRATCH/work" -type d -exec chmod u+w {} + && rm -rf "$SCRATCH/work" &&
        squashfs "$SCRATCH/described" --signatures "$(named names)" &&
        unsquashfs -q -n -d "$SCRATCH/work" "$SCRATCH/described" >/dev/null &&
        file=$SCRATCH/work/nix-path-registration.json && chmod u+w "$file" && sed -i 's/"narSize" *: */&1/' "$file" &&
        chmod 444 "$file" && pack && verify 1 "$tampered" &&
        grep -qx "disagreeing: /nix/store/$(at names): nix-path-registration.json says another size" "$out"
}
claim 'a description that says something else than the manifest' description

refused_manifest() {
    fresh && edit '1s/$/x y/' && pack && verify 1 "$tampered" && [ ! -s "$out" ] &&
        grep -q "^regd-build: $tampered: nix-path-registration: line 1: " "$err"
}
claim 'a malformed manifest is refused' refused_manifest

no_manifest() {
    fresh && rm -f "$SCRATCH/work/nix-path-registration" && pack && verify 1 "$tampered" && [ ! -s "$out" ] &&
        grep -q 'there is no nix-path-registration in it' "$err"
}
claim 'no manifest is refused' no_manifest

device() {
    fresh && mkfifo "$SCRATCH/work/$(at names)/pipe" && pack && verify 1 "$tampered" && [ ! -s "$out" ] &&
        grep -q 'a store cannot hold a device, socket or pipe' "$err"
}
claim 'a pipe is refused' device

# --- damage -----------------------------------------------------------------------------------------------

truncated() {
    for part in 0 1 95 96 100 4096 $((size / 2)) $((size - 8192)) $((size - 4096)) $((size - 1)); do
        head -c "$part" "$SCRATCH/small" >"$tampered"
        verify 1 "$tampered" || return
    done
}
claim 'a truncated image' truncated

longer() {
    { cat "$SCRATCH/small" && head -c 4096 /dev/zero; } >"$tampered"
    verify 1 "$tampered" && found "layout: padding: the image has $((size + 4096)) bytes, expected $size"
}
claim 'zeros behind the end' longer

# flip BIT: of $tampered, there and back.
flip() {
    old=$(od -An -tu1 -j $(($1 / 8)) -N 1 "$SCRATCH/small")
    # shellcheck disable=SC2059  # an octal escape
    printf "\\$(printf %o $((old ^ (1 << $1 % 8))))" |
        dd of="$tampered" bs=1 seek=$(($1 / 8)) conv=notrunc 2>/dev/null
}

# tried BIT: finds or refuses; what it says is in $out and $err.
tried() {
    flip "$1"
    timeout "$patience" "$REGD_BUILD" verify -j 1 "$tampered" >"$out" 2>"$err"
    status=$?
    dd if="$SCRATCH/small" of="$tampered" bs=1 skip=$(($1 / 8)) seek=$(($1 / 8)) count=1 conv=notrunc 2>/dev/null
    [ "$status" -le 1 ] && return
    echo "bit $1: status $status"
    cat "$err"
    return 2
}

super_block() {
    cp "$SCRATCH/small" "$tampered"
    bit=0
    while [ "$bit" -lt 768 ]; do
        tried "$bit" || return
        [ "$status" -eq 1 ] || { echo "bit $bit is not found" && return 1; }
        bit=$((bit + step))
    done
    cmp "$SCRATCH/small" "$tampered"
}
claim 'every bit of the super block' super_block

# Where the tables start, and where they end: bytes 64 and 40 of the super block.
tables=$(od -An -tu8 -j 64 -N 8 "$SCRATCH/small" | tr -d ' ')
used=$(od -An -tu8 -j 40 -N 8 "$SCRATCH/small" | tr -d ' ')

# random_bits FIRST-BYTE END-BYTE COUNT MOST-NOT-FOUND
random_bits() {
    cp "$SCRATCH/small" "$tampered"
    awk -v first="$1" -v end="$2" -v count="$(($3 / step))" \
        'BEGIN { srand(7); for (i = 0; i < count; i++) printf "%d\n", (first + rand() * (end - first)) * 8 }' >"$SCRATCH/bits"
    tried_count=0
    silent=0
    while read -r bit; do
        tried "$bit" || return
        tried_count=$((tried_count + 1))
        [ "$status" -eq 1 ] || { silent=$((silent + 1)) && echo "bit $bit is not found"; }
    done <"$SCRATCH/bits"
    echo "$silent of $tried_count bits are not found"
    cmp "$SCRATCH/small" "$tampered" && [ "$tried_count" -gt 0 ] && [ "$silent" -le "$4" ]
}
claim 'random bits of the padding' random_bits "$used" "$size" 40 0

# Those of compressed data that mean nothing, too: there is a checksum.
claim 'random bits of the tables' random_bits "$tables" "$used" 250 0
claim 'random bits of the whole image' random_bits 0 "$size" 200 0

# Data that is not compressed has no such bits.
stored() {
    fresh && find "$SCRATCH/work" -mindepth 1 -type d -exec chmod 555 {} + &&
        mksquash "$SCRATCH/work" "$SCRATCH/plain" -comp zstd -b 1M -noI -noD -noF -noId &&
        cp "$SCRATCH/small" "$SCRATCH/kept" && cp "$SCRATCH/plain" "$SCRATCH/small" &&
        random_bits "$(od -An -tu8 -j 64 -N 8 "$SCRATCH/plain" | tr -d ' ')" \
            "$(od -An -tu8 -j 40 -N 8 "$SCRATCH/plain" | tr -d ' ')" 200 0
    result=$?
    cp "$SCRATCH/kept" "$SCRATCH/small"
    return "$result"
}
plain_is_read() {
    fresh && find "$SCRATCH/work" -mindepth 1 -type d -exec chmod 555 {} + &&
        mksquash "$SCRATCH/work" "$SCRATCH/plain" -comp zstd -b 1M -noI -noD -noF -noId && verify 1 "$SCRATCH/plain" &&
        found 'layout: super block: flags 0x02eb, expected 0x02e8'
}
claim 'an image that is not compressed has other flags, and nothing else' plain_is_read
# Its flags are a finding; what is looked for is another line.
stored_bits() {
    REGD_REAL=$REGD_BUILD
    cat >"$SCRATCH/without-flags" <<END
#!/bin/sh
"$REGD_REAL" "\$@" >"$SCRATCH/lines" 2>&2
status=\$?
[ \$status -ne 1 ] || [ "\$(grep -cv '^layout: super block: flags' "$SCRATCH/lines")" -gt 0 ] || [ ! -s "$SCRATCH/lines" ] || status=0
exit \$status
END
    chmod +x "$SCRATCH/without-flags"
    REGD_BUILD=$SCRATCH/without-flags
    stored
}
claim 'random bits of tables that are not compressed: all are found' stored_bits

# --- layers -----------------------------------------------------------------------------------------------

layers() {
    below=$(named several-outputs-man) && squashfs "$SCRATCH/base" "$below" &&
        squashfs "$SCRATCH/top" --base "$SCRATCH/base" "$toplevel" && verify 0 "$SCRATCH/base" &&
        verify 0 "$SCRATCH/top" --base "$SCRATCH/base" && verify 1 "$SCRATCH/top" &&
        grep -qx "missing: $below: it is not in this image" "$out" && ! grep -v '^missing: ' "$out"
}
claim 'what is in an image below is missing unless that is named' layers

# --- the command ------------------------------------------------------------------------------------------

same_output() {
    fresh && : >"$SCRATCH/work/$(at names)/added" && chmod 700 "$SCRATCH/work/$(at modes)" && rm -rf "$SCRATCH/work/$(at links)" &&
        mksquash "$SCRATCH/work" "$tampered" -comp zstd && verify 1 "$tampered" -j 1 && cat "$out" "$err" >"$SCRATCH/one" &&
        sed 's/^[^:]*: \([^:]*\): .*/\1/' "$out" | sort -c || return
    for jobs in 2 7 100; do
        verify 1 "$tampered" -j "$jobs" && cat "$out" "$err" | diff "$SCRATCH/one" - || return
    done
}
claim 'the output does not depend on --jobs' same_output

quiet() {
    "$REGD_BUILD" verify --quiet "$image" >"$out" 2>&1 && [ ! -s "$out" ]
}
claim '--quiet says nothing when all is well' quiet

json() {
    fresh && path=$(at names) && gone=$(at links) && sized=$(at modes) && rm -rf "${SCRATCH:?}/work/$gone" &&
        mkdir "$SCRATCH/work/stray" && edit "\\|^/nix/store/$path\$|{n;s/.*/$(printf %064d 0)/}" &&
        edit "\\|^/nix/store/$sized\$|{n;n;s/.*/7/}" && pack && verify 1 "$tampered" --json &&
        jq -e --arg path "/nix/store/$path" --arg gone "/nix/store/$gone" --arg sized "/nix/store/$sized" '
            .missing == [$gone] and .strays == ["/nix/store/stray"] and .ok + 3 == .paths and
            (.mismatched | length == 1 and .[0].path == $path and .[0].expected == "sha256:" + "0" * 64) and
            (.wrongSize | length == 1 and .[0].path == $sized and .[0].expected == 7) and
            (.metadata + .layout + .notClosed + .disagreeing + .unreadable == []) and
            keys == ["disagreeing", "layout", "metadata", "mismatched", "missing", "notClosed", "ok", "omitted", "paths", "strays",
                "unreadable", "wrongSize"]' "$out"
}
have jq '--json tells it all' && claim '--json tells it all' json

elsewhere() {
    verify 1 "$image" --store-dir /other/store && grep -q 'nix-path-registration: line 1: ' "$err"
}
claim 'the paths of another store are refused' elsewhere

no_image() {
    verify 1 "$SCRATCH/nothing" && verify 1 "$SCRATCH" && verify 1 /dev/null && verify 1 "$0" &&
        grep -q 'it is not a squashfs image' "$err"
}
claim 'what is no image is refused' no_image

finish
