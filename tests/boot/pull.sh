#!/bin/sh
# pull.sh — does a machine boot whose systemd fetches the published image itself, by rd.systemd.pull=?
#
# The ramdisk is that of initrd_systemd.sh with systemd-networkd and systemd-importd in place of regd-fetch. systemd makes a
# block device of what it has fetched, and regd-initrd-generator mounts that.
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… [BOOT_FIXTURE=…] sh tests/boot/pull.sh
# shellcheck disable=SC2015,SC2016,SC2086  # `A && B || C` is meant so; the machine expands; several words
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
# shellcheck source=tests/boot/kit/machine.sh disable=SC1091
. tests/boot/kit/machine.sh
# shellcheck source=tests/boot/kit/stage1.sh disable=SC1091
. tests/boot/kit/stage1.sh
# shellcheck source=tests/boot/kit/web.sh disable=SC1091
. tests/boot/kit/web.sh
# shellcheck source=tests/boot/kit/fetch.sh disable=SC1091
. tests/boot/kit/fetch.sh

what='rd.systemd.pull= fetches a published image, which is booted'
systemd=$("${PACKAGES_ROOT:-}/usr/lib/systemd/systemd" --version 2>/dev/null | sed -n 's/^systemd \([0-9]*\).*/\1/p')
if [ "${systemd:-0}" -lt 258 ]; then
    skip "$what" 'systemd is older than 258, which makes no block device of it'
    finish
fi
begin_fetch "$what"
have /usr/lib/systemd/systemd-importd "$what" || finish
begin_boots "$what"
begin_web "$what"

add_pull() {
    add_fetch && add /usr/lib/systemd/systemd-importd /usr/lib/systemd/systemd-pull /usr/bin/varlinkctl /usr/bin/systemd-dissect \
        /usr/lib/systemd/system-generators/systemd-import-generator &&
        add_units systemd-importd.service systemd-importd.socket imports.target imports-pre.target systemd-loop@.service &&
        want sockets.target systemd-importd.socket && want initrd.target imports.target
}
make_stage1 stage1 add_pull

make_tree tree first --by-url
"$REGD_BUILD" publish --quiet "$tree" --into "$SCRATCH/web/fleet" || bail 'nothing can be published'
image=fleet/stores/$(jq -r '.storeImages[0].rootHash' "$tree/boot.json").squashfs
closure_of first >"$SCRATCH/closure"
pass closure "$SCRATCH/closure"
cat >"$SCRATCH/asked" <<'END'
stage1_root=/sysroot
check_boot 1
verifies
pulled() {
    grep ro-store /proc/mounts
    ls -l /run/machines
    grep -q '^/dev/loop[0-9]* /nix/.ro-store squashfs' /proc/mounts && [ -f /run/machines/nix-store.raw ]
}
claim "the layer is a block device of the file that systemd has fetched" pulled
contents() {
    regd verify
}
claim "each path is what was registered, by its hash" contents
END
pass_checks "$SCRATCH/asked"
boot pull -kernel "$machine_kernel" -initrd "$SCRATCH/stage1.gz" -append "$(told_by commandLine) \
regd.store=/dev/disk/by-loop-ref/nix-store.raw rd.systemd.pull=raw,machine,ro,blockdev,verify=checksum:nix-store:$web$image" $web_device
told pull 'a published image by rd.systemd.pull='
asked_for() {
    cat "$SCRATCH/web.log"
    grep -q "\"GET /$image.sha256 [^\"]*\" 200 " "$SCRATCH/web.log"
}
claim 'systemd has asked for the checksum beside the image' asked_for
finish
