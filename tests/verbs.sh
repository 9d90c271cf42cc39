# verbs.sh — runs every verb of the three programs on small inputs, for tests that inject faults.
#
# To be sourced after tap.sh. Needs REGD, REGD_BUILD and SCRATCH. A new verb needs a job here.
#
#   make_machine               a root with two paths of which one is registered, and what is built of them; in $SCRATCH, where
#                              the shell is then; nothing of the environment that the programs know is left
#   know_job JOB               a good run, to see what it does: sets job, old, good
#   prepare                    the state before a run of $job, in work/
#   run_job JOB                one verb with one family of options; its results go to work/out, work/root or work/new
#   check_result STATUS TEXT   after a run whose output is in stdout and stderr: has it succeeded as it should, or does it say
#                              why not and has left what was there, or what should be there?
#   jobs                       the names of all
#   is_sanitized               have the programs the sanitizers, which take memory and make calls of their own?
# shellcheck shell=sh disable=SC2034,SC2030,SC2031  # for whoever reads this in; programs are wrapped in a subshell

verbs_linux=/nix/store/11111111111111111111111111111111-linux
verbs_system=/nix/store/00000000000000000000000000000000-system
prepared=
verbs_build="--root root --registration manifest -q --compression zstd:1 --jobs 2"

# A stub is a program for UEFI, so it stands for a kernel, too.
verbs_stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
verbs_uki=
[ ! -r "$verbs_stub" ] || verbs_uki="--uki --stub $verbs_stub --kernel $verbs_stub"

is_sanitized() {
    grep -q __asan_init "$REGD"
}

# LeakSanitizer does not work under strace.
make_machine() {
    wants sqlite3 nix-store
    export LC_ALL=C ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
    unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET JOURNAL_STREAM SYSTEMD_IN_INITRD
    for program in REGD REGD_BUILD; do
        eval "case \$$program in /*) ;; *) $program=\$PWD/\$$program ;; esac"
    done
    generator=${REGD%/*}/regd-initrd-generator
    rows_sql=$PWD/tests/data/cases/rows.sql
    SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
    cd "$SCRATCH" || bail "$SCRATCH is not there"
    linux=$verbs_linux system=$verbs_system
    mkdir -p "root$linux" "root$system/specialisation" root/etc build keep
    head -c 3001 "$REGD_BUILD" | like_kernel >"root$linux/bzImage"
    head -c 1001 "$REGD_BUILD" >"root$linux/initrd"
    ln -s "$linux/bzImage" "root$system/kernel"
    ln -s "$linux/initrd" "root$system/initrd"
    printf 'quiet' >"root$system/kernel-params"
    printf '#!/bin/sh\n' >"root$system/init"
    chmod 555 "root$system/init"
    : >manifest
    for path in "$linux" "$system"; do
        nix-store --dump "root$path" >nar
        printf '%s\n%s\n%s\n\n' "$path" "$(sha256sum nar | cut -c 1-64)" "$(wc -c <nar)" >>manifest
        if [ "$path" = "$linux" ]; then echo 0; else printf '1\n%s\n' "$linux"; fi >>manifest
    done
    head -n 5 manifest >first.manifest
    "$REGD" register -q --root root first.manifest || bail 'nothing can be registered'
    "$REGD" profile set -q --root root "$linux" || bail 'no profile can be set'
    cp -a root whole
    "$REGD" register -q --root whole manifest || bail 'nothing can be registered'
    cp -a whole twice
    "$REGD" profile set -q --root twice "$system" || bail 'no profile can be set'
    cp manifest root/nix/store/nix-path-registration
    make_url_tree keep/first "quiet" zstd:1 || bail 'no tree with images by root hash can be made'
    make_url_tree keep/next "quiet next" zstd:2 || bail 'no other tree with images by root hash can be made'
    make_url_tree keep/last "quiet last" zstd:3 || bail 'no third tree with images by root hash can be made'
    for tree in keep/first keep/next; do
        "$REGD_BUILD" publish -q "$tree" --into keep/published || bail 'nothing can be published'
    done
    # shellcheck disable=SC2086  # options
    if ! "$REGD_BUILD" squashfs $verbs_build "$system" -o keep/image || ! "$REGD_BUILD" squashfs $verbs_build "$linux" -o keep/base ||
        ! "$REGD_BUILD" squashfs --root root --registration manifest --compression zstd:1 --signatures --verity file "$system" -o keep/signed 2>verity ||
        ! sed -n 's/.*root hash of .*: //p' verity >keep/signed.hash ||
        ! "$REGD_BUILD" tree $verbs_build "$system" -o keep/tree ||
        ! "$REGD_BUILD" tree $verbs_build --by-url --base keep/base "$system" -o keep/url; then
        bail 'nothing can be built'
    fi
}

# make_url_tree DIR PARAMS COMPRESSION: a tree with its image in stores/, by root hash.
make_url_tree() {
    # shellcheck disable=SC2086  # options
    "$REGD_BUILD" tree $verbs_build --by-url --compression "$3" --params "$2" "$system" -o "$1" 2>/dev/null
}

jobs='register register-new register-sql register-forget boot profile-set profile-rollback profile-prune profile-list status verify dump dump-paths manifest
manifest-database squashfs reuse split layer tree tree-parts tree-url tree-options tarball ramdisk ramdisk-xz ipxe kexec inspect closure why diff
verify-image verify-layer verify-tree verify-url publish publish-next publish-rollback verify-published generator generator-root overlay unpack
unpack-register unpack-optimise unpack-url'

# What a run can change. The times of directories do not count: a draft that came and went leaves nothing.
seen() {
    find work -type d -printf '%p %i %m\n' -o -printf '%p %i %s %m %C@ %l\n' 2>/dev/null
}

prepare() {
    # After a run that changed nothing, nothing is copied.
    seen >seen.now
    [ "$job" != "$prepared" ] || ! cmp -s seen.now seen.prepared || return 0
    rm -rf work
    mkdir work work/out work/new
    cp -a root work/root
    case $job in
    profile-set) cp -a whole/. work/new ;;
    profile-rollback) cp -a twice/. work/new ;;
    profile-prune) cp -a twice/. work/new && rm -rf "work/new$linux" ;;
    register-forget)
        cp -a whole/. work/new && sqlite3 work/new/nix/var/nix/db/db.sqlite "insert into ValidPaths (path, hash, registrationTime)
            values ('/nix/store/$(printf %032d 0)-gone', 'sha256:$(printf %064d 0)', 1); insert into Refs select id, id
            from ValidPaths where path like '%-gone'"
        ;;
    publish-next | publish-rollback) cp -a keep/published work/out/it ;;
    generator-root)
        mkdir -p work/new/proc work/new/etc work/out/it && : >work/new/etc/initrd-release && cp keep/image work/new/nix-store.squashfs
        echo "quiet init=$system/init" >work/new/proc/cmdline
        ;;
    generator | overlay | unpack | unpack-optimise) mkdir work/out/it ;;
    esac
    prepared=$job
    seen >seen.prepared
}

run_job() {
    # shellcheck disable=SC2086  # options
    case $1 in
    register) "$REGD" register -q --root work/root manifest ;;
    register-new) "$REGD" register -q --root work/new --missing=accept manifest ;;
    register-sql) "$REGD" register -q --root work/new --missing=accept --loader=sql manifest ;;
    register-forget) "$REGD" register -q --root work/new --vanished=forget manifest ;;
    boot) "$REGD" boot -q --root work/root --system "$system" ;;
    profile-set) "$REGD" profile set -q --root work/new "$system" ;;
    profile-rollback) "$REGD" profile rollback -q --root work/new ;;
    profile-prune) "$REGD" profile prune -q --root work/new ;;
    profile-list) "$REGD" profile list --json --root work/root ;;
    status) "$REGD" status --json --root work/root ;;
    verify) "$REGD" verify --root work/root ;;
    dump) "$REGD" dump --json --root work/root ;;
    dump-paths) "$REGD" dump --root work/root "$linux" ;;
    manifest) "$REGD_BUILD" manifest --root root --registration manifest "$system" ;;
    manifest-database) "$REGD_BUILD" manifest --root work/root "$linux" ;;
    squashfs) "$REGD_BUILD" squashfs $verbs_build --signatures "$system" -o work/out/it ;;
    reuse) "$REGD_BUILD" squashfs $verbs_build --reuse keep/image "$system" -o work/out/it ;;
    split) "$REGD_BUILD" squashfs $verbs_build --max-size 1M "$system" -o work/out/it ;;
    layer) "$REGD_BUILD" squashfs $verbs_build --base keep/base "$system" -o work/out/it ;;
    tree) "$REGD_BUILD" tree $verbs_build "$system" -o work/out/it ;;
    tree-parts) "$REGD_BUILD" tree $verbs_build --separate-store --base keep/base --max-size 1M $verbs_uki "$system" -o work/out/it ;;
    tree-url) "$REGD_BUILD" tree $verbs_build --by-url --base keep/base --max-size 1M $verbs_uki "$system" -o work/out/it ;;
    tree-options)
        "$REGD_BUILD" tree $verbs_build --reuse keep/tree --target-ram 4G --compressor gzip:1 --kernel "root$linux/bzImage" \
            --prepend "root$linux/initrd" --file manifest:/etc/it --params quiet --base-url http://192.0.2.1 "$system" -o work/out/it
        ;;
    tarball) "$REGD_BUILD" tree $verbs_build "$system" -o work/out/it --tarball work/out/it.tar.zst ;;
    ramdisk) "$REGD_BUILD" ramdisk -q --compressor zstd --prepend "root$linux/initrd" --store keep/image -o work/out/it ;;
    ramdisk-xz) "$REGD_BUILD" ramdisk -q --compressor xz --store keep/image -o work/out/it ;;
    ipxe) "$REGD_BUILD" ipxe --root root "$system" ;;
    kexec) "$REGD_BUILD" kexec --root root "$system" ;;
    inspect) "$REGD_BUILD" inspect keep/image --json --svg work/out/it ;;
    closure) "$REGD_BUILD" inspect keep/image --closure "$system" ;;
    why) "$REGD_BUILD" inspect keep/image --why system linux ;;
    diff) "$REGD_BUILD" inspect keep/image --diff keep/base --json ;;
    verify-image) "$REGD_BUILD" verify --jobs 2 keep/image ;;
    verify-layer) "$REGD_BUILD" verify --jobs 1 --base keep/base keep/image ;;
    verify-tree) "$REGD_BUILD" verify --jobs 2 --json keep/tree ;;
    verify-url) "$REGD_BUILD" verify --jobs 2 --json keep/url ;;
    publish) "$REGD_BUILD" publish -q keep/first --label it --into work/out/it ;;
    publish-next) "$REGD_BUILD" publish -q keep/last --into work/out/it --keep 2 --grace 0 ;;
    publish-rollback) "$REGD_BUILD" publish -q --rollback --into work/out/it ;;
    verify-published) "$REGD_BUILD" verify --jobs 2 --json keep/published ;;
    generator) "$generator" work/out/it ;;
    generator-root) "$generator" --root work/new work/out/it ;;
    overlay) "$generator" --overlay work/out/it ;;
    unpack) "$REGD_BUILD" unpack -q keep/image --root work/out/it --jobs 2 ;;
    unpack-register) "$REGD_BUILD" unpack -q keep/tree --root work/new --jobs 2 --register --profile /nix/var/nix/profiles/system ;;
    unpack-optimise) "$REGD_BUILD" unpack -q keep/signed --root-hash "$(cat keep/signed.hash)" "$linux" --root work/out/it --jobs 2 --optimise ;;
    unpack-url) "$REGD_BUILD" unpack -q keep/url --root work/new --jobs 2 --register ;;
    esac
}

# run_wrapped JOB WORD...: the same, where the programs are called through these words; the shell's own part of it is not.
# Without words they are those of the last call.
run_wrapped() (
    wrapped=$1
    shift
    for program in REGD REGD_BUILD generator; do
        [ $# -gt 0 ] || break
        eval "path=\$$program"
        printf '#!/bin/sh\nexec %s %s "$@"\n' "$*" "$path" >"wrapped-$program"
        chmod 755 "wrapped-$program"
    done
    REGD=$PWD/wrapped-REGD REGD_BUILD=$PWD/wrapped-REGD_BUILD generator=$PWD/wrapped-generator
    run_job "$wrapped"
)

# What a job leaves behind, but for times, and for a generation that the profile does not lead to yet. It is worked out again
# if something has changed.
state() {
    seen >seen.now
    if ! cmp -s seen.now seen.state; then
        work_out_state >known.state
        seen >seen.state
    fi
    cat known.state
}

work_out_state() {
    for root in work/root work/new; do
        database=$root/nix/var/nix/db/db.sqlite
        [ ! -s "$database" ] || sqlite3 -batch "$database" 'pragma integrity_check' ".read $rows_sql"
    done
    find work/*/nix/var/nix/profiles work/root/etc -type l ! -name '.*' ! -name 'system-*' -printf '%f %l\n' 2>/dev/null | sort
    case $job in unpack*) find work/new/nix/store -type f ! -path '*/.*' -exec sha256sum {} + 2>/dev/null | sort -k 2 ;; esac
    find -L work/out -type f ! -name '.*' ! -path '*/.*' -exec sha256sum {} + 2>/dev/null | sort -k 2
}

know_job() {
    job=$1
    prepare
    old=$(state)
    run_job "$job" >good.stdout 2>stderr || { cat stderr && return 1; }
    good=$(state)
}

# Of a tree and its tarball the tree comes first. Each file of a published root is the old or the new one. A unit that was written is as it should be; a generator that fails is run
# again, or the machine goes without.
is_old_or_new() {
    now=$(state)
    warned='nothing'
    ! grep -q ' warning: ' stderr || warned='/fleet\.json$'
    case $job in
    tarball) [ "$now" = "$(echo "$good" | grep -v 'it\.tar')" ] && return ;;
    # The images are seen through each system. A system that cannot be read is not listed, with a warning.
    publish*) [ -z "$(echo "$now" | grep -v -e '/systems/.*/stores/' -e "$warned" | while read -r line; do printf '%s\n%s\n' "$old" "$good" | grep -xF "$line" >/dev/null || echo "$line"; done)" ] && return ;;
    # A store path is there whole, or not at all.
    unpack*) [ "$(echo "$now" | grep -c -e '-system/')" -eq 0 ] || [ "$(echo "$now" | grep -e '-system/')" = "$(echo "$good" | grep -e '-system/')" ] || return ;;
    esac
    case $job in
    generator* | unpack*) [ -z "$(echo "$now" | while read -r line; do echo "$good" | grep -xF "$line" >/dev/null || echo "$line"; done)" ] && return ;;
    esac
    [ "$now" = "$old" ] || [ "$now" = "$good" ]
}

check_result() {
    status=$1
    case $status in
    0)
        [ "$(state)" = "$good" ] && cmp -s stdout good.stdout && return
        case $job in publish*) grep -q ' warning: ' stderr && is_old_or_new && return ;; esac
        ;;
    # Besides warnings, and the count of what could not be printed.
    1) [ "$(grep -vc -e ' warning: ' -e ' paths\{0,1\} verified' -e ' paths\{0,1\}, ' stderr)" -eq 1 ] && grep -q '^regd[a-z-]*: .' stderr && is_old_or_new && return ;;
    esac
    echo "$job, $2: status $status"
    head -n 3 stderr
    state | diff /dev/fd/3 - 3<<END | head -n 5
$good
END
    return 1
}
