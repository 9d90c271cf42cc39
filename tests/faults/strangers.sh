#!/bin/sh
# strangers.sh — in a directory where others may write, does root publish only its own files? And is a file size limit
# one sentence?
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
    refused 'remove it' img && rm sticky/.img.draft
}
# Where it may be opened, it would be waited for, or written into.
fifo() {
    setpriv --reuid 65534 --clear-groups mkfifo -m 666 sticky/.img.draft || return
    timeout -k 1 60 "$REGD_BUILD" squashfs -q --root "$store" --compression lz4 "$path" -o sticky/img 2>stderr
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

# In a directory that belongs to another user, he may rename whatever is in it. strace stops the program when it has created its
# draft, and another directory of root's takes the draft's place.
exchanged() {
    mkdir strangers strangers/precious && echo kept >strangers/precious/initrd && chmod 700 strangers/precious &&
        chown 65534 strangers || return
    seen=$(stat -c '%a %i' strangers/precious)
    : >trace
    strace -f -qq -o trace -e trace=mkdirat -e inject=mkdirat:signal=SIGSTOP:when=1 \
        "$REGD_BUILD" tree -q --root "$store" --compression lz4 "$toplevel" -o strangers/out 2>stderr &
    for _ in $(seq 2400); do
        stopped=$(sed -n 's/^\([0-9]*\) *--- stopped by SIGSTOP ---.*/\1/p' trace)
        [ -z "$stopped" ] || break
        sleep 0.05
    done
    setpriv --reuid 65534 --clear-groups sh -c 'cd strangers && mv .out.draft aside && mv precious .out.draft'
    moved=$?
    kill -CONT "$stopped"
    wait $!
    status=$?
    cat stderr
    [ "$moved" -eq 0 ] && refused 'another process renamed it or its draft' out && [ "$(ls strangers/.out.draft)" = initrd ] &&
        [ "$(stat -c '%a %i' strangers/.out.draft)" = "$seen" ]
}
text="another directory in the draft's place is not written to"
if [ "$(id -u)" -ne 0 ]; then
    skip "$text" 'only root becomes another user'
elif have setpriv "$text" && can_trace "$text"; then
    # LeakSanitizer does not work under strace.
    ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-exitcode=99}" claim "$text" exchanged
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
