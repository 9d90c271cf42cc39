#!/bin/sh
# path_info_cases.sh — is what each version of Nix prints of the same paths read alike? Does the Nix that is here print that?
#
# The outputs of `nix path-info --json` stand in tests/data/cases/path-info, one for each version and each format that it
# has, with the database that they tell of. It has each kind of content address, signatures, a deriver, a reference to itself.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/oracle/path_info_cases.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C

wants sqlite3
for program in REGD REGD_BUILD; do
    eval "case \$$program in /*) ;; *) $program=\$PWD/\$$program ;; esac"
done
data=$PWD/tests/data/cases/path-info
nix_column=$(head -n 1 tests/data/cases/versions)
! command -v nix >/dev/null || find_nix_column
cd "$SCRATCH" || bail "$SCRATCH is not there"

mkdir -p root/nix/store
grep -- '^/nix/store/.*-[a-z]*$' "$data/registration" | sort -u >paths
while read -r path; do echo "${path##*-}" >"root$path"; done <paths
{ "$REGD" register -q --root root "$data/registration" && sqlite3 root/nix/var/nix/db/db.sqlite <"$data/details.sql"; } ||
    bail 'the paths cannot be registered'

# from OUT ARGUMENT...: the manifest, and an image with all that has no place in one.
from() {
    out=$1
    shift
    "$REGD_BUILD" manifest --root root "$@" >"$out.manifest" &&
        "$REGD_BUILD" squashfs -q --root root --no-check --signatures --compression zstd:1 "$@" -o "$out.squashfs"
}
# shellcheck disable=SC2046  # store paths have no spaces
from database $(cat paths) || bail 'nothing can be built from the database'
cmp database.manifest "$data/registration" || bail 'the database is not that of the records'

recorded() {
    from file --path-info "$data/$file" && cmp database.manifest file.manifest && cmp database.squashfs file.squashfs
}
for file in "$data"/*.json; do
    file=${file##*/}
    claim "what Nix ${file%.json} printed is read as the database is" recorded
done
every_version() {
    while read -r version; do [ -e "$data/$version.json" ] || return; done <"${data%/*}/versions"
}
claim 'there is a record of each version' every_version
differ() {
    sed 's/"ultimate":true/"ultimate":false/' "$data/$nix_column.json" >other.json && from file --path-info other.json &&
        ! cmp -s database.squashfs file.squashfs
}
claim 'what a manifest cannot say would be seen' differ

# prints FILE OPTION...: but for the order of keys and of paths.
prints() {
    file=$1
    shift
    # shellcheck disable=SC2046  # store paths have no spaces
    mkdir -p conf home && printf 'build-users-group =\nexperimental-features = nix-command\n' >conf/nix.conf &&
        HOME="$PWD/home" NIX_CONF_DIR="$PWD/conf" NIX_USER_CONF_FILES=/dev/null NIX_REMOTE='' \
            nix path-info --store "$PWD/root" --json "$@" $(cat paths) >here.json && jq -S . here.json >here &&
        jq -S . "$data/$file" | diff - here
}
text="Nix $nix_column prints what is recorded of it"
have nix "$text" && have jq "$text" && {
    claim "$text" prints "$nix_column.json"
    for file in "$data/$nix_column".format-*.json; do
        [ ! -e "$file" ] || claim "$text, ${file##*/}" prints "${file##*/}" --json-format "$(expr "$file" : '.*format-\([0-9]*\)')"
    done
}
finish
