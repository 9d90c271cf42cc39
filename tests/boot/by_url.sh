#!/bin/sh
# by_url.sh — does a machine boot whose store is fetched from a server, and does a bad network cost time, never
# correctness?
#
# The ramdisk is that of initrd_systemd.sh with systemd-networkd, regd-fetch and nix-store.layers.json. The server is
# nginx on this host.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/by_url.sh
# shellcheck disable=SC2015,SC2016,SC2086  # `A && B || C` is meant so; the machine expands; several words
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh
# shellcheck source=tests/boot/kit/stage1.sh disable=SC1091
. tests/boot/kit/stage1.sh
# shellcheck source=tests/boot/kit/flip.sh disable=SC1091
. tests/boot/kit/flip.sh
# shellcheck source=tests/boot/kit/web.sh disable=SC1091
. tests/boot/kit/web.sh
# shellcheck source=tests/boot/kit/fetch.sh disable=SC1091
. tests/boot/kit/fetch.sh

what='a store is fetched by URL, checked, and booted'
begin_fetch "$what"
have mkfs.ext4 "$what" || finish
begin_boots "$what"
begin_web "$what"

# --- the ramdisk ------------------------------------------------------------------------------------------

make_stage1 stage1 add_fetch

# --- images and servers -----------------------------------------------------------------------------------

# image NAME OPTION... PATH: an image in $SCRATCH/web/stores, by its root hash; its layer in $SCRATCH/NAME.layer.
image() {
    name=$1
    shift
    "$REGD_BUILD" squashfs --quiet --json --root "$live" --compression zstd:3 --verity file "$@" -o "$SCRATCH/$name.squashfs" \
        >"$SCRATCH/$name.json" || bail 'no image can be made'
    size=$(jq -r .imageBytes "$SCRATCH/$name.json")
    root=$(jq -r '.rootHashes[0]' "$SCRATCH/$name.json")
    for suffix in verity squashfs.verity; do
        [ ! -e "$SCRATCH/$name.$suffix" ] || verity=$SCRATCH/$name.$suffix
    done
    printf '"size":%s,"rootHash":"%s","dataBlocks":%s,"veritySize":%s' "$size" "$root" $((size / 4096)) \
        "$(stat -c %s "$verity")" >"$SCRATCH/$name.layer"
    mkdir -p "$SCRATCH/web/stores" && ln "$SCRATCH/$name.squashfs" "$SCRATCH/web/stores/$root.squashfs" &&
        ln "$verity" "$SCRATCH/web/stores/$root.verity" || bail 'nothing can be served'
}
# ramdisk NAME LAYER...: $SCRATCH/NAME, whose store is these layers, topmost first. It has what else is in $SCRATCH/list.
ramdisk() {
    file=$SCRATCH/$1
    shift
    number=0
    separator=
    mkdir -p "$SCRATCH/list"
    {
        printf '{"version":1,"layers":['
        for layer; do
            name=nix-store.$number.squashfs
            [ "$number" -gt 0 ] || name=nix-store.squashfs
            printf '%s{"name":"%s",%s}' "$separator" "$name" "$(cat "$SCRATCH/$layer.layer")"
            separator=,
            number=$((number + 1))
        done
        echo ']}'
    } >"$SCRATCH/list/nix-store.layers.json"
    # The kernel finds an archive only at a multiple of four bytes.
    { cat "$SCRATCH/stage1.gz" && head -c $((-$(stat -c %s "$SCRATCH/stage1.gz") & 3)) /dev/zero && (cd "$SCRATCH/list" && find . -type f | sort | cpio --quiet -o -H newc -R 0:0); } >"$file" ||
        bail 'no ramdisk can be made'
}
image whole "$(cat "$live/first")"
whole_size=$size whole_root=$root
image lower "$(cat "$live/first")/sw"
two_bytes=$((size + $(stat -c %s "$verity")))
lower_root=$root
image upper --base "$SCRATCH/lower.squashfs" "$(cat "$live/first")"
two_bytes=$((two_bytes + size + $(stat -c %s "$verity")))
ramdisk one whole
ramdisk two upper lower
# Here systemd does not wait long for a device that is missing.
mkdir -p "$SCRATCH/list/etc/systemd" && printf '[Manager]\nDefaultDeviceTimeoutSec=5\n' >"$SCRATCH/list/etc/systemd/system.conf"
ramdisk impatient whole

# Of the mirrors, one has another byte in the middle of the image.
mkdir -p "$SCRATCH/web/wrong/stores" && cp "$SCRATCH/web/stores/$whole_root".* "$SCRATCH/web/wrong/stores/" &&
    flip "$SCRATCH/web/wrong/stores/$whole_root.squashfs" $((whole_size / 2)) || bail 'nothing wrong can be served'

make_tree tree first
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"

# --- machines ---------------------------------------------------------------------------------------------

# machine NAME RAMDISK PARAMETERS [ARGUMENT...]
machine() {
    machine_name=$1 machine_ramdisk=$2 machine_parameters=$3
    shift 3
    [ $# -gt 0 ] || set -- $web_device
    boot "$machine_name" -kernel "$machine_kernel" -initrd "$SCRATCH/$machine_ramdisk" \
        -append "$(told_by commandLine) $machine_parameters" "$@"
}
# beside NAME...: a machine that ends without checks, while others run; join waits for it.
beside=
no_cache=
beside() {
    (
        trap 'stop_machine; exit 1' TERM
        machine "$@" >/dev/null
    ) &
    beside=$!
}
join() {
    wait "$beside"
    beside=
}
stop_beside() {
    for other in $beside $no_cache; do kill "$other" 2>/dev/null; done
}
trap 'stop_beside; stop_web; stop_machine; tap_end' EXIT

cat >"$SCRATCH/asked" <<'END'
stage1_root=/sysroot
check_boot ${layers:-1}
# fetched FIELD: a value of regd's report.
fetched() {
    regd status --json >status
    sed -n 's/^.*"'"$1"'":[[:space:]]*"\{0,1\}\([^",]*\).*/\1/p' status | tail -n 1
}
in_memory() {
    grep /run/regd/layers /proc/mounts
    stat -f -c '%b %S %f' /run/regd/layers
    grep -q '^tmpfs /run/regd/layers tmpfs ro,' /proc/mounts && [ "$(stat -f -c %f /run/regd/layers)" -eq 0 ]
}
status_says() {
    regd status | tee status-text
    grep -q "^fetched  .* received in .* s, .* retr" status-text && grep -q "nix-store.squashfs from $1" status-text
}
END
cat "$SCRATCH/asked" - >"$SCRATCH/asked-memory" <<'END'
claim "the layers are in memory, exactly as much, and read-only" in_memory
claim "regd status says where they came from" status_says ${server:-http://10.0.2.2:}
journal_of_boot() {
    journal_says 'the store was fetched: ' && journalctl -u regd-fetch --no-pager | tee fetch-journal &&
        grep -q 'the store is there' fetch-journal
}
claim "the journal has it, too" journal_of_boot
END

# fails NAME SENTENCE END: the console has the frame, and the machine has ended by itself, in this way.
fails() {
    console_has "$1" "^\*\*\*\*\*" && console_has "$1" "$2" && [ ! -s "$SCRATCH/$1.results" ] &&
        console_has "$1" "reboot: $3" && return
    tail -n 40 "$SCRATCH/$1.console"
    return 1
}

# --- the server is refused, comes, dies and comes back ----------------------------------------------------

# What was received in all, with the verity data, is at most one span more than there is.
{ echo layers=2 && cat "$SCRATCH/asked-memory" -; } >"$SCRATCH/asked-dies" <<'END'
retried() {
    number=$(fetched retries)
    echo "$number"
    [ "$number" -gt 1 ]
}
claim "the report says that it was tried again, each time" retried
little_more() {
    read -r most </run/test/most
    received=$(fetched bytes)
    echo "$received of $most"
    [ "$received" -le "$most" ]
}
claim "at most 512 KiB were received twice" little_more
END
pass_checks "$SCRATCH/asked-dies"
echo $((two_bytes + 524288)) >"$SCRATCH/most"
pass most "$SCRATCH/most"
# says PATTERN: waits until the console of the machine says so. False if the test has ended meanwhile.
says() {
    until [ -e "$SCRATCH/dies.console" ] && console_has dies "$1"; do
        kill -0 $$ 2>/dev/null && sleep 0.3 || return
    done
}
refused='regd-fetch: .*[Cc]ould.* connect\|regd-fetch: .*refused'
server_comes_and_goes() {
    says "$refused" && start_web && says '([6-9][0-9] %)' && stop_web && echo dead >"$SCRATCH/dead" && sleep 2 && start_web
}
stop_web
server_comes_and_goes &
beside no_cache impatient "regd.from=$web regd.to=LABEL=missing regd.on-failure=reboot:1" -nic none
no_cache=$beside
unpacked=$machine_kernel
machine_memory=216 machine_kernel=$tree/bzImage
beside short one "regd.from=$web regd.on-failure=shell"
machine_memory=1024 machine_kernel=$unpacked
machine dies two "regd.from=${web}slow/boot.php?x"
told dies 'two layers, no server at first, dead at 60 %'
claim 'the server was not there, and died' test -e "$SCRATCH/dead"
# The server that came back has logged what it sent of the image that was cut off: the rest, from a whole span on.
rest_sent() {
    line=$(grep '"GET /slow/stores/.*squashfs[^"]*" 206 ' "$SCRATCH/web.log") && echo "$line" || return
    file=$(echo "$line" | sed 's|.*/stores/\([^ ?]*\).*|\1|')
    kept=$(($(stat -c %s "$SCRATCH/web/stores/$file") - $(echo "$line" | awk '{ print $10 }')))
    [ "$kept" -gt 0 ] && [ $((kept % 524288)) -eq 0 ]
}
claim 'the server that came back sent the rest, from a whole span on' rest_sent
web_pid=$(cat "$SCRATCH/web.pid" 2>/dev/null)
join
shell_follows() {
    fails short 'too little memory' 'Power down' && console_has short 'The emergency shell follows' && console_has short '^+PAM'
}
claim 'too little memory: one sentence in a frame, then the emergency shell' shell_follows

# --- memory, and the network as an operator has it --------------------------------------------------------

# The sentence says how many mebibytes are missing. With four less than that, as what is free at that moment differs from
# boot to boot, it is refused again; with some more, because the kernel takes a part of them, the machine boots. iPXE loads
# it with the tree's own netboot.ipxe, which tells it where it comes from.
missing=$(tr -d '\r*\n' <"$SCRATCH/short.console" | sed -n 's/.*give the machine *\([0-9]*\) *MiB *more.*/\1/p')
echo "# 216 MiB are ${missing:=0} MiB short"
machine_memory=$((216 + missing - 4)) machine_kernel=$tree/bzImage
beside shorter one "regd.from=$web regd.on-failure=reboot:1"
{ echo server=http://10.0.2.100/ && cat "$SCRATCH/asked-memory" -; } >"$SCRATCH/asked-ok" <<'END'
verifies
# An iPXE that does not know the directory of its script gives the script's own URL.
scripted() {
    sed 's|/netboot.ipxe $|/ |' /proc/cmdline >line
    same /run/test/line line
}
claim "the kernel's command line is that of netboot.ipxe, byte by byte" scripted
END
pass_checks "$SCRATCH/asked-ok"
make_tree net first --by-url --prepend "$SCRATCH/stage1.gz"
printf 'initrd=initrd %s regd.from=http://10.0.2.100/ \n' "$(told_by commandLine)" >"$SCRATCH/line"
pass line "$SCRATCH/line"
machine_memory=$((216 + missing + 8))
boot_net ok
told ok "a tree of --by-url, loaded by iPXE, with $machine_memory MiB"
tree_of tree
machine_memory=1024 machine_kernel=$unpacked
join
claim 'four mebibytes too little: a frame again, and the machine reboots' fails shorter 'The machine reboots in 1 s' '\(Restarting system\|machine restart\)'

# --- mirrors, and the cache -------------------------------------------------------------------------------

beside all_wrong one "regd.from=${web}wrong/ regd.from=${web}none/ regd.on-failure=poweroff"
# The cache has the image with a wrong byte, and one that no layer is.
mkdir -p "$SCRATCH/cache/regd" && cp "$SCRATCH/web/wrong/stores/$whole_root".* "$SCRATCH/web/stores/$lower_root".* "$SCRATCH/cache/regd" &&
    mkfs.ext4 -q -L cache -d "$SCRATCH/cache" "$SCRATCH/cache.img" 256M >/dev/null 2>&1 || bail 'no cache can be made'
rm -r "$SCRATCH/cache"
cache="-drive file=$SCRATCH/cache.img,format=raw,if=virtio"
# The power is cut while the cache is written. The next machine replaces what is there.
machine_end='([3-9][0-9] %)'
machine cut one "regd.from=${web}slow/ regd.to=LABEL=cache" $web_device $cache
machine_end=
was_cut() {
    tail -n 5 "$SCRATCH/cut.console"
    console_has cut '([3-9][0-9] %)' && ! console_has cut 'the store is there'
}
claim 'the power is cut while the cache is written' was_cut
was_wrong() {
    console_has cut 'regd-fetch: .*nix-store.squashfs is in the cache, but wrong, and is fetched again: .* does not have the hash'
}
claim 'the cache was torn: said, and fetched again' was_wrong
cat "$SCRATCH/asked" - >"$SCRATCH/asked-cache" <<'END'
on_disk() {
    grep -e /run/regd -e ro-store /proc/mounts
    grep -q '^/dev/vd[a-z] /run/regd/cache ext4 ro,' /proc/mounts && [ "$(cat /sys/block/dm-*/dm/name)" = regd-store-0 ] &&
        [ ! -e /run/regd/layers ]
}
claim "the layer is a file of the cache, read through dm-verity" on_disk
END
cat "$SCRATCH/asked-cache" - >"$SCRATCH/asked-filled" <<'END'
claim "regd status says that it was fetched" status_says http://10.0.2.2:
journal_names() {
    journalctl -u regd-fetch --no-pager | tee fetch-journal
    grep -q "/wrong/" fetch-journal
}
claim "the journal names the mirror that was wrong" journal_names
contents() {
    regd verify
}
claim "each path is what was registered, by its hash" contents
stale() {
    ls /run/regd/cache/regd
    [ "$(ls /run/regd/cache/regd/*.squashfs | wc -l)" -eq 2 ] && [ "$(ls /run/regd/cache/regd/*.verity | wc -l)" -eq 2 ]
}
claim "the image that is no layer stays, as there is room" stale
END
pass_checks "$SCRATCH/asked-filled"
machine filled one "regd.from=${web}wrong/ regd.from=$web regd.to=LABEL=cache" $web_device $cache
told filled 'after a power cut, the first mirror is wrong, to a cache'
join
claim 'all mirrors wrong: one sentence in a frame, then the machine is off' fails all_wrong 'answers 404' 'Power down'
cat "$SCRATCH/asked-cache" - >"$SCRATCH/asked-cached" <<'END'
claim "regd status says that it is from the cache" status_says cache
END
pass_checks "$SCRATCH/asked-cached"
machine cached one "regd.from=$web regd.to=LABEL=cache" -nic none $cache,readonly=on
told cached 'from the cache, without a network, which cannot be written'

beside=$no_cache no_cache=
join
claim 'a cache that is not there: one sentence in a frame, then the machine reboots' fails no_cache 'no file system' '\(Restarting system\|machine restart\)'
finish
