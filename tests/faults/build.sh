#!/bin/sh
# build.sh — does a build that dies or fails at any moment leave the old output or the new one, never a part?
#
# strace makes the Nth call of a kind fail, or kills the program there, for N = 1, 2, … until a run has no Nth call. The
# program is also killed at certain times. For a tree with a tarball (pair), and an image with verity data (verity), at no time
# may the one be next to what belongs to another. The store is tiny and made by hand.
#
# Usage    REGD_BUILD=… SCRATCH=… [TEST_STEP=…] sh tests/faults/build.sh
#
# With the sanitizers, TEST_STEP other than 1, nothing is killed: they do not see it, and the disk looks the same.
# shellcheck disable=SC2015,SC2119,SC2120,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
# LeakSanitizer does not work under strace.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
case $REGD_BUILD in /*) ;; *) REGD_BUILD=$PWD/$REGD_BUILD ;; esac
mkdir "$SCRATCH/work" "$SCRATCH/work/out" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

linux=/nix/store/11111111111111111111111111111111-linux
system=/nix/store/00000000000000000000000000000000-system
mkdir -p "root$linux" "root$system"
head -c 3001 "$REGD_BUILD" | like_kernel >"root$linux/bzImage"
echo 'mount /nix-store.squashfs' >init
echo init | cpio --quiet -o -H newc >"root$linux/initrd" || bail 'no ramdisk can be made'
ln -s "$linux/bzImage" "root$system/kernel"
ln -s "$linux/initrd" "root$system/initrd"
printf 'new' >"root$system/kernel-params"
printf '#!/bin/sh\n' >"root$system/init"
chmod 555 "root$system/init"
printf '%s\n%064d\n1\n\n%d\n' "$linux" 0 0 "$system" 0 1 >manifest
echo "$linux" >>manifest

# What is built: both kinds of output are called out/it, so that nothing else may be in out/.
build_tree() {
    "$@" "$REGD_BUILD" tree --root root --registration manifest --no-check -q --compression lz4 --jobs 1 -o out/it "$system"
}
# A tree and its tarball.
build_pair() {
    "$@" "$REGD_BUILD" tree --root root --registration manifest --no-check -q --compression lz4 --jobs 1 -o out/it --tarball out/it.tar "$system"
}
build_squashfs() {
    "$@" "$REGD_BUILD" squashfs --root root --registration manifest --no-check -q --compression lz4 --jobs 1 -o out/it "$system"
}

# An image and its verity data.
build_verity() {
    "$@" "$REGD_BUILD" squashfs --root root --registration manifest --no-check -q --compression lz4 --jobs 1 --verity file -o out/it "$system"
}

# A tree by URL.
build_url() {
    "$@" "$REGD_BUILD" tree --root root --registration manifest --no-check -q --compression lz4 --jobs 1 --by-url -o out/it "$system"
}

build_tree && mv out/it new-tree && build_url && mv out/it new-url && build_squashfs && mv out/it new-squashfs && build_verity && mv out/it new-verity &&
    mv out/it.verity new.verity || bail 'nothing can be built at all'
"$REGD_BUILD" tree --root root --registration manifest --no-check -q --compression lz4 --params old -o old-tree --tarball old.tar "$system" &&
    "$REGD_BUILD" tree --root root --registration manifest --no-check -q --compression lz4 --params old --by-url -o old-url "$system" &&
    "$REGD_BUILD" squashfs --root root --registration manifest --no-check -q --compression lz4 -o old-squashfs "$linux" &&
    "$REGD_BUILD" squashfs --root root --registration manifest --no-check -q --compression lz4 --verity file -o old-verity "$linux" &&
    mv old-verity.verity old.verity ||
    bail 'no older output can be made'

# The tarball that is there is one of the tree that is there.
belongs() {
    rm -rf unpacked
    mkdir unpacked
    tar -C unpacked -xf out/it.tar && diff -r unpacked out/it >/dev/null
}

# old_or_new KIND: says which.
old_or_new() {
    [ ! -e out/it.tar ] || belongs || { echo 'the tarball is of another tree' && return 1; }
    for age in old new; do
        [ ! -e out/it.verity ] || ! cmp -s out/it "$age-verity" || cmp out/it.verity "$age.verity" || return 1
    done
    if diff -r "old-$1" out/it >/dev/null 2>&1; then
        echo old
    elif diff -r "new-$1" out/it >/dev/null 2>&1; then
        echo new
    else
        echo "what is there now is neither:" && ls -lA out out/it && return 1
    fi
}

# What lies in the directory besides the tarball and the verity data, whose names start with that of the output.
left() {
    find out -mindepth 1 -maxdepth 1 ! -name it.tar ! -name it.verity -printf '%f\n'
}

# starts_over KIND: a run after an accident succeeds and leaves no leftovers.
starts_over() {
    "build_$1" env 2>again || { echo 'the next run fails:' && cat again && return 1; }
    [ "$1" != pair ] || [ -e out/it.tar ] || { echo 'the next run makes no tarball' && return 1; }
    [ "$1" != verity ] || [ -e out/it.verity ] || { echo 'the next run makes no verity data' && return 1; }
    [ "$(old_or_new "$1")" = new ] && [ "$(left)" = it ] || { echo 'after the next run:' && ls -lA out && return 1; }
    [ ! -d out/it ] || { [ "$(stat -c %a out/it)" = 755 ] && (cd out/it && sha256sum --quiet -c SHA256SUMS); }
}

restore_old() {
    rm -rf out
    mkdir out
    cp -a "old-$1/." out/it 2>/dev/null || cp -a "old-$1" out/it
    [ "$1" != pair ] || cp -a old.tar out/it.tar
    [ "$1" != verity ] || cp -a old.verity out/it.verity
}

# --- strace -----------------------------------------------------------------------------------------------

can_inject() {
    strace -f -qq -o trace -e trace=fsync -e inject=fsync:error=EIO:when=1 true 2>err && [ ! -s err ]
}

# injected KIND CALL FAULT N: runs the build with it. False if there was no Nth call; sets status.
injected() {
    restore_old "$1"
    "build_$1" strace -f -qq -o trace -e "trace=$2" -e "inject=$2:$3:when=$4" >stdout 2>stderr
    status=$?
    grep -q -e '(INJECTED)' -e 'killed by SIGKILL' trace
}

# fails KIND CALL ERROR...: every call of that kind fails once, the errors taking turns; the program says so and leaves
# nothing but the old or the new, or gets along without the call.
fails() {
    kind=$1
    call=$2
    shift 2
    nth=0
    while nth=$((nth + 1)) && error=$1 && injected "$kind" "$call" "error=$error" "$nth"; do
        shift
        set -- "$@" "$error"
        what=$(old_or_new "$kind") || { echo "$call $nth: $error: $what" && return 1; }
        case $status in
        0) [ "$what" = new ] && (cd out/it 2>/dev/null && sha256sum --quiet -c SHA256SUMS || [ ! -d out/it ]) ;;
        1) [ "$(wc -l <stderr)" -eq 1 ] && grep -q '^regd-build: ' stderr && [ ! -s stdout ] ;;
        *) false ;;
        esac || { echo "$call $nth: $error: status $status, $what:" && cat stderr && return 1; }
        # What could not be removed may be left for the next run; nothing else.
        [ "$(left)" = it ] || [ "$call" = unlinkat ] || { echo "$call $nth: $error: left:" && ls -lA out && return 1; }
        starts_over "$kind" || { echo "$call $nth: $error" && return 1; }
        [ "$nth" -lt 200 ] || { echo "$call never ends" && return 1; }
    done
    echo "$nth: status $status" && [ "$status" -eq 0 ] && [ "$nth" -gt 1 ]
}

# dies KIND CALL: killed at every call of that kind.
dies() {
    nth=0
    olds=0
    news=0
    while nth=$((nth + 1)) && injected "$1" "$2" signal=KILL "$nth"; do
        [ "$status" -eq 137 ] || { echo "$2 $nth: status $status" && return 1; }
        what=$(old_or_new "$1") || { echo "killed at $2 $nth: $what" && return 1; }
        case $what in old) olds=$((olds + 1)) ;; *) news=$((news + 1)) ;; esac
        starts_over "$1" || { echo "killed at $2 $nth" && return 1; }
        [ "$nth" -lt 200 ] || { echo "$2 never ends" && return 1; }
    done
    echo "$nth: status $status, $olds old, $news new" && [ "$status" -eq 0 ] && [ "$nth" -gt 1 ]
}

# Which calls a kind of output makes.
calls_of() {
    case $1 in
    tree) echo pwrite64 write fsync renameat2 linkat mkdirat openat2 fchmod unlinkat ;;
    pair) echo pwrite64 write fsync renameat renameat2 unlinkat fchmod ;;
    squashfs) echo pwrite64 fsync renameat ftruncate openat2 fchmod ;;
    verity) echo pwrite64 fsync renameat unlinkat openat2 fchmod ;;
    url) echo pwrite64 fsync renameat renameat2 mkdirat ;;
    esac
}

reason=
can_inject || reason="strace is not there, or must not trace"
try() {
    if [ "$reason" ]; then
        skip "$1" "$reason"
    else
        claim "$@"
    fi
}

ln -s old-tree old-pair
ln -s new-tree new-pair
for kind in tree pair squashfs verity url; do
    for call in $(calls_of "$kind"); do
        errors="ENOSPC EIO"
        case $call in mkdirat | openat2 | fchmod | unlinkat) errors=EIO ;; esac
        # shellcheck disable=SC2086  # several words
        try "$kind: whichever $call fails, the old or the new is there, and nothing else" fails "$kind" "$call" $errors
    done
    [ "${TEST_STEP:-1}" -eq 1 ] || continue
    case $kind in
    tree) calls='pwrite64 fsync fchmod renameat2 linkat unlinkat mkdirat' ;;
    pair) calls='write fsync fchmod renameat renameat2 unlinkat' ;;
    squashfs) calls='pwrite64 fsync fchmod renameat' ;;
    verity) calls='pwrite64 fsync fchmod renameat unlinkat' ;;
    url) calls='pwrite64 fsync renameat renameat2 mkdirat' ;;
    esac
    for call in $calls; do
        try "$kind: killed at whichever $call, the old or the new is there, and the next run succeeds" dies "$kind" "$call"
    done
done

# Two steps would leave a moment without a tree, in which a kill leaves none.
one_step() {
    restore_old tree
    build_tree strace -f -qq -o trace -e trace=rename,renameat,renameat2,rmdir 2>stderr && cat trace &&
        ! grep -q "renameat(\|rename(" trace && [ "$(grep -c "RENAME_EXCHANGE) = 0" trace)" -eq 1 ]
}
text="tree: the old tree and the new one change places in one step"
if [ -z "$reason" ] && restore_old tree && build_tree strace -f -qq -o trace -e trace=renameat2 2>stderr &&
    grep -q "RENAME_EXCHANGE) = -1 EINVAL" trace; then
    skip "$text" "this file system cannot exchange names"
else
    try "$text" one_step
fi

# A file system that has no exchange: the tree is replaced in two steps, and between them it may be away; what then
# fails puts the old one back.
two_steps() {
    restore_old tree
    build_tree strace -f -qq -o trace -e trace=renameat2 -e inject=renameat2:error=EINVAL 2>stderr
    status=$?
    cat stderr
    [ "$status" -eq 0 ] && grep -q INJECTED trace && starts_over tree
}
two_steps_fail() {
    for nth in 1 2; do
        restore_old tree
        build_tree strace -f -qq -o trace -e trace=renameat,renameat2 -e inject=renameat2:error=EINVAL \
            -e "inject=renameat:error=EIO:when=$nth" 2>stderr
        status=$?
        [ "$status" -eq 1 ] && [ "$(old_or_new tree)" = old ] && [ "$(ls -A out)" = it ] && starts_over tree ||
            { echo "renameat $nth: status $status" && cat stderr && return 1; }
    done
}
no_links() {
    restore_old tree
    build_tree strace -f -qq -o trace -e trace=linkat -e inject=linkat:error=EPERM && [ "$(old_or_new tree)" = new ] &&
        [ "$(readlink out/it/initrd.gz)" = initrd ] && (cd out/it && sha256sum --quiet -c SHA256SUMS)
}
# The former tree is removed under the draft's name, which a second run must not take for a draft that was left behind.
while_removing() {
    restore_old tree
    build_tree strace -f -qq -o trace -e trace=unlinkat -e inject=unlinkat:delay_enter=300000 2>stderr &
    until [ "$(old_or_new tree)" = new ]; do sleep 0.05; done
    build_tree env 2>second
    status=$?
    cat second
    [ "$status" -eq 1 ] && grep -q 'another process is writing it' second && wait $! || { cat stderr && return 1; }
    [ "$(old_or_new tree)" = new ] && [ "$(ls -A out)" = it ]
}
try "tree: a second run stays out while the former tree is removed" while_removing
try "tree: where names cannot be exchanged it is replaced all the same" two_steps
try "tree: there, too, the old tree is back if that fails" two_steps_fail
try "tree: where there are no hard links, initrd.gz is a link to initrd" no_links

# --- the clock --------------------------------------------------------------------------------------------

# Killed after so many tenths of a millisecond, and what it takes to start sleep; a build runs for some milliseconds.
any_moment() {
    killed=0
    for moment in 0 2 4 6 8 10 12 15 20 25 30 40 50 60 80 100 150 200; do
        restore_old "$1"
        "build_$1" exec >stdout 2>stderr &
        builder=$!
        [ "$moment" -eq 0 ] || sleep "0.$(printf %04d "$moment")"
        kill -KILL "$builder" 2>/dev/null
        wait "$builder"
        [ $? -ne 137 ] || killed=$((killed + 1))
        what=$(old_or_new "$1") && starts_over "$1" || { echo "after $moment tenths of a ms: $what" && return 1; }
    done
    echo "killed $killed times" && [ "$killed" -gt 0 ]
}
[ "${TEST_STEP:-1}" -eq 1 ] || finish
claim 'tree: killed at some moment, the old or the new is there, and the next run succeeds' any_moment tree
claim 'squashfs: likewise' any_moment squashfs
claim 'pair: likewise, and no tarball of another tree lies beside it' any_moment pair
claim 'verity: likewise, and no verity data of another image lies beside it' any_moment verity
claim 'url: the same of a tree by URL' any_moment url

finish
