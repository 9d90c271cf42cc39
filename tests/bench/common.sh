# common.sh — what the benchmarks of regd-build have in common. To be read in with '.'.
#
#   begin [DIR]     sets REGD_BUILD to a release build where it is not set; measure, which stands beside it; runs;
#                   and dir: DIR, or a new directory that is removed at the end
# shellcheck shell=sh disable=SC2034  # what begin sets is for whoever reads this in

begin() {
    if [ -z "${REGD_BUILD-}" ]; then
        [ -f build/bench/build.ninja ] || meson setup --buildtype=release -Db_lto=true build/bench >/dev/null
        ninja -C build/bench >/dev/null
        REGD_BUILD=$PWD/build/bench/regd-build
    fi
    measure=$(dirname "$REGD_BUILD")/tests/measure
    runs=${RUNS:-3}
    if [ $# -gt 0 ]; then
        dir=$(cd "$1" && pwd -P)
    else
        dir=$(mktemp -d /tmp/bench.XXXXXX)
        trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
        trap 'exit 1' HUP INT TERM
    fi
}
