#!/bin/sh
# inspect_diff.sh — does `regd-build inspect --diff` say what `nix store diff-closures` says of two systems?
#
# The store is made here: two systems whose packages are called and versioned in every way that matters.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/oracle/inspect_diff.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C.UTF-8 TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR

wants nix nix-store unsquashfs jq
for program in REGD REGD_BUILD; do
    eval "case \$$program in /*) ;; *) $program=\$PWD/\$$program ;; esac"
done
private_nix
cd "$SCRATCH" || bail "$SCRATCH is not there"
mkdir -p root/nix/store

# --- two systems ------------------------------------------------------------------------------------------

# Which system, the name, and the KiB of its file; each line is a path of its own.
packages='both bash-5.1-p16-doc 10
old bash-5.1-p16 100
new bash-5.2-p15 120
old glibc-2.35-163-bin 30
new glibc-2.35-163-bin 31
old gcc-12.2.0-lib32 40
new gcc-12.3.0-lib32 40
new gcc-12.3.0-lib64 40
both gcc-11.1.0 5
old rebuilt-1.0 20
new rebuilt-1.0 20
old grown-1.0 20
new grown-1.0 64
old dolphin-20.08.1 70
new vim-9.0.1 80
old README 1
new READYOU 1
old hooks 9
new hooks 90
new hooks-1 2
both same-1.0 50
old a--b-1 3
new a--b-2 3
old many-1 1
old many-2 1
both many-3 1
new many-4 1
new many-10 1
old vlc-unwrapped 4
new vlc-unwrapped-3.0-dev 4
old X11-R6-fonts-1.0.3 12
new X11-R6-fonts-1.0.4 12
old at_spi-2.1_3+x 6
new at_spi-2.1_3?x 6'

number=0
# add NAME: makes a digest, and sets `path`.
add() {
    number=$((number + 1))
    path=$(printf '/nix/store/%08d%024d-%s' $((number * 7919 % 9973)) "$number" "$1")
}
# record [REFERENCE...]: of `path`.
record() {
    nix-store --dump "root$path" >nar &&
        printf '%s\n%s\n%d\n\n%d\n' "$path" "$(sha256sum nar | cut -c 1-64)" "$(wc -c <nar)" "$#"
    for reference; do echo "$reference"; done
}
: >closure.old && : >closure.new
echo "$packages" | {
    while read -r side name size; do
        add "$name"
        mkdir "root$path" && "$REGD_BUILD" --version >"root$path/text" &&
            head -c $((size << 10)) /dev/urandom >"root$path/data" && record || bail "$name could not be made"
        [ "$side" = both ] || echo "$path" >>"closure.$side"
        [ "$side" != both ] || { echo "$path" >>closure.old && echo "$path" >>closure.new; }
    done
    for side in old new; do
        add "nixos-system-demo-24.05-$side-1"
        echo "$side" >"root$path" && echo "$path" >"system.$side"
        # shellcheck disable=SC2046  # store paths have no spaces
        record $(cat "closure.$side")
        echo "$path" >>"closure.$side"
    done
} >manifest
old=$(cat system.old) new=$(cat system.new)
nix_store_of "$PWD/root" --load-db <manifest 2>err || { cat err && bail 'Nix registers no paths'; }
for side in old new; do
    "$REGD_BUILD" squashfs -q --root root --compression zstd:3 -o "$side.img" "$(cat "system.$side")" || bail 'no image could be made'
    unsquashfs -q -n -d "tree.$side" "$side.img" >/dev/null || bail 'the image cannot be unpacked'
done

# diff_closures OLD NEW: without colours; lines of "NAME: 1.0 → 1.1, +9.0 KiB".
diff_closures() {
    HOME="$SCRATCH/home" NIX_CONF_DIR="$SCRATCH/conf" NIX_USER_CONF_FILES=/dev/null \
        nix --extra-experimental-features nix-command --store "$SCRATCH/root" store diff-closures "$1" "$2" 2>err |
        sed 's/\x1b\[[0-9;]*m//g'
}
diff_closures "$old" "$new" >nix.out
[ "$(wc -l <nix.out)" -gt 12 ] || { cat err && bail 'Nix compares nothing'; }

# inspect STATUS [OPTION...]
inspect() {
    wanted=$1
    shift
    "$REGD_BUILD" inspect "$@" >out 2>err
    status=$?
    cat out err
    [ "$status" -eq "$wanted" ]
}
inspect 0 new.img --diff old.img >/dev/null && cp out text || bail 'nothing is compared'
inspect 0 new.img --diff old.img --json >/dev/null && cp out json || bail 'nothing is compared'

# --- packages ---------------------------------------------------------------------------------------------

# Of our lines and Nix's: "NAME: REMOVED → ADDED". What grew has a '+' in Nix 2.26, and none in 2.34.
nix_versions() {
    sed -nE 's/^([^:]*: .* → [^ ]*(, [^ +-][^ ]*)*)(, [-+]?[0-9.]+ KiB)?$/\1/p' "$1"
}

versions_by_text() {
    sed -nE 's/^ *[-+][0-9.]+ MiB +[-+][0-9.]+ MiB  ([^:]*: .* -> .*)$/\1/p' text |
        sed -E 's/\bunversioned\b/ε/g; s/: none ->/: ∅ ->/; s/-> none$/-> ∅/; s/ -> / → /' >got
    nix_versions nix.out | diff - got && [ "$(wc -l <got)" -gt 10 ]
}
claim 'versions are removed and added as nix store diff-closures has it' versions_by_text

versions_by_json() {
    # shellcheck disable=SC2016  # jq's variables
    jq -r 'def told: if . == [] then "∅" else map(if . == "" then "ε" else . end) | sort | join(", ") end;
        .packages[] | select(.removedVersions != [] or .addedVersions != []) |
        "\(.name): \(.removedVersions | told) → \(.addedVersions | told)"' json >got
    nix_versions nix.out | diff - got
}
claim 'also in JSON' versions_by_json

# Nix prints the difference of NAR sizes from 8 KiB on.
nar_sizes() {
    jq -r '.added[], (.changed[].new) | "\(.path) \(.narSize)"' json >added
    jq -r '.removed[], (.changed[].old) | "\(.path) -\(.narSize)"' json >removed
    jq -r '.packages[].name' json | awk '
        FNR == 1 { file++ }
        # The name of a package is the longest that the path begins with.
        file < 3 { base = $1; sub("^/nix/store/[^-]*-", "", base); bases[++count] = base; sizes[count] = $2; next }
        { names[$0] }
        END {
            for (i = 1; i <= count; i++) {
                best = ""
                for (name in names)
                    if ((bases[i] == name || index(bases[i], name "-") == 1) && length(name) > length(best))
                        best = name
                sum[best] += sizes[i]
            }
            for (name in sum)
                if (sum[name] >= 8192 || sum[name] <= -8192)
                    printf "%s %+.1f\n", name, sum[name] / 1024
        }' added removed - | sort >got
    sed -nE 's/^([^:]*): (.*, )?([-+]?[0-9.]+) KiB$/\1 \3/p' nix.out | sed 's/ \([0-9]\)/ +\1/' | sort | diff - got && [ "$(wc -l <got)" -gt 5 ]
}
claim 'NAR sizes of what was added and removed differ by what Nix says' nar_sizes

# The lines are Nix's: all with other versions, and those whose size changed by 8 KiB. (Here nothing is compressed by that much.)
lines() {
    sed -nE 's/^ *[-+][0-9.]+ MiB +[-+][0-9.]+ MiB  ([^:]*)(:.*)?$/\1/p' text >got && sed 's/: .*//' nix.out | diff - got
}
claim 'the packages listed are those that Nix lists' lines

sorted() {
    jq -r '.packages[].name' json | LC_ALL=C sort -cu && jq -r '.added[].path' json | LC_ALL=C sort -cu &&
        jq -r '.removed[].path' json | LC_ALL=C sort -cu
}
claim 'packages and paths are sorted' sorted

# --- paths and sizes --------------------------------------------------------------------------------------

paths() {
    sort closure.old >sorted.old && sort closure.new >sorted.new &&
        jq -r '.added[].path' json | diff - "$(comm -13 sorted.old sorted.new >want && echo want)" &&
        jq -r '.removed[].path' json | diff - "$(comm -23 sorted.old sorted.new >want && echo want)" &&
        jq -e '.changed == []' json && [ "$(jq .old.paths json)" -eq "$(wc -l <closure.old)" ] &&
        [ "$(jq .new.paths json)" -eq "$(wc -l <closure.new)" ] &&
        grep -q "^paths     $(wc -l <closure.old) -> $(wc -l <closure.new): $(jq '.added | length' json) added, $(jq '.removed | length' json) removed, 0 with other contents\$" text
}
claim 'paths are added and removed as in the closures' paths

# bytes TREE NAME: of the files of all its paths.
bytes() {
    find "$1" -path "$1/*-$2/*" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }'
}
sizes() {
    for name in 'bash-5*' 'glibc-2*' 'gcc-1*' 'grown-1*' 'vim-9*' 'dolphin-2*' 'same-1*'; do
        for side in old new; do
            is=$(jq --arg name "${name%%-*}" --arg side "$side" '[.packages[] | select(.name == $name)[$side + "Size"]] | add // "same"' json)
            case $is in
            '"same"') [ "$(bytes tree.old "$name")" -eq "$(bytes tree.new "$name")" ] ;;
            *) [ "$is" -eq "$(bytes "tree.$side" "$name")" ] ;;
            esac || { echo "$name, $side: $is" && return 1; }
        done
    done
}
claim 'a package is as large as unsquashfs unpacks it, before and after' sizes

totals() {
    for side in old new; do
        "$REGD_BUILD" inspect --json "$side.img" >one && [ "$(jq ".$side.image" json)" -eq "$(stat -c %s "$side.img")" ] &&
            [ "$(jq -S '{image, size, packed, tables}' one)" = "$(jq -S ".$side | del(.paths)" json)" ] || return
        # shellcheck disable=SC2016  # jq's variables
        jq -e --slurpfile one one --arg key "$([ "$side" = old ] && echo removed || echo added)" \
            '.[$key] | length > 10 and . - $one[0].paths == []' json || return
    done
}
claim 'totals and paths are those that inspect prints of each image' totals

# --- other pairs ------------------------------------------------------------------------------------------

same() {
    inspect 0 old.img --diff old.img --json && jq -e '.added + .removed + .changed + .packages == [] and .old == .new' out &&
        inspect 0 old.img --diff old.img && tail -1 out | grep -q 'package: versions$'
}
claim 'an image does not differ from itself' same

backwards() {
    inspect 0 old.img --diff new.img --json &&
        [ "$(jq -S '[.added, .removed, .new, .old]' out)" = "$(jq -S '[.removed, .added, .old, .new]' json)" ] &&
        [ "$(jq -S '[.packages[] | [.name, .addedVersions, .oldSize, .newPacked]]' out)" = \
            "$(jq -S '[.packages[] | [.name, .removedVersions, .newSize, .oldPacked]]' json)" ]
}
claim 'the other way round, what was added is removed' backwards

# One path of other contents under the same name.
contents() {
    path=$(grep -- '-same-1.0$' closure.old)
    cp -a root/nix/store stores && cp -a "root$path/text" kept && echo more >>"root$path/text" &&
        nix-store --dump "root$path" >nar && awk -v path="$path" -v hash="$(sha256sum nar | cut -c 1-64)" -v size="$(wc -c <nar)" '
            left > 0 { left--; line++; if (line == 2) $0 = hash; if (line == 3) $0 = size }
            $0 == path && !done { left = 2; line = 1; done = 1 }
            { print }' manifest >other.manifest &&
        "$REGD_BUILD" squashfs -q --root root --registration other.manifest --compression zstd:3 -o other.img "$old"
    status=$?
    cat kept >"root$path/text"
    [ "$status" -eq 0 ] && inspect 0 other.img --diff old.img --json &&
        [ "$(jq -r '.changed[] | .old.path, .new.path, (.new.size - .old.size)' out | paste -sd ' ')" = "$path $path 5" ] &&
        jq -e '(.added == []) and (.removed == []) and ([.packages[] | select(.name == "same")] | length == 1)' out &&
        inspect 0 other.img --diff old.img && grep -q ': 0 added, 0 removed, 1 with other contents$' out
}
claim 'a path whose NAR hash differs has changed' contents

layers() {
    "$REGD_BUILD" squashfs -q --root root --compression zstd:3 --base old.img -o top.img "$new" &&
        inspect 0 top.img --diff old.img --json &&
        [ "$(jq -r '.added[].path' out)" = "$(jq -r '.added[].path' json)" ] &&
        [ "$(jq '.removed | length' out)" -eq "$(wc -l <closure.old)" ]
}
claim 'paths in a base image do not count' layers

deterministic() {
    inspect 0 new.img --diff old.img && cmp out text && LC_ALL=C inspect 0 --json --diff=old.img new.img && cmp out json
}
claim 'the same lines each time' deterministic

picture() {
    inspect 0 new.img --diff old.img --svg map.svg && cmp out text && grep -q '<title>' map.svg
}
claim '--svg draws the new image' picture

refused() {
    head -c 5000 old.img >cut.img && inspect 1 new.img --diff cut.img && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] &&
        grep -q '^regd-build: cut.img: it is cut off' err &&
        inspect 1 cut.img --diff new.img && grep -q '^regd-build: cut.img: it is cut off' err &&
        inspect 1 new.img --diff none && grep -q '^regd-build: open none: No such file' err &&
        inspect 2 new.img --diff old.img --why a b && grep -q 'cannot be combined' err
}
claim 'a damaged image is refused by its name, whichever it is' refused

finish
