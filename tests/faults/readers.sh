#!/bin/sh
# readers.sh — is the work done when nobody reads what is printed any more?
#
# A write to a pipe without a reader raises SIGPIPE, which by itself kills. The end of a log's reader must not undo a build or
# a registration. Standard output is the result: whoever does not read on, as `head`, gets no sentence about that.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/faults/readers.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"

# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/verbs.sh disable=SC1091
. tests/verbs.sh
make_machine

# A pipe without a reader.
mkfifo pipe
# shellcheck disable=SC2094  # it is meant so
exec 8<>pipe 9>pipe 8<&-

# The jobs of verbs.sh, and the same without --quiet.
aloud() {
    for program in REGD REGD_BUILD; do
        eval "path=\$$program"
        # shellcheck disable=SC2016  # the inner shell's
        printf '#!/bin/sh\nfor word; do shift; [ "$word" = -q ] || set -- "$@" "$word"; done\nexec %s "$@"\n' "$path" >"aloud-$program"
        chmod 755 "aloud-$program"
    done
    (REGD=$PWD/aloud-REGD REGD_BUILD=$PWD/aloud-REGD_BUILD && run_job "$job")
}

no_log() {
    know_job "$job" && prepare && aloud >stdout 2>said && [ -s said ] && prepare && aloud >stdout 2>&9
    check_result $? "without a reader of its log"
}
for job in register register-new boot profile-set verify squashfs tree tarball ramdisk verify-image verify-tree; do
    claim "$job: its log has no reader, and the work is done" no_log
done

# The result that is not read on, of more bytes than a buffer has, or of fewer.
no_output() {
    know_job "$job" && prepare && { run_job "$job" >&9 2>stderr; status=$?; cat stderr; } &&
        [ "$status" -eq 141 ] && ! grep -v 'warning: ' stderr && [ "$(state)" = "$good" ]
}
no_output_ignored() {
    prepare && { (trap '' PIPE && run_job "$job" >&9 2>stderr); status=$?; cat stderr; } &&
        [ "$status" -eq 1 ] && [ "$(grep -v 'warning: ' stderr | sed 's|keep/image: ||')" = "$1: standard output could not be written" ]
}
for job in status dump manifest kexec inspect; do
    case $job in status | dump) program=regd ;; *) program=regd-build ;; esac
    claim "$job: its output has no reader: it ends without a sentence" no_output
    claim "$job: unless its caller ignores SIGPIPE" no_output_ignored "$program"
done
finish
