# mounts.sh — mounts that only the test sees, and a scratch in memory, where thousands of syncs take no time. To be read in
# with '.', before tap.sh.
#
# Where a mount namespace can be had, the test begins anew in one, with a tmpfs on $SCRATCH. $TEST_MOUNTS is then "private",
# else "none".
# shellcheck shell=sh

if [ -z "${TEST_MOUNTS-}" ]; then
    export TEST_MOUNTS=none
    for flags in -m -rm; do
        if unshare "$flags" mount -t tmpfs none "$SCRATCH" 2>/dev/null; then
            # shellcheck disable=SC2016  # for the inner shell
            TEST_MOUNTS=private exec unshare "$flags" sh -c 'mount -t tmpfs none "$SCRATCH" && exec sh "$@"' sh \
                "$0" "$@"
        fi
    done
fi
