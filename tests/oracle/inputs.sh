#!/bin/sh
# inputs.sh — is a closure the same, whatever the source of path information?
#
# Ways in     the store's database, --registration, --graph (text, JSON, .attrs.json), --path-info (versions 1 to 3), as a
#             file and on standard input, with roots and without; for all the same manifest and image, byte for byte.
# Real files  nix-store and nix print them; nix-build runs regd-build inside a build with exportReferencesGraph.
# Size        100 000 paths: roots on standard input, each kind of file.
# Bad files   refused with one sentence that names file and place, and nothing is left behind.
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/inputs.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${REGD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR

wants nix-store nix sqlite3 jq
find_store
make=$(dirname "$REGD_BUILD")/tests/make_manifest
{ mkdir "$SCRATCH/inputs" && cd "$SCRATCH/inputs" && mkdir conf home out; } || bail "$SCRATCH is not empty"
printf 'build-users-group =\nexperimental-features = nix-command\nsandbox = false\nsubstitute = false\n' >conf/nix.conf
export HOME="$PWD/home" NIX_CONF_DIR="$PWD/conf" NIX_USER_CONF_FILES=/dev/null

# A graph has no derivers, so the store to compare with has none either.
mkdir -p root/nix && cp -a "$store/nix/store" root/nix/ && copy_state "$store/nix/var" root/nix && chmod u+w root/nix/var/nix/db &&
    sqlite3 root/nix/var/nix/db/db.sqlite 'update ValidPaths set deriver = null' || bail 'no copy of the store could be made'

# --- the forms --------------------------------------------------------------------------------------------

# A manifest's records line by line: the paths; without hash and size; without derivers; of empty files; as Nix's JSON for
# structured attributes.
# shellcheck disable=SC2016  # for awk
step='line == 4 { left = $1 } line > 4 { left-- } { line = line >= 4 && left == 0 ? 0 : line + 1 }'
echo "line == 0; $step" >paths.awk
echo "line == 0 || line >= 3; $step" >graph.awk
echo "{ print (line == 3 ? \"\" : \$0) } $step" >plain.awk
empty=77ac62e2629d8e45f624589c0c8bf99e24b3a722349bf1e79bc186008534e246
echo "{ print (line == 1 ? \"$empty\" : line == 2 ? 112 : \$0) } $step" >empty.awk
cat >list.awk <<'PROGRAM'
function close_record() { printf "]}"; line = -1 }
BEGIN { printf "[" }
line == 0 { printf "%s{\"closureSize\":1,\"path\":\"%s\",\"valid\":true", (NR > 1 ? "," : ""), $1 }
line == 1 { printf ",\"narHash\":\"sha256:%s\"", $1 }
line == 2 { printf ",\"narSize\":%s", $1 }
line == 4 { left = $1; printf ",\"references\":[" }
line > 4 { printf "%s\"%s\"", (line > 5 ? "," : ""), $1; left-- }
line >= 4 && left == 0 { close_record() }
{ line++ }
END { print "]" }
PROGRAM
cat >versions.jq <<'PROGRAM'
def base: sub("^/nix/store/"; "");
def sri: "sha256-" + .;
def entry: {narHash, narSize, references: (.references | map(base)), deriver: (.deriver // null | if . then base else . end),
    signatures: (.signatures // []), ultimate: (.ultimate // false), ca: null};
def two: {version: 2, storeDir: "/nix/store", info: (map({key: (.path | base), value: entry}) | from_entries)};
def signature: capture("^(?<keyName>[^:]*):(?<sig>.*)$");
if $version == "2" then two
else two | .version = 3 | .info |= map_values(.signatures |= map(signature)) end
PROGRAM

# forms ROOT PATH: every kind of file of the path's closure, as Nix tells it. What it says of content addresses is in
# version 1 alone; the others spell them in another way.
forms() {
    # shellcheck disable=SC2046  # store paths have no spaces
    nix-store --store "$1" --dump-db $(nix-store --store "$1" -qR "$2") >registration &&
        nix path-info --store "$1" --json --recursive "$2" >info-nix && path_infos <info-nix >info-1 &&
        { [ -z "$newer" ] || nix path-info --store "$1" --json --json-format 2 --recursive "$2" >info-nix-2; } &&
        jq -c --arg version 2 -f versions.jq info-1 >info-2 && jq --arg version 3 -f versions.jq info-1 >info-3 &&
        jq -c 'map({key: .path, value: del(.path)}) | from_entries' info-1 >info-object &&
        awk -f graph.awk registration >graph && awk -f list.awk registration >list &&
        jq -c --arg root "$2" '{builder: "/bin/sh", closure: ., exportReferencesGraph: {closure: [$root]}}' list >attrs
}
infos="info-nix info-1 info-2 info-3"
newer=$(nix path-info --help | grep -o -e --json-format | head -n 1)
[ -z "$newer" ] || infos="$infos info-nix-2"
ways="registration:registration graph:graph graph:list graph:attrs path-info:info-object"
for info in $infos; do ways="$ways path-info:$info"; done

# build VERB ARGUMENT...
build() {
    verb=$1
    shift
    if [ "$verb" = manifest ]; then
        "$REGD_BUILD" manifest --root "$root" "$@" >out/made
    else
        "$REGD_BUILD" squashfs --root "$root" --quiet --compression zstd:1 -o out/made "$@"
    fi
}

# same VERB ARGUMENT...: makes what is wanted.
same() {
    build "$@" && cmp wanted out/made
}

# from_file VERB WAY PATH [ARGUMENT...]: from the file, and from a pipe.
from_file() {
    verb=$1 option=--${2%:*} file=${2#*:} path=$3
    shift 3
    same "$verb" "$option" "$file" "$path" "$@" && tee <"$file" | same "$verb" "$option" - "$path" "$@"
}
all_of_file() {
    same "$1" "--${2%:*}" "${2#*:}" && same "$1" "--${2%:*}=-" --jobs 1 <"${2#*:}"
}

# --- the same closure -------------------------------------------------------------------------------------

root=$PWD/root
forms "$root" "$toplevel" 2>err || bail "Nix does not tell of $toplevel: $(tail -1 err)"
build manifest "$toplevel" && cp out/made wanted || bail 'no manifest from the database'
as_nix_dumps() {
    # shellcheck disable=SC2046  # store paths have no spaces
    nix-store --store "$root" --dump-db $(cat paths) | cmp - wanted
}
awk -f paths.awk wanted >paths
claim 'the manifest from the database is what nix-store --dump-db prints of the closure' \
    as_nix_dumps
for way in $ways; do
    claim "the manifest by --${way%:*} of ${way#*:} is that from the database" from_file manifest "$way" "$toplevel"
    claim "it is the same without a path: all of ${way#*:}" all_of_file manifest "$way"
done
roots_of_stdin() {
    for way in $ways; do
        shuf paths | same manifest "--${way%:*}" "${way#*:}" - || return
    done
    shuf paths | same manifest - && : | same manifest "$toplevel" --add -
}
claim 'roots on standard input, in any order, give the same by every way' roots_of_stdin
added() {
    head -5 paths >some
    # shellcheck disable=SC2046  # names without spaces
    "$REGD_BUILD" manifest --root root $(cat some) >wanted
    for way in $ways; do
        # shellcheck disable=SC2046  # as above
        same manifest "--${way%:*}" "${way#*:}" "$(head -1 some)" $(tail -n +2 some | sed 's/^/--add /') || return
    done
}
claim 'a part of the closure, by --add, is the same by every way' added
any_jobs() {
    build manifest "$toplevel" && cp out/made wanted && same manifest --graph graph --jobs 7 "$toplevel" &&
        same manifest --graph=graph -j1
}
claim 'hashes of a graph do not depend on the number of threads' any_jobs
several_graphs() {
    # shellcheck disable=SC2046  # names without spaces
    for path in $(head -9 paths); do
        nix-store --store "$PWD/root" --dump-db $(nix-store --store "$PWD/root" -qR "$path") | awk -f graph.awk
    done >several
    cat graph >>several
    same manifest --graph several
}
claim 'graphs that stand behind each other and overlap are one' several_graphs

# What a graph has no hashes for is hashed: also what is in the store otherwise than the database says.
wrong_in_store() {
    path=$small
    chmod -R u+w "root$path" && find "root$path/bin" -type f -exec cp /etc/hostname {} \; -quit &&
        build manifest --graph graph && ! cmp -s wanted out/made && [ "$(diff wanted out/made | grep -c '^>')" -eq 2 ]
}

small=$(grep -- '-sed-[^/]*[0-9]$' paths)
forms "$root" "$small" || bail "Nix does not tell of $small"
build squashfs "$small" && cp out/made wanted || bail 'no image from the database'
for way in $ways; do
    claim "the image by --${way%:*} of ${way#*:} is that from the database" from_file squashfs "$way" "$small"
    claim "it is the same without a path: all of ${way#*:}, as an image" all_of_file squashfs "$way"
done
build squashfs --signatures "$toplevel" && cp out/made wanted || bail 'no image with signatures'
with_signatures() {
    from_file squashfs path-info:info-1 "$toplevel" --signatures
}
forms "$root" "$toplevel" || bail "Nix does not tell of $toplevel"
claim 'signatures, content addresses and "ultimate" come along from nix path-info' with_signatures
signatures_of_versions() {
    # Of the signed paths those of which all versions say the same here: those without a content address.
    jq -c 'map(del(.ca))' info-1 >info-1-plain
    build squashfs --signatures --path-info info-1-plain && cp out/made wanted &&
        same squashfs --signatures --path-info info-2 && same squashfs --signatures --path-info info-3 &&
        grep -q '"keyName": "demo-2"' info-3
}
claim 'versions 2 and 3 bring the same signatures' signatures_of_versions

# With derivers: what tells them tells the same.
root=$store
forms "$store" "$toplevel" || bail "Nix does not tell of $toplevel"
build manifest "$toplevel" && cp out/made wanted && grep -q '\.drv$' wanted || bail 'no manifest with derivers'
derivers() {
    from_file manifest registration:registration "$toplevel" || return
    for info in $infos; do
        from_file manifest "path-info:$info" "$toplevel" || return
    done
    build manifest "$toplevel" --graph list && ! cmp -s wanted out/made
}
claim 'derivers come along where they are told' derivers
root=$PWD/root
claim 'a graph has its hashes from the disk, whatever the database says' wrong_in_store

# --- inside a build ---------------------------------------------------------------------------------------

# A store of its own under its own name takes no privilege; the builder is the busybox that is in the store.
in_build='inside nix-build, regd-build makes of the exported graph'
nix_build() {
    mkdir -p own/busybox/bin
    cp "$(find "$store/nix/store" -path '*-busybox-static/bin/busybox')" own/busybox/bin/ || return
    cat >own/default.nix <<'END'
{ busybox, program }:
let
  system = builtins.currentSystem;
  builder = builtins.path { path = busybox; name = "busybox"; } + "/bin/busybox";
  run = name: script: attributes: derivation ({ inherit name system builder; args = [ "sh" "-e" "-c" script ]; } // attributes);
  leaf = run "leaf" "echo ${builder} >$out" { };
  system-like = run "system" "${builder} mkdir $out; echo $out ${leaf} >$out/self; ${builder} ln -s ${leaf} $out/leaf" { };
  data = run "data" "echo of no reference >$out" { };
  make = form: roots: ''
    export ASAN_OPTIONS=detect_leaks=0:exitcode=99
    ${builder} mkdir $out
    ${builder} cp ${form} $out/graph
    ${program} manifest --store-dir $NIX_STORE --graph ${form} ${roots} >$out/manifest
    ${program} squashfs -q --store-dir $NIX_STORE --compression zstd:1 --graph ${form} ${roots} -o $out/image
  '';
in {
  inherit system-like data;
  text = run "text" (make "graph" system-like) { exportReferencesGraph = [ "graph" system-like ]; };
  text-all = run "text-all" (''${builder} cat one two >graph;'' + make "graph" "") {
    exportReferencesGraph = [ "one" system-like "two" data ];
  };
  attrs-all = run "attrs-all" (''
    out=$(${builder} sed 's/.*"outputs":{"out":"\([^"]*\)".*/\1/' .attrs.json)
  '' + make "$NIX_ATTRS_JSON_FILE" "") {
    __structuredAttrs = true;
    exportReferencesGraph.closure = [ system-like data ];
  };
}
END
    export NIX_STORE_DIR="$PWD/own/store" NIX_STATE_DIR="$PWD/own/var" NIX_LOG_DIR="$PWD/own/log"
    for name in system-like data text text-all attrs-all; do
        nix-build own/default.nix --no-out-link --argstr busybox "$PWD/own/busybox" --argstr program "$REGD_BUILD" \
            -A "$name" >"own/$name" || return
    done
}
# as_database NAME PATH...: a build's manifest and image are those from the database; there are no derivers in either.
as_database() {
    made=$(cat "own/$1")
    shift
    "$REGD_BUILD" manifest "$@" | awk -f plain.awk >wanted
    [ "$(grep -c . wanted)" -gt 5 ] && cmp wanted "$made/manifest" &&
        "$REGD_BUILD" squashfs -q --compression zstd:1 --registration wanted -o out/made && cmp out/made "$made/image"
}
claim 'nix-build runs regd-build on exported graphs, text and JSON' nix_build
if [ -s own/attrs-all ]; then
    (
        export NIX_STORE_DIR="$PWD/own/store" NIX_STATE_DIR="$PWD/own/var"
        system=$(cat own/system-like) data=$(cat own/data)
        claim "$in_build (text) what it makes of the database" as_database text "$system"
        claim "$in_build (two texts in one) what it makes of the database" as_database text-all "$system" "$data"
        claim "$in_build (.attrs.json) what it makes of the database" as_database attrs-all "$system" "$data"
        printf '%d %d\n' "$tap_count" "$tap_failed" >counts
    )
    read -r tap_count tap_failed <counts
else
    skip "$in_build what it makes of the database" 'nix-build failed'
fi

# --- 100 000 paths ----------------------------------------------------------------------------------------

count=100000
"$make" "$count" 1 10 | awk -f plain.awk >large
awk -f paths.awk large >paths
[ "$(wc -l <paths)" -eq "$count" ] || bail 'no large manifest could be made'

# large ARGUMENT...: makes the large manifest again.
large() {
    timeout "$patience" "$REGD_BUILD" manifest --root large-root "$@" >out/made && cmp large out/made
}
large_database() {
    "$REGD" register -q --root large-root --missing=accept large && shuf paths | large -
}
# The paths are there as empty files.
large_graph() {
    awk -f empty.awk large >large-empty && mv large-empty large &&
        sed 's|.*/||' paths | (cd large-root/nix/store && xargs touch) && awk -f graph.awk large >large-graph &&
        large --graph - <large-graph
}
large_manifest() {
    large --registration large - <paths
}
large_input() {
    large --path-info - <large-list
}
mkdir -p large-root/nix/store
awk -f list.awk large >large-list
claim "$count paths on standard input, by the database" large_database
claim "$count paths on standard input, by a manifest" large_manifest
claim "$count paths by JSON, $(wc -c <large-list) bytes" large --graph large-list
claim "$count paths by JSON on standard input" large_input
claim "$count paths by a graph, each hashed from the disk" large_graph
rm -rf large-root large large-list large-graph

# --- bad files --------------------------------------------------------------------------------------------

a=/nix/store/11111111111111111111111111111111-a
b=/nix/store/00000000000000000000000000000000-b
mkdir -p "bad$a" "bad$b" bad-out
printf '%s\n\n1\n%s\n%s\n\n0\n' $a $b $b >bad/graph
: >bad/empty
echo old >bad-out/image

# refuses TEXT WAY [ARGUMENT...]: reads bad/FILE.
refuses() {
    text=$1 option=--${2%:*} file=bad/${2#*:}
    shift 2
    for output in image new; do
        "$REGD_BUILD" squashfs --root bad "$option" "$file" -o "bad-out/$output" "$@" >stdout 2>stderr
        status=$?
        cat stderr
        [ "$status" -eq 1 ] && [ ! -s stdout ] && [ "$(wc -l <stderr)" -eq 1 ] && grep -q '^regd-build: ' stderr &&
            grep -qF -- "$text" stderr && [ "$(ls -A bad-out)" = image ] && [ "$(cat bad-out/image)" = old ] || return
    done
}
# change NAME SED-ARGUMENT...
change() {
    name=$1
    shift
    sed "$@" bad/graph >"bad/$name"
}
good() {
    "$REGD_BUILD" squashfs -q --root bad --graph bad/graph -o good
}
claim 'the graph that is spoilt below is good' good
change crlf 's/$/\r/'
claim 'CRLF is refused' refuses 'load bad/crlf: line 1: ' graph:crlf
change number '3s/1/one/'
claim 'a malformed number is refused' refuses "load bad/number: line 3: reference count 'one'" graph:number
change fewer '3s/1/2/'
claim 'a wrong count is refused' refuses 'load bad/fewer: line 6: ' graph:fewer
change cut 7d
claim 'a cut graph is refused' refuses 'load bad/cut: line 7: the text ends' graph:cut
change open 5,7d
claim 'a graph that is not closed is refused' refuses "load bad/open: line 4: '${b##*/}' is a reference" graph:open
{ cat bad/graph && printf '%s\n\n0\n' $a; } >bad/other
claim 'a path with two sorts of references is refused' refuses 'contradicts its record on line 1' graph:other
change elsewhere 's|/nix|/gnu|'
claim 'another store is refused' refuses "load bad/elsewhere: line 1: '/gnu/store/${a##*/}' is not a path in the store" graph:elsewhere
change absent 's/b$/c/'
claim 'a path that is not there to be hashed is refused' refuses 'hash /nix/store/00000000000000000000000000000000-c' graph:absent
claim 'an empty graph is refused' refuses 'bad/empty lists no path' graph:empty
claim 'a missing file is refused' refuses 'open bad/nowhere: ' graph:nowhere
claim 'a directory is refused' refuses 'bad/nix: ' graph:nix
claim 'a graph is no manifest' refuses 'load bad/graph: line 2: ' registration:graph
claim 'a graph is no JSON' refuses 'load bad/graph: it is not JSON, from byte 1 on' path-info:graph
claim 'a root that is not in it is refused' refuses "bad/graph does not list '22222" graph:graph /nix/store/22222222222222222222222222222222-x
zeros=0000000000000000000000000000000000000000000000000000000000000000
printf '%s\n%s\n1\n\n1\n%s\n' $a $zeros $b >bad/manifest
claim 'a manifest is no graph' refuses 'load bad/manifest: line 2: a hash where the deriver is expected' graph:manifest
claim 'a manifest that is not closed is refused' refuses "does not list '${b##*/}', to which '${a##*/}' refers" registration:manifest
printf '[{"path":"%s","narHash":"%s","narSize":1,"references":["%s"]}]' $a $zeros $b >bad/json
claim 'JSON that is not closed is refused' refuses "does not list '${b##*/}', to which '${a##*/}' refers" graph:json
claim 'so it is by --path-info' refuses "does not list '${b##*/}', to which '${a##*/}' refers" path-info:json
head -c 50 bad/json >bad/json-cut
claim 'cut JSON is refused' refuses 'load bad/json-cut: it is not JSON, from byte ' graph:json-cut
cat bad/json bad/json >bad/json-twice
claim 'JSON behind JSON is refused' refuses 'load bad/json-twice: it is not JSON, from byte ' path-info:json-twice
printf '{"version":4,"info":{}}' >bad/json-new
claim 'an unknown version is refused' refuses 'load bad/json-new: format version 4 is unknown' path-info:json-new
printf '{"exportReferencesGraph":{"a":[],"b":[]},"a":[],"b":[]}' >bad/json-two
claim 'attributes with two graphs are refused' refuses 'load bad/json-two: exportReferencesGraph has 2 graphs' graph:json-two

# wrong TEXT ARGUMENT...: a wrong command line.
wrong() {
    text=$1
    shift
    "$REGD_BUILD" "$@" >stdout 2>stderr </dev/null
    status=$?
    cat stderr
    [ "$status" -eq 2 ] && [ ! -s stdout ] && grep -qF -- "$text" stderr
}
claim 'two files are a wrong command line' wrong 'cannot be combined' manifest --graph graph --path-info info-1
claim 'so is standard input for two things' wrong 'standard input' manifest --graph - -
claim 'so it is by --add' wrong 'standard input' tree --path-info - --add - -o new "$toplevel"
claim 'no path and no file is a wrong command line' wrong 'manifest: missing PATH' manifest
claim 'tree wants its TOPLEVEL always' wrong 'usage: regd-build tree TOPLEVEL' tree --graph graph -o new

finish
