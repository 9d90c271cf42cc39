#!/bin/sh
# inspect.sh — is what `regd-build inspect` says of an image what Nix, unsquashfs and du say?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/inspect.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR

wants nix-store mksquashfs unsquashfs jq
find_store
out=$SCRATCH/out
err=$SCRATCH/err

private_nix
nix_store() {
    nix_store_of "$store" "$@" 2>/dev/null
}
nix_store -qR "$toplevel" | sort >"$SCRATCH/closure"
[ "$(wc -l <"$SCRATCH/closure")" -gt 20 ] || bail 'the closure is too small'

image=$SCRATCH/image
"$REGD_BUILD" squashfs --root "$store" --quiet --compression zstd:3 -o "$image" "$toplevel" || bail 'no image could be made'
tree=$SCRATCH/tree
unsquashfs -q -n -d "$tree" "$image" >/dev/null || bail 'the image cannot be unpacked'
mksquashfs "$tree" "$SCRATCH/other" -all-root -no-xattrs -comp gzip -b 128K -no-progress -quiet >/dev/null 2>&1 ||
    bail 'mksquashfs makes no image'

named() {
    grep -- "^/nix/store/[0-9a-z]*-$1\$" "$SCRATCH/closure"
}

# inspect STATUS IMAGE [OPTION...]
inspect() {
    wanted=$1
    shift
    "$REGD_BUILD" inspect "$@" >"$out" 2>"$err"
    status=$?
    cat "$out" "$err"
    [ "$status" -eq "$wanted" ]
}

# --- counts and sizes -------------------------------------------------------------------------------------

# What unsquashfs lists, by its first letter. Names have line breaks.
listed() {
    unsquashfs -lln "$1" | grep -cE "^$2[rwx-]{9} 0/0 "
}

# counts IMAGE: the root is no directory of a path's.
counts() {
    inspect 0 "$1" --json || return
    echo "$(listed "$1" -) $(listed "$1" d) $(listed "$1" l)"
    [ "$(jq .files "$out")" -eq "$(listed "$1" -)" ] && [ "$(jq .directories "$out")" -eq $(($(listed "$1" d) - 1)) ] &&
        [ "$(jq .links "$out")" -eq "$(listed "$1" l)" ]
}
claim 'files, directories and links are those that unsquashfs lists' counts "$image"
claim 'also in an image of mksquashfs with hard links' counts "$SCRATCH/other"

super_block() {
    unsquashfs -s "$1" >"$SCRATCH/super" && inspect 0 "$1" --json || return
    grep -qx "Compression $(jq -r .compressor "$out")" "$SCRATCH/super" &&
        grep -qx "Block size $(jq .blockSize "$out")" "$SCRATCH/super" && [ "$(jq .image "$out")" -eq "$(stat -c %s "$1")" ]
}
claim 'compressor, block size and size are those of unsquashfs -s and stat' super_block "$image"
claim 'also in an image of mksquashfs' super_block "$SCRATCH/other"

# The bytes of all files of each path; hard links count each time, as in du -l.
sizes() {
    inspect 0 "$1" --json && jq -r '.paths[] | "\(.path) \(.files) \(.size)"' "$out" | sort >"$SCRATCH/got" || return
    while read -r path; do
        find "$tree/${path##*/}" -type f -printf '%s\n' |
            awk -v path="$path" '{ sum += $1 } END { printf "%s %d %d\n", path, NR, sum }'
    done <"$SCRATCH/closure" | sort | diff - "$SCRATCH/got"
}
claim 'each path has the files and bytes that find sees' sizes "$image"
claim 'also in an image of mksquashfs' sizes "$SCRATCH/other"

apparent() {
    path=$(named 'grep-[0-9][^/]*[0-9]')
    inspect 0 "$image" --json || return
    [ "$(jq --arg path "$path" '.paths[] | select(.path == $path).size' "$out")" -eq \
        "$(find "$tree/${path##*/}" -type f -exec du -b {} + | awk '{ sum += $1 } END { print sum }')" ]
}
claim 'a path is as large as du -b says' apparent

nar_sizes() {
    inspect 0 "$image" --json && jq -r '.paths[] | "\(.path) \(.narSize)"' "$out" >"$SCRATCH/got" &&
        while read -r path; do echo "$path $(nix_store -q --size "$path")"; done <"$SCRATCH/closure" | diff - "$SCRATCH/got"
}
claim 'narSize is what nix-store -q --size says' nar_sizes

# Everything between the super block and the inodes is file data, or the compressor's options.
sums() {
    inspect 0 "$1" --json || return
    inodes=$(od -An -tu8 -j 64 -N 8 "$1" | tr -d ' ')
    jq -e --argjson inodes "$inodes" '.packed + .tables == .image and ($inodes - 96 - .packed | . >= 0 and . <= 10) and
        (.size >= ([.paths[].size] | add)) and ([.paths[].packed] | add) <= .packed' "$out"
}
claim 'all compressed bytes are counted once' sums "$image"
claim 'also in an image of mksquashfs' sums "$SCRATCH/other"

# Of two paths of equal files the first has the bytes.
shared() {
    one=$(named duplicates-one) two=$(named duplicates-two)
    first=$(printf '%s\n' "$one" "$two" | sort | head -1)
    inspect 0 "$image" --json || return
    jq -e --arg one "$one" --arg two "$two" --arg first "$first" '[.paths[] | select(.path == $one or .path == $two)] |
        (map(select(.path == $first))[0].packed > 10000) and (map(select(.path != $first))[0].packed < 10000)' "$out"
}
claim 'what two paths share counts once' shared

memory() {
    inspect 0 "$image" --json || return
    size=$(stat -c %s "$image")
    unpacked=$(((size + 4095) / 4096 * 4096 + 1024))
    half=$((size + 2 * unpacked + (56 << 20)))
    half=$((half + half / 55))
    all=$((size + unpacked + (79 << 20)))
    all=$((all + all / 45))
    [ "$(jq .memoryAtBoot "$out")" -eq $((half > all ? half : all)) ]
}
claim 'memory: the ramdisk, twice what is unpacked, and 64 MiB' memory

overview() {
    inspect 0 "$image" && [ ! -s "$err" ] && grep -q "^paths     $(wc -l <"$SCRATCH/closure")\$" "$out" &&
        grep -q '^image     .* MiB, zstd, blocks of 1024 KiB$' "$out" && grep -q '^memory    needs about .* MiB to boot' "$out" &&
        sed -n 's/.* %: //p' "$out" >"$SCRATCH/largest" && [ "$(wc -l <"$SCRATCH/largest")" -eq 20 ] || return
    inspect 0 "$image" --json >/dev/null &&
        jq -r '.paths | sort_by(-.packed, .path)[:20][] | .path | sub(".*/"; "")' "$out" | diff - "$SCRATCH/largest"
}
claim 'the overview ends with the 20 largest paths' overview

layers() {
    below=$(named several-outputs-man)
    "$REGD_BUILD" squashfs --root "$store" -q --compression zstd:3 -o "$SCRATCH/base" "$below" &&
        "$REGD_BUILD" squashfs --root "$store" -q --compression zstd:3 -o "$SCRATCH/top" --base "$SCRATCH/base" "$toplevel" &&
        inspect 0 "$SCRATCH/top" --json &&
        [ "$(jq -r '.paths[] | select(.inImage | not).path' "$out")" = "$(nix_store -qR "$below" | sort)" ] &&
        inspect 0 "$SCRATCH/top" && grep -q "of them not in this image" "$out"
}
claim 'paths that are in an image below are told apart' layers

# --- references -------------------------------------------------------------------------------------------

closures() {
    awk 'NR % 5 == 1' "$SCRATCH/closure" >"$SCRATCH/some"
    while read -r path; do
        inspect 0 "$image" --closure "$path" >/dev/null && nix_store -qR "$path" | sort | diff - "$out" || return
    done <"$SCRATCH/some"
}
claim '--closure of every fifth path is that of nix-store -qR' closures

closure_size() {
    path=$(named several-outputs-man)
    nix_store -qR "$path" >"$SCRATCH/some"
    inspect 0 "$image" --json --closure "$path" && jq -r '.paths[].path' "$out" | diff - "$SCRATCH/some" >/dev/null ||
        jq -r '.paths[].path' "$out" | sort | diff - "$(sort "$SCRATCH/some" >"$SCRATCH/sorted" && echo "$SCRATCH/sorted")" || return
    sum=0
    while read -r path; do
        sum=$((sum + $(find "$tree/${path##*/}" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')))
    done <"$SCRATCH/some"
    [ "$(jq .size "$out")" -eq "$sum" ] && [ "$(jq '[.paths[].size] | add' "$out")" -eq "$sum" ]
}
claim 'its size is the sum of its files' closure_size

# The chain has only references of Nix, and is as short as a walk over nix-store -q --references finds.
distance() {
    printf '%s\n' "$1" >"$SCRATCH/reached"
    steps=0
    while ! grep -qxF "$2" "$SCRATCH/reached"; do
        # shellcheck disable=SC2046  # store paths have no spaces
        nix_store -q --references $(cat "$SCRATCH/reached") | sort -u - "$SCRATCH/reached" >"$SCRATCH/next"
        cmp -s "$SCRATCH/next" "$SCRATCH/reached" && return 1
        mv "$SCRATCH/next" "$SCRATCH/reached"
        steps=$((steps + 1))
    done
    echo "$steps"
}
chain() {
    inspect 0 "$image" --why "$1" "$2" && [ "$(head -1 "$out")" = "$1" ] && [ "$(tail -1 "$out")" = "$2" ] || return
    before=
    while read -r path; do
        [ -z "$before" ] || nix_store -q --references "$before" | grep -qxF "$path" || return
        before=$path
    done <"$out"
    [ "$(wc -l <"$out")" -eq $(($(distance "$1" "$2") + 1)) ]
}
chains() {
    awk 'NR % 7 == 2' "$SCRATCH/closure" >"$SCRATCH/some"
    while read -r path; do chain "$toplevel" "$path" || return; done <"$SCRATCH/some"
}
claim '--why: every seventh path is needed by the system, through a shortest chain of references' chains

one_user() {
    path=$(named 'libc6-[0-9][^/]*[0-9]')
    nix_store -q --referrers "$path" | grep -Fxf "$SCRATCH/closure" >"$SCRATCH/referrers" && [ -s "$SCRATCH/referrers" ] || return
    while read -r user; do
        [ "$user" = "$path" ] || { inspect 0 "$image" --why "$user" "$path" >/dev/null &&
            printf '%s\n' "$user" "$path" | diff - "$out"; } || return
    done <"$SCRATCH/referrers"
}
claim 'what nix-store -q --referrers lists needs it at once' one_user

itself() {
    inspect 0 "$image" --why "$toplevel" "$toplevel" && [ "$(cat "$out")" = "$toplevel" ]
}
claim 'a path needs itself' itself

not_needed() {
    path=$(named empty-file)
    inspect 1 "$image" --why "$path" "$toplevel" && [ ! -s "$out" ] && grep -q "${path##*/} does not depend on ${toplevel##*/}" "$err"
}
claim 'what is not needed is said' not_needed

why_json() {
    path=$(named 'libc6-[0-9][^/]*[0-9]')
    inspect 0 "$image" --why "$toplevel" "$path" && cp "$out" "$SCRATCH/lines" &&
        inspect 0 "$image" --json --why "$toplevel" "$path" && jq -r '.[]' "$out" | diff "$SCRATCH/lines" -
}
claim '--why --json' why_json

names() {
    path=$(named bash-5.*)
    base=${path##*/}
    inspect 0 "$image" --closure "$path" && cp "$out" "$SCRATCH/lines" || return
    for name in "$base" "${base%%-*}" "${base#*-}"; do
        inspect 0 "$image" --closure "$name" && diff "$SCRATCH/lines" "$out" || return
    done
}
claim 'a path may be a base name, a digest or a part of a name' names

unclear() {
    inspect 1 "$image" --closure a && grep -q "'a' is ambiguous: it is in the names of [0-9]* paths, " "$err" && inspect 1 "$image" --closure no-such &&
        grep -q "no path in the image has 'no-such' in its name" "$err"
}
claim 'names of several paths, and of none, are refused' unclear

# --- the picture ------------------------------------------------------------------------------------------

draw() {
    inspect 0 "$image" --svg "$SCRATCH/map.svg" >/dev/null
}
draw || bail 'no picture could be drawn'

well_formed() {
    xmllint --noout "$SCRATCH/map.svg" && ! grep -qE '<script|https?://[^w]|<image|@import' "$SCRATCH/map.svg"
}
text='the picture is well-formed and needs nothing else'
have xmllint "$text" && claim "$text" well_formed

rectangles() {
    sed -nE 's/.*<rect x="([-0-9.]+)" y="([-0-9.]+)" width="([-0-9.]+)" height="([-0-9.]+)".*/\1 \2 \3 \4/p' "$SCRATCH/map.svg"
}

# Their areas fill the picture and do not overlap.
tiles() {
    rectangles | awk '
        { x[NR] = $1; y[NR] = $2; w[NR] = $3; h[NR] = $4; sum += $3 * $4
          if ($1 < -0.02 || $2 < 39.98 || $1 + $3 > 1600.02 || $2 + $4 > 1000.02) { print "outside: " $0; bad = 1 } }
        END {
            for (i = 1; i <= NR; i++) for (j = i + 1; j <= NR; j++)
                if (x[i] + 0.02 < x[j] + w[j] && x[j] + 0.02 < x[i] + w[i] && y[i] + 0.02 < y[j] + h[j] && y[j] + 0.02 < y[i] + h[i] &&
                    w[i] > 0.05 && h[i] > 0.05 && w[j] > 0.05 && h[j] > 0.05) { print "overlap: " i " " j; bad = 1 }
            print NR " rectangles, " sum
            exit bad || NR < 40 || sum < 1600 * 960 * 0.999 || sum > 1600 * 960 * 1.001
        }'
}
claim 'its rectangles fill it and do not overlap' tiles

# The area of a path is its share of the image's bytes.
shares() {
    inspect 0 "$image" --json || return
    total=$(jq .image "$out")
    jq -r '.paths[] | select(.packed > 20000) | "\(.path | sub(".*/"; "")) \(.packed)"' "$out" >"$SCRATCH/packed"
    [ "$(wc -l <"$SCRATCH/packed")" -gt 10 ] || return
    while read -r base packed; do
        grep -F "<title>$base: " "$SCRATCH/map.svg" |
            sed -E 's/.* width="([0-9.]+)" height="([0-9.]+)".*/\1 \2/' |
            awk -v share="$packed" -v total="$total" '{ is = $1 * $2 / (1600 * 960); want = share / total
                exit is < want * 0.98 - 0.00001 || is > want * 1.02 + 0.00001 } END { if (NR != 1) exit 1 }' ||
            { echo "$base" && return 1; }
    done <"$SCRATCH/packed"
}
claim 'a rectangle is as large as its path' shares

# Every text stands within its rectangle, with letters of 0.62 of its size.
labels() {
    grep '<g><title>' "$SCRATCH/map.svg" | grep '<text' | grep -v rotate | awk '
        function number(text, key) { match(text, key "=\"[-0-9.]+"); return substr(text, RSTART + length(key) + 2, RLENGTH - length(key) - 2) + 0 }
        {
            rect = $0; sub(/.*<rect/, "", rect); sub(/\/>.*/, "", rect)
            left = number(rect, " x"); top = number(rect, " y"); right = left + number(rect, " width"); bottom = top + number(rect, " height")
            rest = $0; bottom_before = 0
            while (match(rest, /<text [^>]*>[^<]*/)) {
                text = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
                label = text; sub(/.*>/, "", label); gsub(/&[a-z]*;/, "x", label)
                size = number(text, " font-size"); x = number(text, " x"); y = number(text, " y")
                if (x - length(label) * size * 0.31 < left || x + length(label) * size * 0.31 > right ||
                    y - size / 2 < top || y + size / 2 > bottom || size < 9 || y - size / 2 < bottom_before) { print; bad = 1 }
                bottom_before = y + size / 2
                count++
            }
        }
        END { print count " labels"; exit bad || count < 20 }'
}
claim 'every label fits into its rectangle' labels

same_picture() {
    cp "$SCRATCH/map.svg" "$SCRATCH/before.svg" && draw && cmp "$SCRATCH/before.svg" "$SCRATCH/map.svg"
}
claim 'the same picture each time' same_picture

no_room() {
    inspect 1 "$image" --svg "$SCRATCH/no/such/map.svg" && grep -q "$SCRATCH/no/such" "$err"
}
claim 'a picture that cannot be written is refused' no_room

# --- the command ------------------------------------------------------------------------------------------

wrong_line() {
    for arguments in "$image --why a" "$image --why" "$image a" "$image a b --why c" "--why a b" "--why a b c $image"; do
        # shellcheck disable=SC2086  # several words
        "$REGD_BUILD" inspect $arguments >"$out" 2>"$err"
        status=$?
        echo "$arguments: $status"
        [ "$status" -eq 2 ] || return
    done
}
claim '--why takes two paths, and nothing swallows one' wrong_line
# In any order; two words in one argument are one path.
any_order() {
    inspect 0 "$image" --why "$toplevel" "$toplevel" && cp "$out" "$SCRATCH/lines" &&
        inspect 0 --why "$toplevel" "$toplevel" "$image" && diff "$SCRATCH/lines" "$out" &&
        inspect 1 --why 'a b' c "$image" && grep -q "no path in the image has 'a b' in its name" "$err" &&
        inspect 2 "$image" --why 'a b' && grep -q "option --why expects A B, not only 'a b'" "$err"
}
claim '--why stands before the image or after it' any_order

damaged() {
    head -c 5000 "$image" >"$SCRATCH/cut" && inspect 1 "$SCRATCH/cut" && [ "$(wc -l <"$err")" -eq 1 ] && [ ! -s "$out" ] &&
        grep -q "^regd-build: $SCRATCH/cut: it is cut off" "$err"
}
claim 'a damaged image is refused' damaged

finish
