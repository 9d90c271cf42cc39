#!/bin/sh
# strangers.sh — where others may write, does root publish only what is root's? And is a limit on files a sentence?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/faults/strangers.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
wants nix-store
find_store
cd "$SCRATCH" || exit 1
path=$(nix-store --store "$store" -qR "$toplevel" | head -1)

# Refused by one sentence with status 1, and nothing is published.
refused() {
    [ "$status" -eq 1 ] && [ "$(wc -l <stderr)" -eq 1 ] && grep -qF -- "$1" stderr && [ ! -e "sticky/$2" ]
}

image() {
    setpriv --reuid 65534 --clear-groups touch sticky/.img.draft || return
    "$REGD_BUILD" squashfs -q --root "$store" --compression lz4 "$path" -o sticky/img 2>stderr
    status=$?
    cat stderr
    refused 'no earlier run left it; remove it' img && rm sticky/.img.draft
}
tree() {
    setpriv --reuid 65534 --clear-groups mkdir sticky/.out.draft || return
    "$REGD_BUILD" tree -q --root "$store" --compression lz4 "$toplevel" -o sticky/out 2>stderr
    status=$?
    cat stderr
    refused 'no earlier run left it; remove it' out
}
if [ "$(id -u)" -eq 0 ] && have setpriv "an image is not written into a stranger's draft" 'nor is a tree'; then
    chmod 755 . && mkdir -m 1777 sticky
    claim "an image is not written into a stranger's draft" image
    claim 'nor is a tree' tree
elif [ "$(id -u)" -ne 0 ]; then
    skip "an image is not written into a stranger's draft" 'only root becomes another user'
    skip 'nor is a tree' 'only root becomes another user'
fi

too_large() {
    mkdir -p sticky && "$REGD_BUILD" manifest --root "$store" "$toplevel" >listed || return
    (
        ulimit -f 8
        exec "$REGD_BUILD" squashfs -q --root "$store" --registration listed --compression lz4 -o sticky/large
    ) 2>stderr
    status=$?
    cat stderr
    refused 'File too large' large && [ ! -e sticky/.large.draft ]
}
claim 'a limit on the size of files is a sentence, not a signal' too_large

finish
