#!/bin/sh
# summary.sh — does regd-build report its progress, and at the end what it has built, to people and to programs?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/summary.sh
# shellcheck disable=SC2015,SC2094  # `A && B || C` is meant so; a command is no file
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
find_store
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"
escape=$(printf '\033')

build() {
    verb=$1
    shift
    "$REGD_BUILD" "$verb" --root "$store" --compression zstd:1 "$@" "$toplevel" >stdout 2>stderr
}

plain() {
    build squashfs -o image && [ ! -s stdout ] && cat stderr && [ "$(wc -l <stderr)" -eq 1 ] && ! grep -q "$escape" stderr
}
claim 'without a terminal: one line at the end, and nothing on stdout' plain

if have jq '--json says what was made' 'so does tree' 'and what was taken over' 'and every warning'; then
    in_json() {
        [ "$(jq -r "$1" stdout)" = "$2" ] || { echo "$1 is $(jq -r "$1" stdout), not $2" && return 1; }
    }
    paths=$("$REGD_BUILD" manifest --root "$store" "$toplevel" | grep -c -E '^[0-9a-f]{64}$')
    json() {
        build squashfs -o image --json && jq -e 'type == "object"' stdout >/dev/null && in_json .output image &&
            in_json .imageBytes "$(stat -c %s image)" && in_json .paths "$paths" && in_json .pathsBelow 0 && in_json .reusedBytes 0 &&
            in_json '.storedBytes <= .fileBytes and .imageBytes < .fileBytes and .seconds > 0 and .files > 0' true
    }
    claim '--json says what was made' json
    tree() {
        build tree -o tree --json && in_json .ramdiskBytes "$(stat -c %s tree/initrd)" &&
            in_json .memoryAtBoot "$(jq .memoryAtBoot tree/boot.json)" &&
            in_json .imageBytes "$(jq '.storeImages[0].size' tree/boot.json)"
    }
    claim 'so does tree' tree
    reused() {
        build squashfs -o again --reuse image --json && in_json '.reusedBytes == .storedBytes' true
    }
    claim 'and what was taken over' reused
    warned() {
        echo nothing >bad && for verb in tree squashfs; do
            build "$verb" -o warned --reuse bad --json && sed -n 's/^regd-build: warning: //p' stderr >want && cat want && grep -q 'no block is reused' want &&
                jq -r '.warnings[]' stdout | diff want - && rm -r warned || return
        done
        build squashfs -o warned --json && in_json '.warnings == []' true
    }
    claim 'and every warning' warned
fi

# terminal ARGUMENT...: runs a build of some seconds on a terminal of its own.
terminal() {
    script -q -e -c "$REGD_BUILD squashfs --root $store --compression zstd:19 -o slow $* $toplevel 2>&1" typescript >/dev/null 2>&1
}
progress() {
    terminal && grep -q 'compressing [0-9]* % of [0-9]* MiB, [0-9]* s left' typescript && tail -n 2 typescript &&
        grep -a -q "^.*${escape}\[K"'regd-build: slow: [0-9.]* MiB' typescript
}
quiet() {
    terminal --quiet && ! grep -q -e compressing -e "$escape" typescript
}
text='on a terminal it says how far it is, and clears the line in the end'
if have script "$text" 'but not with --quiet'; then
    claim "$text" progress
    claim 'but not with --quiet' quiet
fi

finish
