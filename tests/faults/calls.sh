#!/bin/sh
# calls.sh — if any system call of any verb fails, is there the right result or one sentence?
#
# strace makes each call in turn fail that a good run makes after the program has started, with an error that such a call
# may have. A run succeeds with the right result, or ends with status 1 and says why; what was there before is then there still.
# build.sh and register.sh do the same more closely for what they change, and kill besides.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [CALLS=30] [JOBS=…] sh tests/faults/calls.sh
#
# CALLS is how many of a verb's calls are tried, evenly spread, and fewer with TEST_STEP; `all` tries each.
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"

# shellcheck source=tests/mounts.sh disable=SC1091
. tests/mounts.sh
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/verbs.sh disable=SC1091
. tests/verbs.sh
text='whichever system call of whichever verb fails'
can_trace "$text" || finish
make_machine
tries=${CALLS:-30}
[ "$tries" = all ] || tries=$((tries / ${TEST_STEP:-1} + 1))

# Calls that fail, and how. Those that a thread's life needs (futex, munmap, brk, signals) are left to glibc, which ends the
# process where they fail; `close` has closed when it fails.
error_of() {
    case $1 in
    read | pread64 | readv | preadv | openat | openat2 | getdents64 | readlink | readlinkat | lseek) echo EIO ;;
    stat | fstat | lstat | newfstatat | statx | statfs | fstatfs | access | faccessat | faccessat2) echo EIO ;;
    write | pwrite64 | writev | fallocate | ftruncate | copy_file_range | sendfile | mkdirat | mkdir | linkat | symlinkat) echo ENOSPC ;;
    rename | renameat | renameat2 | unlink | unlinkat | fsync | fdatasync | syncfs | fchmod | fchmodat | fchown | utimensat) echo EIO ;;
    flock | fcntl) echo ENOLCK ;;
    mmap) is_sanitized || echo ENOMEM ;;
    # Which a sanitizer asks for each thread.
    sched_getaffinity) is_sanitized || echo EPERM ;;
    clone | clone3 | vfork | fork | pipe2 | pipe | dup | dup3 | socket | memfd_create) echo EMFILE ;;
    getrandom | sysinfo | ioctl | madvise | posix_fadvise | fadvise64 | prlimit64 | uname | prctl) echo EPERM ;;
    umask | getpid | getuid | geteuid | gettid | close | futex | brk | munmap | mprotect | rt_* | set_* | rseq | exit*) ;;
    wait4 | clock_nanosleep | sched_yield | execve | arch_prctl | sigaltstack) ;;
    *) echo EIO ;;
    esac
}

# Lines of "call number error": the calls of a good run, but for as many as `--version` makes, which are those of starting.
find_places() {
    program=$(sed -n 's/^[0-9]* *execve("\([^"]*\)".*/\1/p' trace | head -n 1)
    strace -f -qq -o started "$program" --version >/dev/null || return
    sed 's/^[0-9]* *//' started | grep -v -e '^write(1,' -e 'stat(1,' >starting
    sed 's/^[0-9]* *//' trace | awk '
        !/^[a-z0-9_]+\(/ { next }
        { call = $0; sub(/\(.*/, "", call); count[call]++ }
        FILENAME == "starting" { skip[call] = count[call]; next }
        count[call] > skip[call] * 2 { print call, count[call] - skip[call] }' starting - |
        while read -r call number; do
            error=$(error_of "$call")
            [ -z "$error" ] || echo "$call $number $error"
        done >places
    [ "$tries" = all ] || {
        total=$(wc -l <places)
        awk -v step=$((total / tries + 1)) 'NR % step == 0' places >chosen && mv chosen places
    }
    [ -s places ]
}

fail_each() {
    know_job "$1" || return
    prepare
    run_wrapped "$job" strace -f -qq -o "$SCRATCH/trace" >stdout 2>stderr || { cat stderr && return 1; }
    find_places || { echo 'no call was seen' && return 1; }
    bad=0
    while read -r call number error; do
        prepare
        run_wrapped "$job" strace -f -qq -o "$SCRATCH/trace" -e "trace=$call" -e "inject=$call:error=$error:when=$number" \
            >stdout 2>stderr
        check_result $? "$call $number: $error" || { bad=$((bad + 1)) && grep -a INJECTED trace; }
    done <places
    echo "$(wc -l <places) calls"
    [ "$bad" -eq 0 ]
}

for job in ${JOBS:-$jobs}; do
    claim "$job: each system call that fails leaves the old state or the new one, and a sentence" fail_each "$job"
done
finish
