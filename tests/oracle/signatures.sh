#!/bin/sh
# signatures.sh — do signatures and content addresses, which are in a JSON file next to the manifest, reach the booted
# machine? There the real Nix must say the same of each path as where it was built, and copy it signed.
set -u
# shellcheck source=tests/tap.sh
. tests/tap.sh

if ! have jq "signatures survive" || ! have nix "signatures survive"; then
    finish
fi

store=${STORE_FIXTURE:-$SCRATCH/store}
[ -n "${STORE_FIXTURE:-}" ] || sh tests/store/make "$store" >/dev/null || bail "no store could be made"
toplevel=$(cat "$store/toplevel")
nix-store --store "$store" -qR "$toplevel" | sort >"$SCRATCH/closure"
db=nix/var/nix/db/db.sqlite

# Everything that Nix says of the closure, but when it was registered.
said_of() {
    # shellcheck disable=SC2046  # paths
    nix --extra-experimental-features nix-command path-info --store "$1" --json $(cat "$SCRATCH/closure") |
        path_infos | jq -S 'map(del(.registrationTime)) | sort_by(.path)'
}
said_of "$store" >"$SCRATCH/said"

"$REGD_BUILD" squashfs -q --signatures --compression lz4 --root "$store" "$toplevel" -o "$SCRATCH/image" ||
    bail "no image could be made"
mkdir -p "$SCRATCH/unpacked"
unsquashfs -q -n -d "$SCRATCH/unpacked/store" "$SCRATCH/image" >/dev/null || bail "the image could not be unpacked"
beside=$SCRATCH/unpacked/store/nix-path-registration.json

# A machine with the image's store and nothing else.
machine() {
    root=$SCRATCH/$1
    mkdir -p "$root/nix"
    cp -al "$SCRATCH/unpacked/store" "$root/nix/store"
    rm "$root/nix/store/nix-path-registration.json"
}

registers_the_same() {
    machine same
    cp "$beside" "$root/nix/store/"
    "$REGD" boot --root "$root" --system "$toplevel" && said_of "$root" | cmp - "$SCRATCH/said"
}
claim "after boot Nix says the same of every path as where it was built" registers_the_same

by_sql() {
    machine sql
    cp "$beside" "$root/nix/store/"
    "$REGD" register --loader=sql --root "$root" && said_of "$root" | cmp - "$SCRATCH/said"
}
claim "so it does when the database is made by SQLite" by_sql

copies_signed() {
    nix --extra-experimental-features nix-command copy --no-check-sigs --from "$SCRATCH/same" \
        --to "file://$SCRATCH/cache" "$toplevel" || return 1
    digest=$(basename "$toplevel" | cut -c 1-32)
    key=$(cut -d : -f 1 "$store/demo-1.public")
    grep "^Sig: $key:" "$SCRATCH/cache/$digest.narinfo"
}
claim "nix copy carries the signature" copies_signed

fills_in() {
    machine filled
    "$REGD" register --root "$root" && sqlite3 "$root/$db" "update ValidPaths set sigs = 'kept:AAAA' where id = 1" &&
        cp "$beside" "$root/nix/store/" && "$REGD" register --root "$root" &&
        [ "$(sqlite3 "$root/$db" 'select sigs from ValidPaths where id = 1')" = kept:AAAA ] &&
        said_of "$root" | jq 'map(select(.signatures != ["kept:AAAA"]))' >"$SCRATCH/filled.json" &&
        first=$(sqlite3 "$root/$db" 'select path from ValidPaths where id = 1') &&
        jq --arg first "$first" 'map(select(.path != $first))' "$SCRATCH/said" | cmp - "$SCRATCH/filled.json"
}
claim "what a valid path lacks is filled in, what it has is kept" fills_in

# Other versions of the format, made of the first.
sri() {
    nix --extra-experimental-features nix-command hash to-sri --type "$1" "$2"
}
version_2() {
    jq '{ version: 2, storeDir: "/nix/store", info: with_entries(.key |= ltrimstr("/nix/store/")
        | .value.references |= map(ltrimstr("/nix/store/"))
        | .value.deriver |= (if . then ltrimstr("/nix/store/") else . end)) }' "$beside" >"$SCRATCH/v2"
    jq -r '.info[].ca // empty' "$SCRATCH/v2" | sort -u | while IFS= read -r ca; do
        case $ca in
        fixed:r:*) method=nar ;;
        fixed:*) method=flat ;;
        text:*) method=text ;;
        esac
        hash=${ca##*:} algorithm=${ca%:*} algorithm=${algorithm##*:}
        jq -n --arg ca "$ca" --arg method "$method" --arg hash "$(sri "$algorithm" "$hash")" \
            '{ key: $ca, value: { method: $method, hash: $hash } }'
    done | jq -s from_entries >"$SCRATCH/addresses"
    jq --slurpfile to "$SCRATCH/addresses" '.info |= map_values(.ca |= (if . then $to[0][.] else . end))' "$SCRATCH/v2"
}
reads_version() {
    machine "version-$1"
    cp "$SCRATCH/version-$1.json" "$root/nix/store/nix-path-registration.json"
    "$REGD" register --root "$root" && said_of "$root" | cmp - "$SCRATCH/said"
}
version_2 >"$SCRATCH/version-2.json"
jq '.version = 3 | .info |= map_values(.signatures |= map(split(":") | { keyName: .[0], sig: .[1] }))' \
    "$SCRATCH/version-2.json" >"$SCRATCH/version-3.json"
# shellcheck disable=SC2046  # paths
nix --extra-experimental-features nix-command path-info --store "$store" --json $(cat "$SCRATCH/closure") \
    >"$SCRATCH/version-1.json"
claim "what nix path-info prints is read" reads_version 1
claim "version 2 is read" reads_version 2
claim "version 3 is read" reads_version 3

dumps() {
    "$REGD" dump --json --root "$SCRATCH/same" >"$SCRATCH/dumped" && cmp "$SCRATCH/dumped" "$beside"
}
claim "regd dump --json prints what stood beside the manifest" dumps

# One that is wrong is told and not used; the paths are registered without it.
not_used() {
    machine "wrong-$1"
    cp "$SCRATCH/wrong" "$root/nix/store/nix-path-registration.json"
    "$REGD" register --root "$root" 2>"$SCRATCH/told" || return 1
    cat "$SCRATCH/told"
    grep -q "nix-path-registration.json is not used: $2" "$SCRATCH/told" &&
        [ "$(sqlite3 "$root/$db" 'select count(*) from ValidPaths where sigs is not null')" = 0 ] &&
        [ "$(sqlite3 "$root/$db" 'select count(*) from ValidPaths')" = "$(wc -l <"$SCRATCH/closure")" ]
}
head -c 1000 "$beside" >"$SCRATCH/wrong"
claim "a cut one is not used" not_used cut "it is not JSON"
jq 'map_values(.narHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")' "$beside" >"$SCRATCH/wrong"
claim "one of other bytes is not used" not_used hash "it gives '.*' another NAR hash"
jq 'map_values(.signatures = ["a b"])' "$beside" >"$SCRATCH/wrong"
claim "one with a signature of two words is not used" not_used words ".*'a b' is not a plain word"
jq '{ version: 9, info: . }' "$beside" >"$SCRATCH/wrong"
claim "one of an unknown version is not used" not_used version "format version 9 is unknown"
jq '{ version: 2, storeDir: "/elsewhere", info: . }' "$beside" >"$SCRATCH/wrong"
claim "one of another store is not used" not_used store "it describes another store, '/elsewhere'"

without() {
    "$REGD_BUILD" squashfs -q --compression lz4 --root "$store" "$toplevel" -o "$SCRATCH/plain" &&
        ! unsquashfs -l "$SCRATCH/plain" | grep nix-path-registration.json
}
claim "without --signatures the image has none" without

finish
