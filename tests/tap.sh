# tap.sh — functions for tests that are shell scripts: they print TAP. To be sourced; needs only POSIX sh.
#
#   . tests/tap.sh
#   claim "the sum is right" test $((1 + 1)) = 2
#   have strace "no program is run" && claim "no program is run" no_exec
#   finish
#
# claim TEXT COMMAND...     runs the command in a subshell. Success is "ok"; after a failure its output is shown.
# skip TEXT REASON          reports a claim that cannot be tested here.
# have PROGRAM TEXT...      is the program installed? If not, skips these claims and returns false.
# can_trace TEXT...         may strace make calls fail here? If not, skips these claims and returns false.
# finish                    the last line of every test: prints the plan. False if a claim failed, or there was none.
# bail REASON               ends the test as failed, because it cannot run at all.
# wants PROGRAM...          ends the test unless these programs are installed.
# find_store                sets `store` and `toplevel` to those of $STORE_FIXTURE, or of one made in $SCRATCH; makes
#                           SCRATCH, REGD and REGD_BUILD absolute.
# private_nix               makes $SCRATCH/conf and $SCRATCH/home: a Nix with nothing of the host's configuration.
# nix_store_of ROOT ARG...  runs that Nix's nix-store on the store in a root.
# copy_state DIR TARGET      copies a directory of the store's state into another one. A Nix of another test that reads the store
#                           makes and removes files beside the database meanwhile, so it may take several attempts.
# find_nix_column           sets `nix_column` to the version of Nix whose record in tests/data/cases holds for the installed
#                           one: the same, or the nearest older one, which it says.
# commands_of PROGRAM       the commands that its --help lists, one per line.
# path_infos                what `nix path-info --json` prints, in any version of Nix, as the array that Nix 2.8 prints;
#                           from standard input, needs jq.
# find_no_fault UNIT...      prints what systemd finds wrong with units, and fails then. What it finds wrong with this system's
#                           own units, which it reads besides, is not told.
# patience                  the limit of time for `timeout`, the same for all
#
# A test that ends without `finish` fails, and says so.
# shellcheck shell=sh disable=SC2034  # what find_store sets is for whoever reads this in

# Seconds after which what waits for nothing is given up. It only ends what would never end: a busy machine takes less.
patience=1800

tap_count=0
tap_failed=0
tap_finished=
tap_log=$(mktemp "${TMPDIR:-/tmp}/tap.XXXXXX") || exit 1

tap_end() {
    tap_status=$?
    rm -f "$tap_log"
    [ -z "$tap_finished" ] || exit "$tap_status"
    printf 'Bail out! %s stopped before its end, with status %d\n' "$0" "$tap_status"
    exit 1
}
trap tap_end EXIT
trap 'exit 1' HUP INT TERM

claim() {
    tap_text=$1
    shift
    tap_count=$((tap_count + 1))
    if ("$@") >"$tap_log" 2>&1 </dev/null; then
        printf 'ok %d - %s\n' "$tap_count" "$tap_text"
        return
    fi
    tap_failed=$((tap_failed + 1))
    printf 'not ok %d - %s\n' "$tap_count" "$tap_text"
    sed -n 's/^/# /; 1,40p' "$tap_log"
}

copy_state() {
    tap_copy=$2/${1##*/}
    tap_attempt=0
    until cp -a "$1" "$2"; do
        tap_attempt=$((tap_attempt + 1))
        [ "$tap_attempt" -lt 100 ] || return
        chmod -R u+w "$tap_copy"
        rm -rf "${tap_copy:?}"
        sleep 0.1
    done
}

find_no_fault() {
    tap_faults=$(systemd-analyze verify --man=no "$@" 2>&1 || echo "systemd-analyze ended with status $?")
    ! printf '%s\n' "$tap_faults" | grep -v -e '^/usr/lib/systemd/system/' -e '^$'
}

skip() {
    tap_count=$((tap_count + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

have() {
    tap_program=$1
    shift
    command -v "$tap_program" >/dev/null 2>&1 && return
    for tap_text; do
        skip "$tap_text" "$tap_program is not installed"
    done
    return 1
}

can_trace() {
    have strace "$@" || return
    strace -qq -e trace=fsync -e inject=fsync:error=EIO true 2>/dev/null && return
    for tap_text; do
        skip "$tap_text" 'strace must not trace'
    done
    return 1
}

bail() {
    tap_finished=yes
    printf 'Bail out! %s\n' "$1"
    exit 1
}

wants() {
    for tap_program; do
        command -v "$tap_program" >/dev/null || bail "$tap_program is not installed"
    done
}

find_store() {
    for tap_program in REGD REGD_BUILD; do
        eval "case \${$tap_program-} in '' | /*) ;; *) $tap_program=\$PWD/\$$tap_program ;; esac"
    done
    SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
    store=${STORE_FIXTURE:-$SCRATCH/fixture}
    [ -s "$store/toplevel" ] || tests/store/make "$store" >/dev/null || bail 'no store could be made'
    store=$(cd "$store" && pwd -P)
    toplevel=$(cat "$store/toplevel")
}

private_nix() {
    mkdir "$SCRATCH/conf" "$SCRATCH/home" || bail "$SCRATCH is not empty"
    printf 'build-users-group =\nsubstitute = false\n' >"$SCRATCH/conf/nix.conf"
}

nix_store_of() {
    tap_root=$1
    shift
    HOME="$SCRATCH/home" NIX_CONF_DIR="$SCRATCH/conf" NIX_USER_CONF_FILES=/dev/null \
        nix-store --store "$tap_root" "$@"
}

find_nix_column() {
    tap_versions=$PWD/tests/data/cases/versions
    tap_installed=$(nix-store --version 2>/dev/null | sed 's/.* //') || return
    nix_column=$(echo "$tap_installed" | sort -Vu - "$tap_versions" | sed "/^$tap_installed\$/q" |
        grep -xFf "$tap_versions" | tail -n 1)
    [ -n "$nix_column" ] || nix_column=$(head -n 1 "$tap_versions")
    [ "$nix_column" = "$tap_installed" ] ||
        printf '# Nix %s was not recorded: it is compared with the nearest, %s\n' "$tap_installed" "$nix_column"
}

path_infos() {
    jq -c 'def told: .key == "references" or (.value | . != null and . != false and . != []);
        if type == "array" then . else to_entries | map({ path: .key, valid: true } +
            (.value | del(.version, .storeDir) | with_entries(select(told)))) end'
}

# Writes what a boot loader takes for a kernel of x86: the standard input behind the start of a bzImage.
like_kernel() {
    head -c 514 /dev/zero && printf HdrS && cat
}

finish() {
    tap_finished=yes
    printf '1..%d\n' "$tap_count"
    [ "$tap_count" -gt 0 ] || printf '# no claim was made\n'
    [ "$tap_failed" -eq 0 ] || printf '# %d of %d claims failed\n' "$tap_failed" "$tap_count"
    [ "$tap_count" -gt 0 ] && [ "$tap_failed" -eq 0 ]
    exit
}

commands_of() {
    "$1" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p'
}
