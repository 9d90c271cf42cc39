#!/bin/sh
# nixos.sh — units/nixos by the real Nix: does the package build, does the module say what the classic one says, and do its
# derivations make, inside a build without database and network, the same bytes every time?
#
# tests/nixos replaces nixpkgs: a lib whose options check what the real ones check, a standard environment with this
# system's compiler, and NixOS of two versions. The package does not depend on the compiler of the programs under test,
# so it is built only with one; with the other, the module gets these programs.
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… [TEST_STEP=…] sh tests/oracle/nixos.sh
# shellcheck disable=SC2015,SC2016,SC2317  # `A && B || C` is meant so; Nix expands too; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${REGD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C

wants nix-store nix-build nix-instantiate jq busybox
top=$(pwd -P)
case $REGD in /*) ;; *) REGD=$top/$REGD ;; esac
case $REGD_BUILD in /*) ;; *) REGD_BUILD=$top/$REGD_BUILD ;; esac
{ cd "$SCRATCH" && mkdir conf home out busybox busybox/bin && SCRATCH=$(pwd -P); } || bail "$SCRATCH is not empty"
# A copy: what is edited meanwhile would be another package.
here=$SCRATCH/source
mkdir "$here" && cp -r "$top/meson.build" "$top/builder" "$top/regd" "$top/schema" "$top/tests" "$top/units" "$here/" ||
    bail 'no copy of the source can be made'
printf 'build-users-group =\nsandbox = false\nsubstitute = false\nsubstituters =\n' >conf/nix.conf
export HOME="$SCRATCH/home" NIX_CONF_DIR="$SCRATCH/conf" NIX_USER_CONF_FILES=/dev/null NIX_PATH='' NIX_REMOTE=''
export NIX_STORE_DIR="$SCRATCH/own/store" NIX_STATE_DIR="$SCRATCH/own/var" NIX_LOG_DIR="$SCRATCH/own/log"

# A static one; `busybox` on its own may be the other.
static=/bin/busybox
[ -x "$static" ] || static=$(command -v busybox)
cp "$static" busybox/bin/busybox
for name in $("$static" --list); do
    [ "$name" = busybox ] || ln -s busybox "busybox/bin/$name"
done

# --- the package ------------------------------------------------------------------------------------------

# The names that nixpkgs' callPackage finds in the functions' arguments.
parses() {
    for file in "$here"/units/nixos/*.nix "$here"/tests/nixos/*.nix "$here"/tests/nixos/kinds/*.nix; do
        nix-instantiate --parse "$file" >/dev/null || return
    done
}
claim 'Nix parses package and modules' parses

builds() {
    nix-build -o out/regd -E "(import $here/units/nixos { pkgs = import $here/tests/nixos/pkgs.nix { }; }).regd" >out/log 2>&1 && return
    tail -40 out/log
    return 1
}
complete() {
    for file in bin/regd bin/regd-build lib/systemd/system/regd.service lib/systemd/system-generators/regd-initrd-generator \
        lib/systemd/catalog/regd.catalog share/man/man8/regd.8 share/man/man1/regd-build.1 \
        share/bash-completion/completions/regd.bash share/bash-completion/completions/regd-build.bash \
        share/zsh/site-functions/_regd share/zsh/site-functions/_regd-build \
        share/fish/vendor_completions.d/regd.fish share/fish/vendor_completions.d/regd-build.fish; do
        [ -s "out/regd/$file" ] || { echo "$file" && return 1; }
    done
    [ "$(out/regd/bin/regd --version)" = "$("$REGD" --version)" ] &&
        grep -qx "ExecStart=$(readlink out/regd)/bin/regd boot" out/regd/lib/systemd/system/regd.service
}
# Those that the linker did not see, and that another machine has in the package's references alone.
finds_libraries() {
    (
        unset NIX_STORE_DIR NIX_STATE_DIR
        out/regd/bin/regd register -q --root root out/manifest &&
            LD_DEBUG=libs LD_DEBUG_OUTPUT=out/loaded out/regd/bin/regd dump --root root >out/dumped &&
            NOTIFY_SOCKET=$SCRATCH/none LD_DEBUG=libs LD_DEBUG_OUTPUT=out/loaded \
                out/regd/bin/regd register -q --root root out/manifest &&
            LD_DEBUG=libs LD_DEBUG_OUTPUT=out/loaded out/regd/bin/regd-build squashfs -q --root root \
                --registration out/manifest --compression lz4 -o out/image
    ) || return
    cat out/loaded.* | sed -n 's|.*calling init: .*/own/store/[^/]*/lib/||p' | sort -u >out/libraries
    nix-store -q --references out/regd | sed -n 's,.*-\(openssl\|sqlite\|systemd\)$,\1,p' | sort >out/references
    cat out/libraries out/references
    [ "$(tr '\n' ' ' <out/libraries)" = 'libcrypto.so.3 libsqlite3.so.0 libsystemd.so.0 ' ] &&
        [ "$(tr '\n' ' ' <out/references)" = 'openssl sqlite systemd ' ]
}
mkdir -p root/nix/store
echo hello >root/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-a
printf '/nix/store/%s-a\n%s\n120\n\n0\n' aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa \
    "$(nix-hash --type sha256 root/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-a)" >out/manifest
package=
if [ "${TEST_STEP:-1}" -eq 1 ]; then
    claim 'the package builds offline' builds
    [ -e out/regd ] || bail 'there is no package to go on with'
    claim 'it has programs, units, pages, completions, and the unit starts its program' complete
    claim 'its programs find the libraries that they load by name where Nix has them' finds_libraries
else
    mkdir -p given/bin given/lib/systemd/system-generators
    for program in "$REGD" "$REGD_BUILD"; do
        printf '#!/bin/sh\nexport ASAN_OPTIONS=exitcode=99:detect_leaks=0\nexec %s "$@"\n' "$program" >"given/bin/${program##*/}"
    done
    chmod +x given/bin/*
    package="{ netboot.regd.package = builtins.path { name = \"given\"; path = $SCRATCH/given; }; }"
fi

# --- what the module says ---------------------------------------------------------------------------------

# system AGE CONFIGURATION: the expression of a system. AGE is old or new, or a release; without netboot it is another kind
# of image, "iso-24.05"; for another machine "cross".
system() {
    is_new=true arguments='' own=$package
    case $1 in
    old) is_new=false ;;
    new) ;;
    cross) arguments='cross = true;' own='' ;;
    *-*) arguments="release = \"${1#*-}\"; netboot = false;" own=${package:+"{ services.regd.package = builtins.path { name = \"given\"; path = $SCRATCH/given; }; }"} ;;
    *) arguments="release = \"$1\";" ;;
    esac
    printf '(import %s/tests/nixos/nixos.nix { busybox = %s/busybox; isNew = %s; %s configuration = [ %s %s ]; })' \
        "$here" "$SCRATCH" "$is_new" "$arguments" "${2:-}" "$own"
}
# value AGE CONFIGURATION EXPRESSION: as JSON, of `config`.
value() {
    nix-instantiate --eval --strict --json --readonly-mode -E "with $(system "$1" "$2"); $3"
}
# says AGE CONFIGURATION EXPRESSION JSON
says() {
    value "$1" "$2" "$3" >out/value || return
    jq -S . out/value >out/got && printf '%s' "$4" | jq -S . >out/wanted && diff out/wanted out/got
}
# complains TEXT AGE CONFIGURATION EXPRESSION
complains() {
    text=$1
    shift
    ! value "$@" >out/value 2>out/err || { cat out/value && return 1; }
    cat out/err
    grep -qF -- "$text" out/err
}

mounts='builtins.mapAttrs (name: each: removeAttrs each [ "overlay" ]) config.fileSystems'
memory='"device": null, "fsType": "tmpfs", "options": ["mode=0755"], "depends": []'
image='"/nix/.ro-store": {"device": "../nix-store.squashfs", "fsType": "squashfs", "neededForBoot": true, "depends": []'
claim 'on an older NixOS it mounts what the classic module mounts' says old '' "$mounts" "{
    \"/\": {$memory, \"neededForBoot\": false},
    $image, \"options\": [\"loop\", \"threads=multi\"]},
    \"/nix/.rw-store\": {$memory, \"neededForBoot\": true},
    \"/nix/store\": {\"device\": \"overlay\", \"fsType\": \"overlay\", \"neededForBoot\": false,
        \"options\": [\"lowerdir=/nix/.ro-store\", \"upperdir=/nix/.rw-store/store\", \"workdir=/nix/.rw-store/work\"],
        \"depends\": [\"/nix/.ro-store\", \"/nix/.rw-store/store\", \"/nix/.rw-store/work\"]}}"
claim 'on a newer one it lets NixOS make the overlay' says new '' 'config.fileSystems."/nix/store"' '{
    "device": null, "fsType": "auto", "neededForBoot": true, "options": [], "depends": [],
    "overlay": {"lowerdir": ["/nix/.ro-store"], "upperdir": "/nix/.rw-store/store", "workdir": "/nix/.rw-store/work"}}'
claim 'kernels before 6.2 are not told of threads' says new '{ boot.kernelPackages.kernel.version = "6.1.90"; }' \
    'config.fileSystems."/nix/.ro-store".options' '["loop"]'
claim 'the writable layer has the size that is wanted' says new '{ netboot.regd.overlaySize = "80%"; }' \
    'config.fileSystems."/nix/.rw-store".options' '["mode=0755", "size=80%"]'

for age in old new; do
    claim "stage 1 has the modules, and there is no boot loader ($age)" says $age '' \
        '{ inherit (config.boot.initrd) availableKernelModules kernelModules; inherit (config.boot) loader; }' \
        '{"availableKernelModules": ["squashfs", "overlay"], "kernelModules": ["loop", "overlay"],
            "loader": {"grub": {"enable": false}, "timeout": 10}}'
    claim "regd's unit takes the place of the script ($age)" says $age '' \
        '[ (config.systemd.packages == [ config.netboot.regd.package ])
            (removeAttrs config.systemd.services.regd [ "after" "description" "enable" "requires" "requiredBy" "script" ]) ]' \
        '[true, {"aliases": ["register-nix-paths.service"], "before": [], "restartIfChanged": false, "serviceConfig": {},
            "unitConfig": {}, "wantedBy": ["sysinit.target"]}]'
    claim "the system is in the store image, and what is added ($age)" says $age \
        '({ pkgs, ... }: { netboot.storeContents = [ pkgs.zstd ]; })' \
        'map (each: builtins.match ".*-(nixos-system-test-24.05|zstd)" "${each}") config.netboot.storeContents' \
        '[["nixos-system-test-24.05"], ["zstd"]]'
    claim "the outputs are those of the classic module ($age)" says $age '' \
        'builtins.attrNames (removeAttrs config.system.build [ "toplevel" "image" ])' \
        '["kexecScript", "kexecTarball", "kexecTree", "netbootIpxeScript", "netbootRamdisk", "squashfsStore"]'
done
claim 'the profile can be set at every boot' says new '{ netboot.regd.setProfile = "always"; }' \
    'map (builtins.replaceStrings [ "${config.netboot.regd.package}" ] [ "" ]) config.systemd.services.regd.serviceConfig.ExecStart' \
    '["", "/bin/regd boot --set-profile=always"]'
claim 'newer NixOS knows the tarball as the image' says new '' \
    '[ config.image.filePath config.system.nixos.tags (config.system.build.image == config.system.build.kexecTarball) ]' \
    '["tarball/nixos-image-test.tar.zst", ["kexec"], true]'

# What was otherwise in some release.
packages='map (each: builtins.match ".*-(grub2|grub2_efi|syslinux)" "${each}") (builtins.filter
    (each: each != config.netboot.regd.package) config.environment.systemPackages)'
for age in old 24.05; do
    claim "other modules find their packages ($age)" says $age '' "$packages" '[["grub2_efi"], ["grub2"], ["syslinux"]]'
done
claim 'there are none since 24.11' says 24.11 '' "$packages" '[]'
claim 'image/repart.nix of 24.05 is not taken for the names of image files' says 24.05 "$here/tests/nixos/kinds/repart.nix" \
    '[ (config.system.build ? image) config.system.nixos.tags (builtins.match ".*(nixos-kexec-[^ \"]*zst).*"
        (builtins.replaceStrings [ "\n" ] [ " " ] config.system.build.kexecTarball.buildCommand) != null) ]' '[false, [], true]'
# With the options that system names for given programs.
layout='{ lib, ... }: { options = {
    boot.loader.systemd-boot.enable = lib.mkOption { type = lib.types.bool; default = false; };
    services = lib.mkOption { type = lib.types.raw; default = { }; }; }; }'
claim 'disk.nix mounts the partitions of disk.repart by their labels' says disk-26.11 "$here/units/nixos/disk.nix ($layout)" \
    '[ (builtins.mapAttrs (name: each: "${each.device} ${each.fsType}") config.fileSystems) config.boot.loader.systemd-boot.enable ]' \
    "[{\"/\": \"$(sed -n 's|^Label=|/dev/disk/by-partlabel/|p; s/^Format=/ /p' "$here/units/nixos/disk.repart/20-root.conf" | tr -d '\n')\",
        \"/boot\": \"$(sed -n 's|^Label=|/dev/disk/by-partlabel/|p; s/^Format=/ /p' "$here/units/nixos/disk.repart/10-esp.conf" | tr -d '\n')\"}, true]"
has_uki='map (each: builtins.match ".* .?--uki.? .*" (builtins.replaceStrings [ "\n" ] [ " " ] each.buildCommand) != null)
    [ config.system.build.kexecTree config.system.build.kexecTarball ]'
claim 'uki puts boot.efi into the tree and the tarball' says new '{ netboot.regd.uki = true; }' "$has_uki" '[true, true]'
claim 'without it there is none' says new '' "$has_uki" '[false, false]'
claim 'the extension can be another' says new '{ image.extension = "tar"; }' config.image.fileName '"nixos-image-test.tar"'
claim 'storeContents takes what the classic one takes' says new '({ pkgs, ... }: { netboot.storeContents =
    [ pkgs.zstd "${pkgs.zstd}" pkgs.zstd.drvPath ./. "/some/where" ]; })' 'builtins.length config.netboot.storeContents' 6
claim 'and nothing else' complains 'netboot.storeContents is not of type path' new '{ netboot.storeContents = [ "some" ]; }' \
    config.netboot.storeContents
cross='[ (config.services.regd.buildPackage == config.services.regd.package)
    (config.system.build.squashfsStore.nativeBuildInputs == [ config.services.regd.buildPackage ])
    (config.systemd.packages == [ config.services.regd.package ]) ]'
claim 'a build for another machine takes the tool of this one' says cross '' "$cross" '[false, true, true]'
claim 'there is one package otherwise' says new '' "$cross" '[true, true, true]'
claim "a password on the kernel's command line is a unit, and nothing is left of the script" says new '' \
    'let unit = config.systemd.services.live-nixos-password; in
        [ unit.unitConfig unit.wantedBy (builtins.match ".*chpasswd.*" (builtins.replaceStrings [ "\n" ] [ " " ] unit.script) != null)
            config.boot.postBootCommands ]' \
    '[{"ConditionKernelCommandLine": ["|live.nixos.password", "|live.nixos.passwordHash"]}, ["multi-user.target"], true, ""]'

# The script itself, as NixOS runs it: bash -e. password COMMAND-LINE SHADOW WANTED: what is handed to the programs.
value new '' config.systemd.services.live-nixos-password.script | jq -r . |
    sed "s|[^ ]*-gnugrep/bin/||; s|[^ ]*-shadow/bin/|$SCRATCH/stubs/|" >out/password
mkdir stubs
printf '#!/bin/sh\ncat >>%s/out/set\n' "$SCRATCH" >stubs/chpasswd
printf '#!/bin/sh\necho "usermod $*" >>%s/out/set\n' "$SCRATCH" >stubs/usermod
chmod 755 stubs/*
password() {
    printf '%s\n' "$1" >out/cmdline && printf '%s\nother::1\n' "$2" >out/shadow && printf %b "$3" >out/wanted && : >out/set || return
    unshare "$private" sh -c 'mount --bind out/cmdline /proc/cmdline && mount --bind out/shadow /etc/shadow && exec bash -e out/password' &&
        diff out/wanted out/set
}
private=
for flags in -m -rm; do
    [ "$private" ] || ! unshare "$flags" mount -t tmpfs none /mnt 2>/dev/null || private=$flags
done
for row in 'a password is set:quiet live.nixos.password=a=b*c x:root::1:root\:a=b*c\n' \
    'so is its hash:live.nixos.passwordHash=$6$x.*:root::1:usermod -p $6$x.* root\n' \
    'each counts:live.nixos.password=a live.nixos.passwordHash=$6$x:root::1:root\:a\nusermod -p $6$x root\n' \
    'root keeps the password that it has:live.nixos.password=a:root:$6$x:1:' \
    'so it does if it is locked:live.nixos.passwordHash=a:root:!:1:' \
    'without such a parameter nothing is set:live.nixos.passwordx=a xlive.nixos.password=b:root::1:'; do
    text=${row%%:*} && row=${row#*:} && line=${row%%:*} && row=${row#*:}
    wanted=${row##*1:} && shadow=${row%"$wanted"}
    if [ "$private" ]; then
        claim "live.nixos.password: $text" password "$line" "$shadow" "$(printf %s "$wanted" | sed 's/\\:/:/g')"
    else
        skip "live.nixos.password: $text" 'no mount namespace can be made'
    fi
done

# --- every kind of image ----------------------------------------------------------------------------------

registration=$here/units/nixos/registration.nix
regd='builtins.replaceStrings [ "${config.services.regd.package}" ] [ "" ]'
for kind in iso disk machine; do
    with="$registration $here/tests/nixos/kinds/$kind.nix"
    claim "$kind: without services.regd.enable nothing is changed" says $kind-26.11 "$with" \
        '[ (config.systemd.services ? regd) config.systemd.services.register-nix-paths.enable config.systemd.packages ]' \
        '[false, true, []]'
    claim "$kind: regd.service has the name of nixpkgs' unit, which is not started" says $kind-26.11 \
        "$with { services.regd.enable = true; }" \
        '[ config.systemd.services.regd.aliases config.systemd.services.register-nix-paths.enable config.boot.postBootCommands ]' \
        '[["register-nix-paths.service"], false, ""]'
    for release in 24.05 25.11; do
        claim "$kind: in $release regd comes before all that runs after boot, and is a unit too" says $kind-$release \
            "$with { services.regd.enable = true; }" \
            "[ (builtins.head (builtins.filter (line: builtins.isString line && line != \"\") (builtins.split \"\\n\"
                ($regd config.boot.postBootCommands)))) (builtins.match \".*load-database.*\"
                (builtins.replaceStrings [ \"\\n\" ] [ \" \" ] config.boot.postBootCommands) != null)
                config.systemd.services.regd.wantedBy ]" \
            '["/bin/regd boot", true, ["sysinit.target"]]'
    done
done
microvm="$registration $here/tests/nixos/kinds/microvm.nix { services.regd.enable = true; }"
ways='[ config.microvm.kernelParams config.boot.postBootCommands config.systemd.services.regd.wantedBy ]'
claim "microvm: its own registration goes on, unless it is switched off" says microvm-26.11 "$microvm" "$ways" \
    '[["regInfo=/nix/store/00000000000000000000000000000000-closure-info/registration"], "load-database < \"$regInfo\"\n", ["sysinit.target"]]'
claim "microvm: then regd alone registers what the command line names" says microvm-26.11 \
    "$microvm { microvm = { registerClosure = false; kernelParams = [ \"regInfo=/a\" ]; }; }" "$ways" '[["regInfo=/a"], "", ["sysinit.target"]]'
claim 'netboot: so it does in 24.05' says 24.05 '{ boot.postBootCommands = "install-channel\n"; }' \
    "$regd config.boot.postBootCommands" '"/bin/regd boot\n\ninstall-channel\n"'
claim 'nixos-init takes no such commands' says new '{ system.nixos-init.enable = true; }' config.boot.postBootCommands '""'
claim 'who asks for it has none early' says 24.05 '{ services.regd.early = false; }' config.boot.postBootCommands '""'
of_unit='builtins.listToAttrs (map (name: { inherit name; value = config.systemd.services.regd.${name}; })
    [ "before" "after" "requiredBy" "unitConfig" "serviceConfig" ])'
enabled='{ services.regd.enable = true; }'
claim "disk: nixpkgs' condition and orderings hold" says disk-26.11 "$registration $here/tests/nixos/kinds/disk.nix $enabled" \
    "$of_unit" '{"before": ["sysinit.target", "shutdown.target", "nix-daemon.socket", "nix-daemon.service"],
        "after": ["local-fs.target"], "requiredBy": [], "serviceConfig": {},
        "unitConfig": {"ConditionPathExists": "/nix-path-registration"}}'
claim "machine: so do its user, who has /nix/var by then, and what needs it" says machine-26.11 "$registration $here/tests/nixos/kinds/machine.nix $enabled" \
    "$of_unit" '{"before": [], "after": ["systemd-tmpfiles-setup.service"], "requiredBy": ["nix-daemon.service"],
        "serviceConfig": {"User": "nix", "Group": "nix"}, "unitConfig": {"ConditionKernelCommandLine": "regInfo"}}'
claim 'iso: a description is not one of its conditions' says iso-26.11 "$registration $here/tests/nixos/kinds/iso.nix $enabled" \
    config.systemd.services.regd.unitConfig '{}'
# As nixpkgs writes units: what is not enabled is masked, then the aliases follow. systemd says what it makes of the names.
channel_unit() {
    value iso-26.11 "$registration $here/tests/nixos/kinds/iso.nix $enabled" '{ inherit (config.systemd.services.nix-channel-init) after requires;
        inherit (config.systemd.services.regd) aliases; masked = !config.systemd.services.register-nix-paths.enable; }' >out/channel || return
    rm -rf units && mkdir units && cp "${REGD%/*}/regd.service" units/ || return
    jq -r '"[Unit]", "After=\(.after | join(" "))", "Requires=\(.requires | join(" "))", "[Service]", "ExecStart=/bin/true"' out/channel \
        >units/nix-channel-init.service
    [ "$(jq .masked out/channel)" != true ] || ln -s /dev/null units/register-nix-paths.service
    for alias in $(jq -r '.aliases[]' out/channel); do
        ln -sfn regd.service "units/$alias"
    done
}
# As root, systemd refuses to be tried.
tries_units() {
    other=
    [ "$(id -u)" -ne 0 ] || other='setpriv --reuid 65534 --regid 65534 --clear-groups'
    # shellcheck disable=SC2086  # words
    SYSTEMD_LOG_TARGET=console SYSTEMD_UNIT_PATH=$SCRATCH/units:/usr/lib/systemd/system:/lib/systemd/system \
        timeout "$patience" $other /usr/lib/systemd/systemd --test --system --unit="$1" >out/tried 2>&1
}
channel_is_behind() {
    channel_unit && tries_units nix-channel-init.service || { tail out/tried && return 1; }
    sed -n '/-> Unit nix-channel-init.service:/,/-> Unit /p' out/tried >out/channel-unit
    cat out/channel-unit
    grep -q '^[[:space:]]*After: regd.service ' out/channel-unit && grep -q '^[[:space:]]*Requires: regd.service ' out/channel-unit
}
text='iso: nix-channel-init.service, which names the classic unit, needs and follows regd.service'
mkdir units && chmod 755 units
if tries_units sysinit.target; then
    claim "$text" channel_is_behind
else
    skip "$text" 'systemd cannot be tried here'
fi
claim 'other units can be ordered behind it' says disk-26.11 \
    "$registration { services.regd.enable = true; services.regd.before = [ \"deploy.service\" ]; }" \
    config.systemd.services.regd.before '["deploy.service"]'
# command OPTIONS COMMAND
while IFS='|' read -r asked command; do
    claim "$asked: $command" says disk-26.11 "$registration { services.regd = { enable = true; $asked }; }" \
        "$regd (builtins.elemAt config.systemd.services.regd.serviceConfig.ExecStart 1)" "\"/bin/regd boot $command\""
done <<'END'
deleteManifest = true;|--delete-manifest
tag = null;|--no-tag
tag = "/var/tag";|--tag=/var/tag
setProfile = "never";|--no-profile
setProfile = "always";|--set-profile=always
vanished = "keep";|--vanished=keep
vanished = "forget"; manifests = [ "/a" ];|--vanished=forget /a
deleteManifest = true; tag = null;|--no-tag --delete-manifest
tag = null; setProfile = "never";|--no-profile --no-tag
deleteManifest = true; manifests = [ "/a" "/b" ]; tag = null;|--no-tag --delete-manifest /a /b
END
claim 'where a manifest is deleted, / and /etc can be written' says disk-26.11 \
    "$registration { services.regd = { enable = true; deleteManifest = true; }; }" \
    config.systemd.services.regd.serviceConfig.ProtectSystem '"yes"'
claim 'but not /etc, if there is no tag' says disk-26.11 \
    "$registration { services.regd = { enable = true; deleteManifest = true; tag = null; }; }" \
    config.systemd.services.regd.serviceConfig.ProtectSystem '"full"'
claim 'a container has no sandbox' says disk-26.11 \
    "$registration { services.regd = { enable = true; deleteManifest = true; }; boot.isContainer = true; }" \
    '[ (builtins.length config.systemd.packages) (config.systemd.services.regd.serviceConfig ? ProtectSystem) ]' '[2, false]'
# sandbox WHAT OPTIONS JSON
sandbox() {
    claim "its sandbox lets it write $1" says disk-26.11 "$registration { services.regd.enable = true; $2 }" \
        '(config.systemd.services.regd.serviceConfig.ReadWritePaths or "of the package")' "$3"
}
sandbox '/nix and /etc, as the package says' '' '"of the package"'
sandbox 'the directory of another tag, and not /etc' 'services.regd.tag = "/var/lib/tag";' '["", "/nix", "-/var/lib"]'
sandbox 'no /etc if there is no tag' 'services.regd.tag = null;' '["", "/nix"]'
sandbox 'no /etc if the tag is there from the start' 'system.etc.overlay = { enable = true; mutable = false; };' '["", "/nix"]'
sandbox 'anything if there is none' 'services.regd.tag = null; services.regd.sandbox = false;' '"of the package"'
claim 'a read-only /etc has the tag from the start' says disk-26.11 \
    "$registration { services.regd.enable = true; system.etc.overlay = { enable = true; mutable = false; }; }" \
    config.environment.etc '{"NIXOS": {"text": ""}}'
claim 'unless it is to have none' says disk-26.11 \
    "$registration { services.regd = { enable = true; tag = null; }; system.etc.overlay = { enable = true; mutable = false; }; }" \
    config.environment.etc '{}'
claim 'or can be written' says disk-26.11 "$registration { services.regd.enable = true; system.etc.overlay.enable = true; }" \
    config.environment.etc '{}'

# Several layers: the generator mounts them.
layered='{ netboot.regd.maxSize = "1M"; netboot.regd.overlaySize = "2g"; boot.initrd.systemd.enable = true; }'
claim 'layers are left to the generator in the ramdisk' says new "$layered" \
    '[ (builtins.attrNames config.fileSystems) (builtins.attrNames config.boot.initrd.systemd.contents) config.boot.kernelParams ]' \
    '[["/"], ["/etc/systemd/system-generators/regd-initrd-generator"],
        ["loglevel=4", "quote=it'"'"'s", "regd.overlay-size=2g"]]'
for each in 'maxSize = "1G"' 'baseImages = [ ./x ]' 'byUrl = true' 'overlay = "LABEL=a"'; do
    claim "an initrd without systemd cannot do that: $each" says new "{ netboot.regd.$each; }" \
        'map (each: each.assertion) config.assertions' '[false, true, true, true]'
    claim "nor an older one: $each" says old "{ netboot.regd.$each; }" 'map (each: each.assertion) config.assertions' '[false, true, true, true]'
done

# By URL: stage 1 has all that fetching takes.
fetched='{ netboot.regd.byUrl = true; netboot.regd.onFailure = "reboot:5"; boot.initrd.systemd.enable = true; }'
for age in 24.05 25.11 new; do
    claim "with byUrl the generator mounts the layers, and stage 1 has certificates, modules and the policy ($age)" says $age "$fetched" \
        '[ (builtins.attrNames config.fileSystems) (builtins.attrNames config.boot.initrd.systemd.contents)
            config.boot.initrd.availableKernelModules config.boot.kernelParams
            (builtins.match ".*/etc/ssl/certs/ca-bundle.crt"
                config.boot.initrd.systemd.contents."/etc/ssl/certs/ca-certificates.crt".source.content != null) ]' \
        '[["/"], ["/etc/ssl/certs/ca-certificates.crt", "/etc/systemd/system-generators/regd-initrd-generator"],
            ["squashfs", "overlay", "dm_mod", "dm_verity"], ["loglevel=4", "quote=it'"'"'s", "regd.on-failure=reboot:5"], true]'
    claim "it has regd-fetch and what that loads by name ($age)" says $age "$fetched" \
        'map (path: builtins.head (builtins.match ".*/(lib/.*)" path)) config.boot.initrd.systemd.storePaths' \
        '["lib/systemd/regd-fetch", "lib/libcurl.so.4", "lib/libsystemd.so.0", "lib/libcrypto.so.3"]'
    claim "and a network, of which one device is enough, cleared before stage 2 ($age)" says $age "$fetched" \
        '{ inherit (config.boot.initrd.systemd) network; inherit (config.boot.initrd.network) enable flushBeforeStage2; }' \
        '{"network": {"enable": true, "networks": {"99-regd": {"matchConfig": {"Type": "ether", "Kind": "!*"},
            "networkConfig": {"DHCP": "yes"}}}, "wait-online": {"anyInterface": true}}, "enable": true, "flushBeforeStage2": true}'
    claim "nothing of it is refused ($age)" says $age "$fetched" 'builtins.all (each: each.assertion) config.assertions' true
done
without='{ netboot.regd.overlaySize = "2g"; boot.initrd.systemd.enable = true; }'
claim 'without it stage 1 has none of this' says new "$without" \
    '[ config.boot.initrd.systemd.contents config.boot.initrd.systemd.storePaths config.boot.initrd.systemd.network
        config.boot.initrd.network.enable config.boot.initrd.availableKernelModules ]' \
    '[{}, [], {"enable": false, "networks": {}, "wait-online": {"anyInterface": false}}, false, ["squashfs", "overlay"]]'
claim 'a network of ours takes its place' says new "$fetched { boot.initrd.systemd.network.networks.\"99-regd\".networkConfig = { DHCP = \"ipv6\"; }; }" \
    'config.boot.initrd.systemd.network.networks."99-regd".networkConfig' '{"DHCP": "ipv6"}'
claim 'who wants all devices waits for them, and may keep the network' says new \
    "$fetched { boot.initrd = { systemd.network.wait-online.anyInterface = false; network.flushBeforeStage2 = false; }; }" \
    '[ config.boot.initrd.systemd.network.wait-online.anyInterface config.boot.initrd.network.flushBeforeStage2 ]' '[false, false]'
tree_by_url() {
    value new "$fetched" config.system.build.kexecTree.buildCommand >out/value && grep -o -e '--by-url' out/value
}
claim 'the tree is made with --by-url' tree_by_url
for each in 'separateStore = true' 'onFailure = "halt"'; do
    claim "byUrl refuses $each" says new "{ netboot.regd = { byUrl = true; $each; }; boot.initrd.systemd.enable = true; }" \
        'builtins.all (each: each.assertion) config.assertions' false
done

# The writable layer on a disk, or named as memory: the generator mounts it.
disk='{ netboot.regd = { overlay = "LABEL=a b"; overlayReset = true; onFailure = "shell"; }; boot.initrd.systemd.enable = true; }'
claim 'a writable layer on a disk is left to the generator, which has the library to identify layers' says new "$disk" \
    '[ (builtins.attrNames config.fileSystems) (builtins.attrNames config.boot.initrd.systemd.contents) config.boot.kernelParams
        (map (path: builtins.head (builtins.match ".*/(lib/.*)" path)) config.boot.initrd.systemd.storePaths) ]' \
    '[["/"], ["/etc/systemd/system-generators/regd-initrd-generator"],
        ["loglevel=4", "quote=it'"'"'s", "regd.overlay=\"LABEL=a b\"", "regd.overlay-reset", "regd.on-failure=shell"],
        ["lib/libcrypto.so.3"]]'
claim 'memory may have a size there' says new \
    '{ netboot.regd = { overlay = "tmpfs"; overlaySize = "2g"; overlayReset = true; }; boot.initrd.systemd.enable = true; }' \
    '[ config.boot.kernelParams config.boot.initrd.systemd.storePaths (builtins.all (each: each.assertion) config.assertions) ]' \
    '[["loglevel=4", "quote=it'"'"'s", "regd.overlay-size=2g", "regd.overlay=\"tmpfs\""], [], true]'
claim 'a disk has its own size' says new \
    '{ netboot.regd = { overlay = "/dev/sda1"; overlaySize = "2g"; }; boot.initrd.systemd.enable = true; }' \
    'map (each: each.assertion) config.assertions' '[true, true, true, false]'

# How mksquashfs is told a compression, and how regd-build.
while IFS='|' read -r asked meant; do
    claim "squashfsCompression = $asked: $meant" says new "{ netboot.squashfsCompression = $asked; }" \
        'builtins.head (builtins.match ".*--compression. .([a-z0-9:]*). .*" (builtins.replaceStrings [ "\n" ] [ " " ]
            config.system.build.squashfsStore.buildCommand))' "\"$meant\""
done <<'END'
"zstd -Xcompression-level 19"|zstd:19
"zstd -Xcompression-level 6"|zstd:6
"zstd"|zstd
"zstd:3"|zstd:3
"gzip -Xcompression-level 9"|gzip:9
"xz -Xdict-size 100%"|xz
"xz -Xdict-size 100% -Xbcj x86"|xz
"lz4 -Xhc"|lz4:12
null|lz4
END
for each in '"xz -Xpreset 9"' '"zstd -Xcompression-level"' '"gzip -Xstrategy huffman"' '"lz4 -Xcompression-level 1"'; do
    claim "squashfsCompression = $each is refused" complains 'regd-build has no counterpart of' new \
        "{ netboot.squashfsCompression = $each; }" config.system.build.squashfsStore.buildCommand
done
claim 'an empty one is refused' complains 'netboot.squashfsCompression is empty' new '{ netboot.squashfsCompression = " "; }' \
    config.system.build.squashfsStore.buildCommand
claim 'an option that there is not is refused' complains 'netboot.regd.maxsize does not exist' new \
    '{ netboot.regd.maxsize = "1G"; }' config.netboot.regd
claim 'a value of the wrong type is refused' complains 'netboot.regd.targetRam is not of type string' new \
    '{ netboot.regd.targetRam = 4; }' config.netboot.regd.targetRam
claim 'a word that is none of those is refused' complains 'netboot.regd.setProfile is not of type one of' new \
    '{ netboot.regd.setProfile = "never"; }' config.netboot.regd.setProfile

# --- what it makes ----------------------------------------------------------------------------------------

# make NAME OUTPUT [CONFIGURATION]
make() {
    nix-build -o "out/$1" -E "$(system new "${3:-}").config.system.build.$2" >out/log 2>&1 && return
    tail -40 out/log
    return 1
}
# The second build of it has to be the same, bit by bit.
makes_again() {
    nix-build --no-out-link --check -E "$(system new "${2:-}").config.system.build.$1" >out/log 2>&1 && return
    tail -40 out/log
    return 1
}
for output in squashfsStore kexecTree netbootRamdisk netbootIpxeScript kexecScript kexecTarball; do
    claim "$output is made inside a build" make "$output" "$output"
done
[ -e out/kexecTarball ] || bail 'the outputs could not be made'
for output in squashfsStore kexecTree kexecTarball; do
    claim "$output is the same when it is built again" makes_again "$output"
done

toplevel=$(nix-build --no-out-link -E "$(system new).config.system.build.toplevel" 2>/dev/null)
regd_build() {
    ASAN_OPTIONS=exitcode=99:detect_leaks=0 "$REGD_BUILD" "$@"
}
holds_closure() {
    regd_build verify out/squashfsStore && regd_build inspect --json out/squashfsStore >out/inspected &&
        nix-store -qR "$toplevel" | wc -l >out/count &&
        jq -e --argjson count "$(cat out/count)" '.paths == $count or (.paths | length) == $count' out/inspected
}
claim 'the store image is the closure of the system, without a fault' holds_closure
# The text form of the graph, as a derivation without structured attributes has it.
classic="(import $here/tests/nixos/pkgs.nix { }).runCommand \"classic\" {
    exportReferencesGraph = [ \"graph\" $(system new).config.system.build.toplevel ];
    nativeBuildInputs = [ $(system new).config.netboot.regd.package ];
} \"regd-build squashfs -q --store-dir \$NIX_STORE --graph graph -o \$out\""
by_text() {
    nix-build -o out/classic -E "$classic" >out/log 2>&1 && nix-build --no-out-link --check -E "$classic" >>out/log 2>&1 &&
        cmp out/classic out/squashfsStore && return
    tail -20 out/log
    return 1
}
claim 'from a graph in text form it is the same image, twice' by_text
claim 'everything in the tree fits together' regd_build verify out/kexecTree
tree_has_image() {
    offset=$(jq '.storeImages[0].offset' out/kexecTree/boot.json) size=$(stat -L -c %s out/squashfsStore)
    tail -c +$((offset + 1)) out/kexecTree/initrd | head -c "$size" | cmp - out/squashfsStore
}
claim "the tree's image is squashfsStore" tree_has_image
parts() {
    cmp out/netbootRamdisk/initrd out/kexecTree/initrd && cmp out/kexecTree/initrd out/kexecTree/initrd.gz &&
        cmp out/netbootIpxeScript/netboot.ipxe out/kexecTree/netboot.ipxe && cmp out/kexecScript out/kexecTree/kexec-boot &&
        [ -x "$(readlink out/kexecScript)" ] && [ -s out/kexecTree/bzImage ] &&
        grep -qF "init=$toplevel/init loglevel=4 quote=it's \${cmdline}" out/netbootIpxeScript/netboot.ipxe
}
claim 'the other outputs are its parts' parts
unpacks() {
    mkdir unpacked && zstd -qdc out/kexecTarball/tarball/nixos-image-test.tar.zst | tar -x -C unpacked &&
        diff -r unpacked out/kexecTree/ && [ "$(stat -c %i unpacked/initrd)" = "$(stat -c %i unpacked/initrd.gz)" ] &&
        unpacked/kexec-boot --help >/dev/null && grep -q '^file system-tarball /' out/kexecTarball/nix-support/hydra-build-products
}
text='the tarball unpacks to the tree'
have zstd "$text" && claim "$text" unpacks

# What is random does not compress: three files of 400 KB beside a system of about 1 MB.
big='({ pkgs, ... }: {
    netboot.storeContents = map (seed: pkgs.runCommand "random-${seed}" { } "
        i=0
        while [ $i -lt 6250 ]; do echo $i-${seed} | sha256sum | head -c 64; i=$((i + 1)); done > $out
    ") [ "a" "b" "c" ];
    netboot.squashfsCompression = "zstd:1";
    netboot.regd.maxSize = "1500K";
    netboot.regd.extraFiles."etc/issue" = builtins.toFile "issue" "welcome\n";
    netboot.regd.baseUrl = "http://boot.example.org";
    boot.initrd.systemd.enable = true;
})'
splits() {
    make layers squashfsStore "$big" && make layeredTree kexecTree "$big" && ls -l out/layers/ &&
        [ "$(ls out/layers)" = "nix-store.1.squashfs
nix-store.squashfs" ] && regd_build verify out/layeredTree &&
        [ "$(jq '.storeImages | length' out/layeredTree/boot.json)" -eq 2 ] &&
        grep -q 'kernel http://boot.example.org/bzImage' out/layeredTree/netboot.ipxe
}
claim 'maxSize makes several images, and the tree has them all' splits
has_file() {
    mkdir ramdisk && size=$(stat -c %s "$toplevel/initrd") && cd ramdisk &&
        tail -c "+$(((size + 3) / 4 * 4 + 1))" ../out/layeredTree/initrd | cpio --quiet -i && [ "$(cat etc/issue)" = welcome ]
}
text='extraFiles are in the ramdisk'
have cpio "$text" && claim "$text" has_file
based() {
    small="{ netboot.squashfsCompression = \"zstd:1\"; boot.initrd.systemd.enable = true;
        netboot.regd.separateStore = true; netboot.regd.baseImages = [ $(readlink out/squashfsStore) ]; }"
    make based kexecTree "$small" && make basedRamdisk netbootRamdisk "$small" && regd_build verify out/based &&
        [ "$(jq -r '.storeImages[1].file' out/based/boot.json)" = nix-store.1.squashfs ] &&
        cmp out/based/nix-store.1.squashfs out/squashfsStore && cmp out/basedRamdisk/nix-store.1.squashfs out/squashfsStore &&
        [ "$(stat -c %s out/based/nix-store.squashfs)" -lt 65536 ]
}
claim 'baseImages lie below, and with separateStore beside the ramdisk' based
too_little() {
    ! make none kexecTree '{ netboot.regd.targetRam = "16M"; }' >out/refused && cat out/refused && grep -q 'regd-build: .*16' out/refused
}
claim 'targetRam refuses what does not fit' too_little

# The other kinds.
iso="$here/units/nixos/iso.nix $here/tests/nixos/kinds/iso.nix"
repart="$here/units/nixos/repart.nix $here/tests/nixos/kinds/repart.nix { services.regd.repart.partition = \"20-root\"; }"
make_kind() {
    nix-build -o "out/$1" -E "with $(system "$1-26.11" "$2"); $3" >out/log 2>&1 && return
    tail -40 out/log
    return 1
}
iso_image() {
    make_kind iso "$iso" config.system.build.isoImage && cmp out/iso out/squashfsStore && says iso-26.11 "$iso" \
        config.services.regd.enable true
}
claim "iso: its store image is regd-build's, the same as for netboot" iso_image
iso_compression() {
    complains 'isoImage.squashfsCompression: ' iso-26.11 "$iso { isoImage.squashfsCompression = \"lzo -Xcompression-level\"; }" \
        config.system.build.squashfsStore.buildCommand
}
claim "iso: a compression that regd-build has not is refused by the option's name" iso_compression
# A build is not told who made its inputs.
repart_manifest() {
    make_kind repart "$repart" 'config.image.repart.partitions."20-root".contents."/nix-path-registration".source' &&
        nix-store -qR "$toplevel" | xargs nix-store --dump-db | grep -v -e '\.drv$' -e '^$' | sort >out/wanted &&
        grep . out/repart | sort | diff out/wanted - &&
        says repart-26.11 "$repart" config.services.regd.enable true
}
claim 'repart: the partition gets the manifest of its paths, as Nix has it' repart_manifest

finish
