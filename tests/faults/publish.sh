#!/bin/sh
# publish.sh — regd-build publish is killed, or the disk is full: is the root whole, and does the next run complete?
#
# It is killed at each of the calls that change names or write to the disk, and at moments spread over a run. After each, the
# current system, the one of netboot.ipxe and all others must be whole trees; the same run again must give what an
# undisturbed one gives, and leave no draft.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [KILLS=30] [TEST_STEP=…] sh tests/faults/publish.sh
#
# With the sanitizers, TEST_STEP other than 1, nothing is killed, for they do not see it.
# shellcheck disable=SC2031,SC2317  # programs are wrapped in a subshell; claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/mounts.sh disable=SC1091
. tests/mounts.sh
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/verbs.sh disable=SC1091
. tests/verbs.sh
make_machine

# What is killed: a new system, and the one before the previous is removed.
publishes() { "$REGD_BUILD" publish -q keep/last --into it --keep 2 --grace 0; }
rolls_back() { "$REGD_BUILD" publish -q --rollback --into it; }
before() { rm -rf it && cp -a keep/published it; }

good_of() {
    before && "$1" && rm -rf "good-$1" && cp -a it "good-$1"
}

# Each system that can be reached is a whole tree, and the current one is the old one or the new one.
is_whole() {
    for link in it/current it/previous "it/systems/$(sed -n 's|^chain systems/\(.*\)/netboot.ipxe$|\1|p' it/netboot.ipxe)"; do
        (cd "$link" && sha256sum --check --strict --quiet SHA256SUMS) || { echo "$link" && return 1; }
    done
    for system in it/systems/*; do
        (cd "$system" && sha256sum --check --strict --quiet SHA256SUMS) || { echo "$system" && return 1; }
    done
    for sum in it/stores/*.sha256; do
        sed 's|  |  stores/|' "$sum" >line
        grep -qxFf line keep/*/SHA256SUMS || { cat "$sum" && return 1; }
    done
    for image in it/stores/*; do
        case $image in *.sha256) continue ;; esac
        cmp "$image" "keep/first/stores/${image##*/}" 2>/dev/null || cmp "$image" "keep/next/stores/${image##*/}" 2>/dev/null ||
            cmp "$image" "keep/last/stores/${image##*/}" || return
    done
    current=$(readlink it/current)
    [ "$current" = "$(readlink keep/published/current)" ] || [ "$current" = "$(readlink "good-$1/current")" ]
}

# A run that was killed has either exchanged the links or not; to publish again ends the same way for both.
completes() {
    is_whole "$1" || return
    publishes && publishes && find it -name '.*' | grep . && return 1
    "$REGD_BUILD" verify -q it && [ "$(readlink it/current)" = "$(readlink good-publishes/current)" ]
}
completes_publishes() {
    is_whole publishes && publishes && diff -r it good-publishes
}

at_each_call() {
    good_of publishes && good_of "$1" || return
    tried=0
    for call in renameat renameat2 symlinkat mkdirat linkat unlinkat fsync pwrite64 fchmod utimensat; do
        number=0
        while number=$((number + 1)); do
            before
            publishing=$1
            case $publishing in publishes) set -- publish keep/last --keep 2 --grace 0 ;; *) set -- publish --rollback ;; esac
            strace -f -qq -o trace -e "trace=$call" -e "inject=$call:signal=KILL:when=$number" "$REGD_BUILD" "$@" -q --into it 2>/dev/null
            status=$?
            set -- "$publishing"
            [ "$status" -ne 0 ] || break
            tried=$((tried + 1))
            if [ "$publishing" = publishes ]; then completes_publishes; else completes "$publishing"; fi ||
                { echo "$publishing, killed at $call $number" && return 1; }
        done
    done
    echo "$tried kills"
    [ "$tried" -gt 0 ]
}
for run in publishes rolls_back; do
    [ "${TEST_STEP:-1}" -eq 1 ] || continue
    text="$run: killed at any call that writes, the root is whole and the next run completes"
    ! can_trace "$text" || claim "$text" at_each_call "$run"
done

now_us() { echo $(($(date +%s%N) / 1000)); }
at_moments() {
    good_of publishes && before || return
    begin=$(now_us)
    publishes
    takes=$(($(now_us) - begin))
    kills=${KILLS:-30} number=0
    while [ "$number" -lt "$kills" ]; do
        number=$((number + 1))
        before
        moment=$((takes * number / kills))
        "$REGD_BUILD" publish -q keep/last --into it --keep 2 --grace 0 2>/dev/null &
        sleep "$(printf '%d.%06d' $((moment / 1000000)) $((moment % 1000000)))"
        kill -9 $! 2>/dev/null
        wait $! 2>/dev/null
        completes_publishes || { echo "killed after $moment of $takes us" && return 1; }
    done
}
[ "${TEST_STEP:-1}" -ne 1 ] || claim 'killed at any moment, the root is whole and the next run completes' at_moments

# --- a full disk ------------------------------------------------------------------------------------------------

full() {
    good_of publishes || return
    refused=0 size=200
    while [ "$size" -lt 4000 ]; do
        mkdir -p small && mount -t tmpfs -o "size=${size}k" none small || return
        size=$((size + size / 12 + 4))
        if cp -a keep/published small/it 2>/dev/null; then
            "$REGD_BUILD" publish -q keep/last --into small/it 2>stderr
            status=$?
            rm -rf it && cp -a small/it it
            # Of a root that has no space for a name, either.
            if [ "$status" -ne 0 ]; then
                refused=$((refused + 1))
                { [ "$status" -eq 1 ] && grep -q 'No space left on device' stderr && is_whole publishes && [ -z "$(find it -name '.*')" ]; } || break
            fi
        else
            status=1
        fi
        umount small
        [ "$status" -ne 0 ] || break
    done
    mountpoint -q small && umount small
    cat stderr
    echo "$refused times too small"
    [ "$status" -eq 0 ] && [ "$refused" -gt 0 ]
}
text='a disk that is full at any moment leaves the old systems, a sentence and no draft'
if [ "$TEST_MOUNTS" = private ]; then
    claim "$text" full
else
    skip "$text" 'no mount namespace'
fi

finish
