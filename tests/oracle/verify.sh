#!/bin/sh
# verify.sh — does `regd verify` find what `nix-store --verify --check-contents` finds, and report it?
#
# Each claim damages a copy of a real store. regd runs first, because Nix removes missing paths from the database.
#
# Usage    REGD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/verify.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET JOURNAL_STREAM

wants nix-store sqlite3
find_store

out=$SCRATCH/out
err=$SCRATCH/err
private_nix
nix_store() {
    nix_store_of "$root" "$@"
}

# --- roots ------------------------------------------------------------------------------------------------

# One copy, not of hard links, which would change the fixture. Each claim begins by putting back what the one
# before it could change.
root=$SCRATCH/root
dir=$root/nix/store
touched=$SCRATCH/touched
mkdir -p "$dir"
: >"$touched"

copy_path() {
    cp -a "$store/nix/store/$1" "$dir/" && find "$dir/$1" -type d -exec chmod u+w {} +
}

make_root() {
    mkdir -p "$dir"
    ls -A "$store/nix/store" >"$SCRATCH/there"
    (cd "$dir" && while read -r name; do rm -rf "./$name"; done) <"$touched"
    : >"$touched"
    (cd "$dir" && find . -mindepth 1 -maxdepth 1 ! -name '[0-9a-z]*-*' -exec rm -rf {} + &&
        rm -rf tmp-* ./1111* ./2222* ./*.lock ./*.chroot ./*.check ./*.tmp ./nix-path*)
    while read -r name; do [ -e "$dir/$name" ] || [ -L "$dir/$name" ] || copy_path "$name"; done <"$SCRATCH/there"
    rm -rf "$root/nix/var"
    mkdir "$root/nix/var"
    copy_state "$store/nix/var/nix" "$root/nix/var"
}

# The path of a name, as the database says it. It may be changed.
path_of() {
    (cd "$dir" && printf '%s\n' [0-9a-z]*-"$1") >>"$touched"
    printf '/nix/store/%s\n' "$(tail -1 "$touched")"
}

# A package whose version is that of this system's Debian.
grep=$(cd "$store/nix/store" && printf '%s\n' ./*-grep-[0-9]*[0-9] | sed 's/^[^-]*-//')

# verify STATUS [OPTION...]
verify() {
    wanted=$1
    shift
    "$REGD" verify --root "$root" "$@" >"$out" 2>"$err"
    status=$?
    cat "$out" "$err"
    [ "$status" -eq "$wanted" ] && [ "$(wc -l <"$err")" -eq 1 ]
}

# The paths of regd's findings, one kind or all that are a failure.
found_by_regd() {
    sed -nE "s/^(${1:-mismatched|missing|unreadable}): (\/nix\/store\/[^ :\/]*).*/\\2/p" "$out" | sort -u
}

# The same of Nix's complaints, which name a file in it by where it is on this host.
found_by_nix() {
    grep -E "modified|disappeared|^error:" "$SCRATCH/nix" | grep -oE "/nix/store/[0-9a-z]{32}-[0-9A-Za-z+._?=-]+" |
        sort -u
}

# Both find the same paths, and exactly those of the arguments.
agree() {
    for path; do printf '%s\n' "$path"; done | sort -u >"$SCRATCH/want"
    found_by_regd >"$SCRATCH/regd"
    nix_store --verify --check-contents >"$SCRATCH/nix" 2>&1
    cat "$SCRATCH/nix"
    found_by_nix >"$SCRATCH/nix.paths"
    diff "$SCRATCH/want" "$SCRATCH/regd" && diff "$SCRATCH/nix.paths" "$SCRATCH/regd"
}

# --- agreement --------------------------------------------------------------------------------------------

sound() {
    make_root
    verify 0 && [ ! -s "$out" ] && agree &&
        grep -q "^regd: $(sqlite3 "$root/nix/var/nix/db/db.sqlite" 'select count(*) from ValidPaths') paths " "$err"
}
claim 'a store as Nix made it is as registered' sound

# damaged NAME PATH...: after a change to the paths both find them, and nothing else.
damaged() {
    verify 1 && grep -q '^regd: [0-9]* of [0-9]* paths are not as registered: ' "$err" && agree "$@"
}

byte() {
    make_root
    path=$(path_of "$grep")
    chmod u+w "$root$path/bin/grep"
    printf x | dd of="$root$path/bin/grep" bs=1 seek=5000 conv=notrunc 2>/dev/null
    damaged "$path"
}
claim 'a changed byte' byte

executable_set() {
    make_root
    path=$(path_of plain-file.txt)
    chmod u+x "$root$path"
    damaged "$path"
}
claim 'an executable bit that was set' executable_set

executable_cleared() {
    make_root
    path=$(path_of "$grep")
    chmod a-x "$root$path/bin/grep"
    damaged "$path"
}
claim 'an executable bit that was cleared' executable_cleared

other_modes() {
    make_root
    path=$(path_of "$grep")
    chmod 0700 "$root$path/bin/grep" && chmod 0755 "$root$path" && touch "$root$path/bin/grep" && verify 0 && agree
}
claim 'other modes and times are not in the NAR' other_modes

target() {
    make_root
    path=$(path_of link-to-nowhere)
    inside=$(path_of links)
    ln -sfn /no/such/place "$root$path" && ln -sfn nowhere "$root$inside/relative" && damaged "$path" "$inside"
}
claim 'a link to elsewhere' target

added() {
    make_root
    path=$(path_of empty-directory)
    other=$(path_of "$grep")
    : >"$root$path/file" && mkdir "$root$other/bin/directory" && damaged "$path" "$other"
}
claim 'an added file, an added directory' added

removed() {
    make_root
    path=$(path_of thousand-files)
    find "$root$path" -type f | head -1 | xargs rm && damaged "$path"
}
claim 'a removed file' removed

truncated() {
    make_root
    path=$(path_of "$grep")
    chmod u+w "$root$path/bin/grep" && truncate -s 100 "$root$path/bin/grep" && damaged "$path"
}
claim 'a truncated file' truncated

renamed() {
    make_root
    path=$(path_of "$grep")
    mv "$root$path/bin/grep" "$root$path/bin/grap" && damaged "$path"
}
claim 'a renamed file' renamed

replaced() {
    make_root
    path=$(path_of plain-file.txt)
    other=$(path_of empty-directory)
    rm "$root$path" && mkdir "$root$path" && rmdir "$root$other" && ln -s nowhere "$root$other" &&
        damaged "$path" "$other"
}
claim 'a file that is a directory now, a directory that is a link' replaced

pipe() {
    make_root
    path=$(path_of "$grep")
    mkfifo "$root$path/bin/pipe" && damaged "$path" && found_by_regd unreadable | grep -qxF "$path" &&
        grep -qF "$path/bin/pipe: " "$out"
}
claim 'a pipe is not waited for, but named' pipe

missing() {
    make_root
    path=$(path_of link-to-nowhere)
    rm "$root$path" && damaged "$path" && found_by_regd missing | grep -qxF "$path"
}
claim 'a path that is missing' missing

many() {
    make_root
    a=$(path_of "$grep") b=$(path_of plain-file.txt) c=$(path_of sizes) d=$(path_of empty-file)
    rm -r "${root:?}$a" && chmod u+wx "$root$b" && : >"$root$c/more" && echo more >"$root$b" && rm "$root$d" &&
        damaged "$a" "$b" "$c" "$d" && sed 's/^[a-z]*: //' "$out" | sort -c
}
claim 'all at once' many

hashes() {
    make_root
    path=$(path_of plain-file.txt)
    chmod u+w "$root$path" && echo other >"$root$path" && verify 1 || return 1
    expected=$(sqlite3 "$root/nix/var/nix/db/db.sqlite" "select hash from ValidPaths where path = '$path'")
    found=$(nix-store --dump "$root$path" | sha256sum | cut -d ' ' -f 1)
    [ "$(cat "$out")" = "mismatched: $path: expected $expected, found sha256:$found" ]
}
claim 'the expected hash is the registered one, the found one that of nix-store --dump' hashes

# --- what Nix does not tell -------------------------------------------------------------------------------

size() {
    make_root
    path=$(path_of plain-file.txt)
    sqlite3 "$root/nix/var/nix/db/db.sqlite" "update ValidPaths set narSize = 121 where path = '$path'"
    verify 1 && [ "$(cat "$out")" = "wrong size: $path: expected 121 bytes, found 120" ] || return 1
    sqlite3 "$root/nix/var/nix/db/db.sqlite" "update ValidPaths set narSize = null where path = '$path'"
    verify 0 && [ ! -s "$out" ]
}
claim 'a registered size that is not the right one, unless there is none' size

strays() {
    make_root
    path=$(path_of plain-file.txt)
    mkdir "$dir/11111111111111111111111111111111-not-valid" "$dir/tmp-12-0"
    cp "$root$path" "$dir/22222222222222222222222222222222-not-valid"
    : >"$dir/$(printf 'odd\nname\377')"
    : >"$dir/stray"
    for name in nix-path-registration nix-path-registration.json "${path##*/}.lock" "${path##*/}.chroot" \
        "${path##*/}.check" "${path##*/}.tmp" .tmp-link-1-2; do
        : >"$dir/$name"
    done
    printf 'stray: /nix/store/%s\n' 11111111111111111111111111111111-not-valid \
        22222222222222222222222222222222-not-valid >"$SCRATCH/want"
    printf 'stray: /nix/store/odd\\x0aname\\xff\nstray: /nix/store/stray\n' >>"$SCRATCH/want"
    verify 0 && diff "$SCRATCH/want" "$out" && grep -q '4 strays' "$err" && verify 0 "$path" && [ ! -s "$out" ]
}
claim 'strays are told, are no failure, and are not looked for among named paths' strays

# --- the command ------------------------------------------------------------------------------------------

same_output() {
    make_root
    a=$(path_of "$grep") b=$(path_of plain-file.txt) c=$(path_of sizes)
    rm -r "${root:?}$a" && chmod u+x "$root$b" && : >"$root$c/more" && : >"$dir/stray" && verify 1 --jobs 1 || return 1
    cat "$out" "$err" >"$SCRATCH/one"
    for jobs in 2 7 1024; do
        verify 1 -j "$jobs" && cat "$out" "$err" | diff "$SCRATCH/one" - || return 1
    done
}
claim 'the output does not depend on --jobs' same_output

named() {
    make_root
    a=$(path_of "$grep") b=$(path_of plain-file.txt)
    chmod u+x "$root$a/bin/egrep" "$root$b" && : >"$root$a/more" && ln -s "$a/bin" "$root/link" && : >"$dir/stray"
    verify 1 "$b" "$a/bin/egrep" /link && [ "$(found_by_regd)" = "$(printf '%s\n' "$a" "$b" | sort)" ] &&
        [ "$(wc -l <"$out")" -eq 2 ] && grep -q '^regd: 2 of 2 paths ' "$err" &&
        verify 0 "$(path_of sizes)" && grep -q '^regd: 1 path ' "$err"
}
claim 'named paths may be links and files in a path, and count once' named

not_valid() {
    make_root
    path=/nix/store/11111111111111111111111111111111-not-valid
    mkdir "$root$path" && verify 1 "$path" && [ ! -s "$out" ] &&
        grep -qF "'$path' is not a valid store path" "$err"
}
claim 'a named path that is not registered is refused' not_valid

no_database() {
    make_root
    rm -r "$root/nix/var/nix/db" && verify 1 && [ ! -s "$out" ] && grep -q 'there is no Nix database' "$err"
}
claim 'no database is refused' no_database

no_store() {
    make_root
    rm -r "$dir" && verify 1 && [ ! -s "$out" ] && grep -q 'open the store /nix/store: ' "$err"
}
claim 'no store is refused' no_store

quiet() {
    make_root
    "$REGD" verify --quiet --root "$root" >"$out" 2>&1 && [ ! -s "$out" ]
}
claim '--quiet says nothing when all is well' quiet

wrong_jobs() {
    for jobs in 0 -1 1025 two ''; do
        "$REGD" verify --jobs="$jobs" 2>"$err"
        [ $? -eq 2 ] && grep -q -- '--jobs expects a number from 1 to 1024' "$err" || return 1
    done
}
claim 'other numbers of --jobs are a wrong command line' wrong_jobs

unchanged() {
    make_root
    list() { (cd "$dir" && find . -printf '%p %y %m %s %T@ %C@ %l\n' | sort); }
    list >"$SCRATCH/before"
    verify 0 || return 1
    list | diff "$SCRATCH/before" -
}
claim 'nothing is changed in the store' unchanged

collector() {
    make_root
    : >>"$root/nix/var/nix/gc.lock"
    mkfifo "$SCRATCH/go"
    flock "$root/nix/var/nix/gc.lock" sh -c "read -r _ <'$SCRATCH/go'" &
    until ! flock -n "$root/nix/var/nix/gc.lock" true; do sleep 0.02; done
    "$REGD" verify --root "$root" >"$out" 2>"$err" &
    regd=$!
    until grep -q 'waiting for the garbage collector' "$err" || ! kill -0 "$regd" 2>/dev/null; do sleep 0.02; done
    echo go >"$SCRATCH/go"
    wait "$regd" && cat "$err" && grep -q 'waiting for the garbage collector' "$err" && grep -q 'all as registered' "$err"
}
have flock 'a garbage collector is waited for' && claim 'a garbage collector is waited for' collector

json() {
    make_root
    a=$(path_of "$grep") b=$(path_of plain-file.txt) c=$(path_of sizes) d=$(path_of empty-directory)
    rm -r "${root:?}$a" && chmod u+x "$root$b" && mkfifo "$root$c/pipe" && : >"$dir/$(printf 'str"ay\377')"
    sqlite3 "$root/nix/var/nix/db/db.sqlite" "update ValidPaths set narSize = 1 where path = '$d'"
    verify 1 --json || return 1
    jq -e --arg a "$a" --arg b "$b" --arg c "$c" --arg d "$d" '
        (keys == ["mismatched", "missing", "oddRows", "ok", "omitted", "paths", "strays", "unreadable", "wrongSize"]) and
        .ok + 4 == .paths and .missing == [$a] and
        (.mismatched | length == 1 and .[0].path == $b and (.[0] | keys) == ["expected", "found", "path"]) and
        (.mismatched[0] | [.expected, .found] | all(test("^sha256:[0-9a-f]{64}$"))) and
        (.unreadable | length == 1 and .[0].path == $c and (.[0].reason | startswith($c + "/pipe: "))) and
        .wrongSize == [{ path: $d, expected: 1, found: 96 }] and
        .strays == ["/nix/store/str\"ay\\xff"]' "$out"
}
json_sound() {
    make_root
    verify 0 --json && jq -e '.ok == .paths and .paths > 0 and .mismatched + .missing + .strays == []' "$out"
}
if have jq '--json tells it all' '--json of a sound store'; then
    claim '--json tells it all' json
    claim '--json of a sound store' json_sound
fi

finish
