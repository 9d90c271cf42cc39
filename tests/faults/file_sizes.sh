#!/bin/sh
# file_sizes.sh — however small files may be (ulimit -f), is the work done, or one sentence said?
#
# A write beyond the limit raises SIGXFSZ, which by itself kills. Whatever the limit, a verb that writes has the right result,
# or ends with status 1 and says why; what was there before is then there still, and nothing is half-written.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/faults/file_sizes.sh
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"

# shellcheck source=tests/mounts.sh disable=SC1091
. tests/mounts.sh
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/verbs.sh disable=SC1091
. tests/verbs.sh
text='files may only be so large'
have prlimit "$text" || finish
make_machine

# run_limited BYTES: sets status. What is printed goes through pipes, which have no limit.
run_limited() {
    {
        {
            run_wrapped "$job" prlimit "--fsize=$1"
            echo $? >status
        } 2>&3 | cat >stdout
    } 3>&1 | cat >stderr
    status=$(cat status)
}

limit_each() {
    know_job "$1" || return
    bad=0 refused=0
    for bytes in 0 1 100 1000 4095 4096 8192 20000 50000 65536 131072 300000 3000000; do
        prepare
        run_limited "$bytes"
        check_result "$status" "$bytes bytes" || bad=$((bad + 1))
        [ "$status" -ne 1 ] || refused=$((refused + 1))
    done
    echo "$refused refusals, the last with status $status"
    [ "$bad" -eq 0 ] && [ "$refused" -gt 0 ] && [ "$status" -eq 0 ]
}

for job in register register-new register-sql generator-root squashfs tree tree-url tarball ramdisk inspect publish unpack unpack-register; do
    claim "$job: files may only be so large: the old state or the new one, and a sentence" limit_each "$job"
done
finish
