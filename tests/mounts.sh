# mounts.sh — gives a test its own mount namespace, and a $SCRATCH in memory, where syncs take no time. To be sourced
# before tap.sh.
#
# If a mount namespace is available, the test restarts itself in one, with a tmpfs on $SCRATCH, and $TEST_MOUNTS is
# "private"; otherwise it is "none".
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
