#!/bin/sh
# exchange.sh — is a file that was opened by name the one that counts, whatever the name leads to later?
#
# strace stops the program when it has opened an input, another file takes its place under its name, and the program
# goes on. That is done at each opening of each input by each verb. The outcome has to be that of the first file, or a
# refusal. A tree is verified as a whole: unless nothing is opened any more, it is told that it is another now.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/faults/exchange.sh
# shellcheck disable=SC2154,SC2031,SC2016  # what verbs.sh sets; a script is written
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/verbs.sh disable=SC1091
. tests/verbs.sh
wants timeout

text='an input that is exchanged'
can_trace "$text" || finish
make_machine

# strace counts each thread's calls apart, so there is one.
program=$REGD_BUILD
printf '#!/bin/sh\ncase $1 in verify) set -- "$@" --jobs 1 ;; esac\nexec %s "$@"\n' "$program" >alone
chmod 755 alone
REGD_BUILD=$PWD/alone

# Another file for each: readable where it is looked at again, and it would have another outcome.
mkdir others
cp first.manifest others/manifest
cp keep/image others/base
cp keep/base others/image
cp keep/tree/boot.json others/boot.json
for name in initrd bzImage; do
    cp "keep/tree/$name" "others/$name"
    printf 'other' | dd of="others/$name" bs=1 seek=10 conv=notrunc 2>/dev/null
done
sed -i 's/quiet/queer/' others/boot.json
cp -a keep manifest others/

# How a file's name is given, and where it is.
place() {
    case $1 in
    initrd | bzImage | boot.json) echo "keep/tree/$1" ;;
    *) echo "$1" ;;
    esac
}

opens='openat,openat2'

# openings JOB FILE: which of the calls of a good run open it; those that only look where a name leads count as calls.
openings() {
    know_job "$1" && prepare &&
        run_wrapped "$1" strace -f -qq -o "$SCRATCH/trace" -P "$2" -e "trace=$opens" >stdout 2>stderr &&
        opened=$(grep 'open' trace | grep -n . | grep -v -e ' = -1 ' -e O_PATH | cut -d : -f 1) && [ -n "$opened" ]
}

# exchanged JOB FILE NUMBER: sets status. False if it was not exchanged.
exchanged() {
    was=$(place "$2")
    prepare
    : >trace
    {
        run_wrapped "$1" strace -f -qq -o "$SCRATCH/trace" -P "$2" -e "trace=$opens" \
            -e "inject=$opens:signal=SIGSTOP:when=$3" >stdout 2>stderr
        echo "$?" >status
    } &
    stopped=
    while [ -z "$stopped" ] && kill -0 $! 2>/dev/null; do
        sleep 0.05
        stopped=$(sed -n 's/^\([0-9]*\) *--- stopped by SIGSTOP ---.*/\1/p' trace)
    done
    if [ -n "$stopped" ]; then
        cp "others/${2##*/}" new && mv new "$was"
        kill -CONT "$stopped"
    fi
    wait
    status=$(cat status)
    cp -a "others/$was" new && mv new "$was"
    [ -n "$stopped" ]
}

# each JOB FILE: at every opening.
each() {
    for number in $opened; do
        exchanged "$1" "$2" "$number" || { echo "opening $number: nothing was exchanged" && return 1; }
        check_result "$status" "$2, opening $number" || return
        # A file that is not looked at again may be what it likes.
        [ "$1" != verify-tree ] || [ "$number" -eq "${opened##*[!0-9]}" ] || [ "$status" -eq 1 ] ||
            { echo "$2, opening $number: verified as it was not" && return 1; }
    done
}

for pair in register:manifest register-new:manifest register-sql:manifest manifest:manifest squashfs:manifest split:manifest \
    layer:manifest layer:keep/base tree:manifest tree-parts:keep/base tree-parts:manifest tree-options:boot.json reuse:keep/image \
    tree-options:manifest ramdisk:keep/image ramdisk-xz:keep/image inspect:keep/image closure:keep/image why:keep/image \
    diff:keep/image diff:keep/base verify-image:keep/image verify-layer:keep/image verify-layer:keep/base verify-tree:boot.json verify-tree:initrd \
    verify-tree:bzImage; do
    job=${pair%%:*}
    file=${pair#*:}
    if openings "$job" "$file"; then
        claim "$job: $file is exchanged at each of $(echo "$opened" | wc -l) openings" each "$job" "$file"
    else
        claim "$job opens $file" false
    fi
done
finish
