#!/bin/sh
# strangers.sh — in a directory where others may write, does root publish only its own files? And is a file size limit
# one sentence?
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/faults/strangers.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
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
    refused 'remove it' img && rm sticky/.img.draft
}
# Where it may be opened, it would be waited for, or written into.
fifo() {
    setpriv --reuid 65534 --clear-groups mkfifo -m 666 sticky/.img.draft || return
    timeout -k 1 "$patience" "$REGD_BUILD" squashfs -q --root "$store" --compression lz4 "$path" -o sticky/img 2>stderr
    status=$?
    cat stderr
    refused 'remove it' img && rm sticky/.img.draft
}
tree() {
    setpriv --reuid 65534 --clear-groups mkdir sticky/.out.draft || return
    "$REGD_BUILD" tree -q --root "$store" --compression lz4 "$toplevel" -o sticky/out 2>stderr
    status=$?
    cat stderr
    refused 'no earlier run left it; remove it' out && rmdir sticky/.out.draft
}
# Linux can forbid to open what another user has in a directory like /tmp: fs.protected_regular and fs.protected_fifos, which
# most distributions set to 1 or 2. The rule is the machine's own, so only one test at a time may change it.
switches='protected_regular protected_fifos'
rules=/proc/sys/fs
set_rules() {
    for switch in $switches; do
        { echo "$1" >"$rules/$switch"; } 2>/dev/null || return
    done
}
restore_rules() {
    set_rules "$former"
    tap_end
}
try_all() {
    claim "an image is not written into a stranger's draft: $1" image
    claim "nor is a tree: $1" tree
    claim "nor into a stranger's FIFO: $1" fifo
}
can_set_rules() {
    [ "$(id -u)" -eq 0 ] && command -v flock >/dev/null && exec 9<"$rules/protected_regular" && flock 9 &&
        former=$(cat "$rules/protected_regular") && [ "$former" = "$(cat "$rules/protected_fifos")" ] && set_rules "$former"
}
if [ "$(id -u)" -ne 0 ]; then
    skip "a stranger's draft" 'only root becomes another user'
elif have setpriv "a stranger's draft"; then
    chmod 755 . && mkdir -m 1777 sticky
    if can_set_rules; then
        trap restore_rules EXIT
        for rule in 0 2; do
            set_rules $rule
            try_all "fs.protected_regular and fs.protected_fifos are $rule"
        done
        set_rules "$former"
        trap tap_end EXIT
        flock -u 9
    else
        try_all 'as this machine has it'
        skip 'with fs.protected_regular and fs.protected_fifos of 0 and of 2' 'they cannot be written here'
    fi
fi

# In a directory that belongs to another user, he may rename whatever is in it. strace stops the program at one of its calls.

# calls_before CALL TEXT COMMAND...: how many of these calls does it make until one has TEXT?
calls_before() {
    call=$1 wanted=$2
    shift 2
    strace -qq -o trace -e trace="$call" "$@" >stdout 2>stderr
    grep -n -m 1 -F "$wanted" trace | cut -d : -f 1
}
# exchanged CALL NUMBER CHANGE COMMAND...: when the call is done, the other user runs CHANGE. Sets status.
exchanged() {
    call=$1 number=$2 change=$3
    shift 3
    : >trace
    strace -f -qq -o trace -e trace="$call" -e inject="$call:signal=SIGSTOP:when=$number" "$@" >stdout 2>stderr &
    tracer=$! stopped=
    while [ -z "$stopped" ] && kill -0 "$tracer" 2>/dev/null; do
        sleep 0.05
        stopped=$(sed -n 's/^\([0-9]*\) *--- stopped by SIGSTOP ---.*/\1/p' trace)
    done
    [ -n "$stopped" ] || { echo "no call $number" && cat stderr && return 1; }
    setpriv --reuid 65534 --clear-groups sh -c "$change"
    changed=$?
    kill -CONT "$stopped"
    wait "$tracer"
    status=$?
    cat stderr
    return "$changed"
}
in_place_of_draft() {
    mkdir strangers strangers/precious && echo kept >strangers/precious/initrd && chmod 700 strangers/precious &&
        chown 65534 strangers || return
    seen=$(stat -c '%a %i' strangers/precious)
    exchanged mkdirat 1 'cd strangers && mv .out.draft aside && mv precious .out.draft' \
        "$REGD_BUILD" tree -q --root "$store" --compression lz4 "$toplevel" -o strangers/out || return
    refused 'another process renamed it or its draft' out && [ "$(ls strangers/.out.draft)" = initrd ] &&
        [ "$(stat -c '%a %i' strangers/.out.draft)" = "$seen" ]
}
in_place_of_tag() {
    mkdir -p root/etc && echo secret >root/secret && chmod 600 root/secret && cp -a root other && chown 65534 root/etc || return
    number=$(calls_before openat2 '"/etc/NIXOS"' "$REGD" boot -q --root other --no-profile)
    [ -n "$number" ] || return
    exchanged openat2 "$number" 'ln -s ../secret root/etc/NIXOS' "$REGD" boot -q --root root --no-profile || return
    [ "$(stat -c %a root/secret)" = 600 ] && [ "$(cat root/secret)" = secret ]
}
in_place_of_link() {
    mkdir -p machine/nix && copy_state "$store/nix/var" machine/nix && mkdir -p machine/profiles && chown 65534 machine/profiles || return
    exchanged renameat 1 'ln -sfT /elsewhere machine/profiles/p-1-link' \
        "$REGD" profile -q --root machine --profile /profiles/p set "$toplevel" || return
    [ "$status" -eq 1 ] && grep -qF 'another process replaced it' stderr && [ ! -e machine/profiles/p ] && [ ! -L machine/profiles/p ]
}
in_place_of_stores() {
    mkdir fleet && echo secret >secret && chmod 600 secret && chown 65534 fleet || return
    "$REGD_BUILD" tree -q --root "$store" --compression lz4 "$toplevel" -o published-tree || return
    exchanged mkdirat 2 'mv fleet/stores fleet/aside && ln -s ../secret fleet/stores' \
        "$REGD_BUILD" publish -q published-tree --into fleet || return
    [ "$status" -eq 1 ] && grep -qF 'stores is not a directory, or a link to one; remove it' stderr && [ "$(stat -c %a secret)" = 600 ]
}
text="what takes a file's place meanwhile"
if [ "$(id -u)" -ne 0 ]; then
    skip "$text" 'only root becomes another user'
elif have setpriv "$text" && can_trace "$text"; then
    # LeakSanitizer does not work under strace.
    export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-exitcode=99}"
    claim "another directory in the draft's place is not written to" in_place_of_draft
    claim "another file in the tag's place keeps its mode" in_place_of_tag
    claim "another link in the profile's place is no success" in_place_of_link
    claim "a link in the place of a published root's new directory is not followed" in_place_of_stores
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
