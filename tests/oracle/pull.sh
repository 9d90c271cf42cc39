#!/bin/sh
# pull.sh — do the tools of systemd that download images take those of a tree, and check them?
#
# systemd-pull(8) runs behind importctl, rd.systemd.pull= and systemd-sysupdate. It looks for the checksum beside the image:
# in IMAGE.sha256, where publish writes it, then in SHA256SUMS, where --separate-store has it. For an image of a tree --by-url,
# which is in stores/, it has to be given.
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/pull.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/flip.sh disable=SC1091
. tests/boot/kit/flip.sh
unset http_proxy all_proxy HTTP_PROXY ALL_PROXY
find_store
wants jq curl busybox timeout
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

set -- 'systemd-pull takes an image that SHA256SUMS is beside' 'it refuses one with another byte' \
    'it takes an image of --by-url with its checksum' 'it refuses one with another byte, too' \
    'it takes a published image, and checks it' 'it refuses a published one with another byte'
for way in separate-store by-url; do
    "$REGD_BUILD" tree -q --root "$store" --compression zstd:3 "--$way" -o "$way" "$toplevel" || bail 'no tree can be made'
done
"$REGD_BUILD" publish -q by-url --into published || bail 'nothing can be published'

server=
trap '[ -z "$server" ] || kill "$server"; tap_end' EXIT
# The server of this directory; sets url.
serve() {
    port=$((20000 + $$ % 20000))
    while [ "$port" -lt 41000 ]; do
        busybox httpd -f -p "127.0.0.1:$port" -h . 2>/dev/null &
        server=$!
        url=http://127.0.0.1:$port
        until curl -s -o /dev/null "$url/port"; do
            kill -0 "$server" 2>/dev/null || break
            sleep 0.1
        done
        kill -0 "$server" 2>/dev/null && return
        port=$((port + 1))
    done
    bail 'no port for the server'
}

# pull NAME VERIFY PATH: of the files beside the image only those are asked for that a tree has.
pull() {
    rm -rf images && mkdir images && timeout "$patience" \
        /usr/lib/systemd/systemd-pull raw --image-root=images --settings=no --roothash=no --verity=no --verify="$2" "$url/$3" "$1"
}
image=separate-store/nix-store.squashfs
# taken VERIFY PATH [SAME]: it is the file that was served, or the same one elsewhere.
taken() {
    pull taken "$1" "$2" && cmp images/taken.raw "${3-$2}"
}
# refused VERIFY PATH
refused() {
    cp "$2" right && flip "$2" 5000 || return
    ! pull refused "$1" "$2" && [ ! -e images/refused.raw ]
    result=$?
    mv -f right "$2"
    return "$result"
}
pinned=by-url/stores/$(jq -r '.storeImages[0].rootHash' by-url/boot.json).squashfs
sum=$(sed -n "s| .*${pinned#by-url/}\$||p" by-url/SHA256SUMS)
published=published/${pinned#by-url/}
version=$(/usr/lib/systemd/systemd --version 2>/dev/null | sed -n 's/^systemd \([0-9]*\).*/\1/p')
if [ "${version:-0}" -lt 257 ]; then
    # One run in ten of systemd 252 waits for ever, with all files received.
    for text; do
        skip "$text" 'systemd is older than 257: its systemd-pull may wait for ever'
    done
elif have /usr/lib/systemd/systemd-pull "$@"; then
    serve
    claim "$1" taken checksum "$image"
    claim "$2" refused checksum "$image"
    claim "$3" taken "$sum" "$pinned"
    claim "$4" refused "$sum" "$pinned"
    claim "$5" taken checksum "$published" "$pinned"
    claim "$6" refused checksum "$published"
fi

# In an initial ramdisk, systemd of version 258 or newer puts it below /run and makes a block device of it. Here systemd's
# generator writes the unit, and its command asks a systemd-importd of this test, which writes below images.
generator=/usr/lib/systemd/system-generators/systemd-import-generator
importd=
start_importd() {
    rm -f import
    systemd-socket-activate --listen="$PWD/import" --fdname=varlink /usr/lib/systemd/systemd-importd 2>importd.log &
    importd=$!
    until [ -S import ]; do
        kill -0 "$importd" 2>/dev/null || { cat importd.log && return 1; }
        sleep 0.1
    done
}
# booted PATH: what a boot with that image's URL does.
booted() {
    rm -rf units images && mkdir units images && SYSTEMD_IN_INITRD=1 \
        SYSTEMD_PROC_CMDLINE="rd.systemd.pull=raw,machine,ro,blockdev,verify=checksum:nix-store:$url/$1" \
        "$generator" units units units && grep -q '^Before=.*systemd-loop@' units/*.service || return
    start_importd || return
    command=$(sed -n "s|^ExecStart=:||; s|/run/systemd/io.systemd.Import|$PWD/import|; s|/run/machines|$PWD/images|p" units/*.service)
    echo "$command"
    eval "timeout $patience $command"
    result=$?
    kill "$importd"
    [ "$result" -eq 0 ]
}
pulled() {
    booted "$1" && cmp images/nix-store.raw "$1"
}
not_pulled() {
    cp "$1" right && flip "$1" 5000 && ! booted "$1" && [ -s importd.log ] && [ ! -e images/nix-store.raw ]
    result=$?
    mv -f right "$1"
    return "$result"
}
set -- 'rd.systemd.pull= takes an image of --separate-store' 'rd.systemd.pull= takes a published image' \
    'rd.systemd.pull= refuses a published image with another byte'
if [ "${version:-0}" -lt 258 ]; then
    for text; do
        skip "$text" 'systemd is older than 258, which makes no block device of it'
    done
elif have varlinkctl "$@" && have systemd-socket-activate "$@"; then
    claim "$1" pulled "$image"
    claim "$2" pulled "$published"
    claim "$3" not_pulled "$published"
fi
finish
