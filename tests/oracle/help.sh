#!/bin/sh
# help.sh — do both programs print help, and distinguish a wrong command line (2) from a failure (1)?
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… sh tests/oracle/help.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${REGD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
out=$SCRATCH/out
err=$SCRATCH/err

# run STATUS COMMAND...
run() {
    wanted=$1
    shift
    "$@" >"$out" 2>"$err"
    status=$?
    cat "$out" "$err"
    [ "$status" -eq "$wanted" ]
}

# A usage line of that start, then more; not a byte beyond 80 columns; no blanks at the end of a line.
explains() {
    start=$1
    shift
    run 0 "$@" && [ ! -s "$err" ] && head -1 "$out" | grep -q "^Usage: $start" && [ "$(wc -l <"$out")" -gt 5 ] &&
        [ -z "$(awk 'length > 80 || /[ \t]$/' "$out" | tee /dev/stderr)" ]
}

# Status 2, nothing on stdout, one line that has the text.
complains() {
    name=$1
    text=$2
    shift 2
    run 2 "$@" && [ ! -s "$out" ] && [ "$(wc -l <"$err")" -eq 1 ] && grep -q "^$name: " "$err" && grep -qF -- "$text" "$err"
}

says_version() {
    run 0 "$2" --version && [ ! -s "$err" ] && [ "$(wc -l <"$out")" -eq 1 ] && grep -Eq "^$1 [0-9]+\.[0-9.]+$" "$out"
}

# A full disk, or a closed pipe, must not pass for success.
full() {
    "$@" >/dev/full 2>"$err"
    status=$?
    cat "$err"
    [ "$status" -ne 0 ]
}

for name in regd-build regd; do
    program=$REGD_BUILD
    variable=REGD_BUILD
    if [ "$name" = regd ]; then
        program=$REGD
        variable=REGD
    fi
    verbs=$(commands_of "$program")
    claim "$name --help lists commands" test -n "$verbs"

    claim "$name --help is on stdout, 80 columns at most, and status 0" explains "$name COMMAND" "$program" --help
    claim "$name -h is the same" explains "$name COMMAND" "$program" -h
    for verb in $verbs; do
        claim "$name $verb --help is too" explains "$name $verb" "$program" "$verb" --help
        claim "$name $verb has a job in tests/verbs.sh, for the tests that inject faults" \
            grep -q "\"\$$variable\" $verb " tests/verbs.sh
        claim "$name $verb refuses an unknown option: stderr, status 2" complains "$name" "'--no-such-option'" \
            "$program" "$verb" --no-such-option
        claim "$name $verb refuses an unknown letter" complains "$name" "'-Z'" "$program" "$verb" -Z
        claim "$name $verb: --quiet takes no value" complains "$name" --quiet "$program" "$verb" --quiet=yes
    done
    claim "$name --version is one line" says_version "$name" "$program"
    claim "$name without arguments points to --help, status 2" complains "$name" --help "$program"
    claim "$name refuses an unknown command" complains "$name" "'no-such-command'" "$program" no-such-command
    claim "$name refuses an option where a command is expected" complains "$name" --quiet "$program" --quiet
    claim "$name --root wants a value" complains "$name" --root "$program" "$(commands_of "$program" | head -n 1)" --root
    text="$name --help that cannot be written is no success"
    if [ -c /dev/full ]; then
        claim "$text" full "$program" --help
    else
        skip "$text" 'there is no /dev/full'
    fi
done

finish
