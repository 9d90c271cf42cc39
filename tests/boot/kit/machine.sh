# machine.sh — runs machines in QEMU that boot the systems of tests/boot/system. To be sourced after tap.sh.
#
#   begin_boots TEXT                sets `live`, where the systems are, and machine_kernel, what QEMU starts: the kernel of
#                                   the systems, unpacked; if it is empty, the tree's. On a host without QEMU skips TEXT
#                                   and ends the test
#   make_tree NAME SYSTEM OPTION... $SCRATCH/NAME, what `regd-build tree` makes of the system first, second or many
#   tree_of NAME                    takes that tree for the functions below
#   hostile_parameters              prints kernel parameters that are hard to pass on
#   pass NAME FILE                  the next machines find the file as /run/test/NAME: see system/stage2.sh
#   pass_checks FILE...             what they check when they are up: tap.sh, guest.sh and these, one behind the other
#   boot NAME ARGUMENT...           runs a machine until it is off; arguments are QEMU's
#   boot_tree NAME ARGUMENT...      the same with the kernel, the ramdisk and the command line of the tree
#   boot_net NAME ARGUMENT...       the same from the network: iPXE's ROM, which gets netboot.ipxe of the tree by HTTP
#   boot_kexec NAME ARGUMENT...     the same by kexec-boot of the tree, from the Linux that make_rescue has made
#   disk_of NAME                    $SCRATCH/NAME.disk, a file system with the tree of that name
#   told NAME TEXT [N]              what the machine claimed becomes claims of ours, with TEXT in front; of a machine
#                                   that booted several times, what it claimed in the Nth
#   make_disk NAME                  $SCRATCH/NAME, an ext4 file system that may become /nix/var
#   console_has NAME PATTERN        did the machine's console say so?
#
# A machine has two serial lines: its console, $SCRATCH/NAME.console, and the output of its checks, NAME.results. It is
# emulated with one CPU, because KVM is not always available, and with several emulated CPUs some machines hang before
# the first message of the kernel. A machine that hangs nevertheless is started a second time, which is reported.
#
# The systems are built again if something has changed, in $BOOT_FIXTURE or below build/.
# shellcheck shell=sh

# Seconds that QEMU may compute for a boot with its checks, and how often it may be found idle while nothing is heard of
# the machine: what a machine is given by a busy host does not count. A machine that has printed machine_end is stopped.
machine_limit=600
machine_silence=480
machine_end=
machine_memory=1024
machine_qemu='qemu-system-x86_64'
machine_kind='-machine pc,graphics=off -cpu qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand'
machine_serial=ttyS0
machine_kernel=
machine=
qemu=
passed=
tree=

stop_machine() {
    stop_status=$?
    [ -z "$qemu" ] || kill -9 "$qemu" 2>/dev/null
    return "$stop_status"
}

begin_boots() {
    for tap_program in "$machine_qemu" jq flock strip; do
        have "$tap_program" "$1" || finish
    done
    trap 'stop_machine; tap_end' EXIT
    REGD=$(readlink -f "$REGD")
    REGD_BUILD=$(readlink -f "$REGD_BUILD")
    SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
    live=${BOOT_FIXTURE:-build/boot}
    { mkdir -p "$live" && live=$(cd "$live" && pwd -P); } || bail 'no folder for the systems can be made'
    flock "$live" sh tests/boot/system/make "$live" "$REGD" || bail 'the systems cannot be made'
    [ ! -e "$live/vmlinux" ] || machine_kernel=$live/vmlinux
}

make_tree() {
    tree_name=$1 tree_system=$2
    shift 2
    "$REGD_BUILD" tree --quiet --root "$live" --compression zstd:3 "$@" "$(cat "$live/$tree_system")" -o "$SCRATCH/$tree_name" ||
        bail "no tree can be made"
    tree_of "$tree_name"
}

tree_of() {
    tree=$SCRATCH/$1
}

# told_by KEY: what boot.json of the tree says.
told_by() {
    jq -r ".$1" "$tree/boot.json"
}

# The closure of a system, sorted: what Nix on this host says.
closure_of() {
    nix-store --option build-users-group '' --store "$live" --query --requisites "$(cat "$live/$1")" | sort
}

# 1.5 KiB of what shells, iPXE and kexec might not pass on as it is. The names have dots: the kernel takes them for
# parameters of modules that are not there, and does not hand them to init.
hostile_parameters() {
    number=10
    while [ "$number" -lt 20 ]; do
        # shellcheck disable=SC2016  # nothing expands
        printf '%s' "t.a$number=\"two  words\" t.b='x' " 't.c=$HOME t.d=$(id)`id` t.e=a#b t.f=\back\\slash\ ' \
            't.g=*?[a-z]~ t.h=<in>out&x;y t.i={a,b} t.j=%n%s%20 t.k=${open t.l=!! t.m=x&&y||z   '
        number=$((number + 1))
    done
    # Words that are signs of a language, each alone.
    # shellcheck disable=SC2016
    printf '%s' '# ; && || # t.z=$ &&  || ;   #x ;y t.end=1'
}

# The passed files of an earlier machine are replaced by name.
pass() {
    cp "$2" "$SCRATCH/passed-$1"
    case $passed in *"opt/regd/$1,"*) return ;; esac
    passed="$passed -fw_cfg name=opt/regd/$1,file=$SCRATCH/passed-$1"
}

pass_checks() {
    { cat tests/tap.sh tests/boot/kit/guest.sh "$@" && echo finish; } >"$SCRATCH/checks"
    pass check "$SCRATCH/checks"
}

start_machine() {
    rm -f "$SCRATCH/$machine.console" "$SCRATCH/$machine.results"
    : >"$SCRATCH/$machine.console"
    : >"$SCRATCH/$machine.results"
    # shellcheck disable=SC2086  # several words
    "$machine_qemu" $machine_kind -accel tcg,thread=single -smp 1 -m "$machine_memory" -no-reboot -display none -monitor none \
        -serial "file:$SCRATCH/$machine.console" -serial "file:$SCRATCH/$machine.results" \
        $passed "$@" </dev/null >"$SCRATCH/$machine.qemu" 2>&1 &
    qemu=$!
    machine_start=$(date +%s)
}

heard_bytes() {
    cat "$SCRATCH/$machine.console" "$SCRATCH/$machine.results" | wc -c
}

stop_qemu() {
    kill -9 "$qemu" 2>/dev/null
    wait "$qemu" 2>/dev/null
    qemu=
}

# Has QEMU computed for too long? The clock ticks a hundred times a second.
is_over_limit() {
    read -r _ _ _ _ _ _ _ _ _ _ _ _ _ user system _ 2>/dev/null <"/proc/$qemu/stat" &&
        [ $(((user + system) / 100)) -gt "$machine_limit" ]
}

is_idle() {
    ! grep -qs ') [RD] ' "/proc/$qemu/task/"*/stat
}

# Waits until the machine is off. False if it had to be stopped.
wait_for_machine() {
    heard=0
    idle=0
    while kill -0 "$qemu" 2>/dev/null; do
        sleep 0.5
        bytes=$(heard_bytes)
        if [ "$bytes" -ne "$heard" ]; then
            heard=$bytes
            idle=0
        elif is_idle; then
            idle=$((idle + 1))
        fi
        if is_over_limit || [ "$idle" -gt "$machine_silence" ]; then
            stop_qemu
            return 1
        fi
        if [ "$machine_end" ] && console_has "$machine" "$machine_end"; then
            stop_qemu
            return
        fi
    done
    wait "$qemu"
    qemu=
    cat "$SCRATCH/$machine.qemu" >&2
}

boot() {
    machine=$1
    shift
    start_machine "$@"
    if ! wait_for_machine && ! console_has "$machine" 'Linux version'; then
        echo "# $machine: the machine stood still before its kernel said anything, and is started again"
        start_machine "$@"
        wait_for_machine || echo "# $machine: it had to be stopped"
    fi
    tell_times
}

# What the machine measured, and how long it was on.
tell_times() {
    sed -n 's/\r//; s/^# measured /# '"$machine"': /p' "$SCRATCH/$machine.results"
    echo "# $machine: off after $(($(date +%s) - machine_start)) s"
}

boot_tree() {
    machine=$1
    shift
    boot "$machine" -nic none -kernel "${machine_kernel:-$tree/$(told_by kernel.name)}" -initrd "$tree/initrd" \
        -append "$(told_by commandLine)" "$@"
}

# No port is taken on this host: QEMU starts a server for each connection.
boot_net() {
    machine=$1
    shift
    boot "$machine" -boot n -device virtio-net-pci,netdev=net,bootindex=0 \
        -netdev "user,id=net,restrict=on,bootfile=http://10.0.2.100/netboot.ipxe,guestfwd=tcp:10.0.2.100:80-cmd:busybox httpd -i -h $tree" \
        "$@"
}

console_has() {
    tr -d '\r' <"$SCRATCH/$1.console" | grep -a -q -e "$2"
}

# What stands behind a claim that did not hold.
show_told() {
    awk -v line="$1" 'found && !/^#/ { exit } found { sub(/^# /, ""); print } $0 == line { found = 1 }' "$SCRATCH/told"
    false
}

# Did the machine come to the end of its checks?
asked_everything() {
    made=$(grep -c -e '^ok ' -e '^not ok ' "$SCRATCH/told")
    [ "$made" -gt 0 ] && grep -qx "1\.\.$made" "$SCRATCH/told" && return
    tail -n 5 "$SCRATCH/told"
    tr -d '\r' <"$SCRATCH/$1.console" | tail -n 30
    return 1
}

told() {
    tr -d '\r' <"$SCRATCH/$1.results" | awk -v wanted="${3:-1}" '
        BEGIN { part = 1 }
        part == wanted { print }
        /^1\.\./ { part++ }' >"$SCRATCH/told"
    while IFS= read -r line; do
        case $line in
        'ok '*) claim "$2: ${line#ok * - }" true ;;
        'not ok '*) claim "$2: ${line#not ok * - }" show_told "$line" ;;
        esac
    done <"$SCRATCH/told"
    claim "$2: the machine came to the end of its checks" asked_everything "$1"
}

# The folder that stage 2's tmpfiles would make is there, for machines that may not write.
make_disk() {
    mkdir -p "$SCRATCH/disk-root/nix/gcroots"
    ln -sfn /run/current-system "$SCRATCH/disk-root/nix/gcroots/current-system"
    ln -sfn /run/booted-system "$SCRATCH/disk-root/nix/gcroots/booted-system"
    mke2fs -q -t ext4 -d "$SCRATCH/disk-root" "$SCRATCH/$1" 128M >/dev/null || bail 'no disk can be made'
}

disk_of() {
    mksquashfs "$SCRATCH/$1" "$SCRATCH/$1.disk" -quiet -noappend -no-progress -noI -noD -noF -noX >/dev/null ||
        bail 'no disk can be made'
}

# libraries_of FILE: paths of those that it is linked with.
libraries_of() {
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*'
}

# find_library NAME: the path of one that a program opens.
find_library() {
    ldconfig -p | grep -om 1 "/[^ ]*/$1\$"
}

copy_kexec() {
    for program in kexec setsid; do
        cp "$(command -v "$program")" "$SCRATCH/rescue/bin/"
        libraries_of "$(command -v "$program")" | while read -r library; do
            mkdir -p "$SCRATCH/rescue${library%/*}" && cp "$library" "$SCRATCH/rescue$library"
        done
    done
}

# The ramdisk of the Linux that runs first.
make_rescue() {
    mkdir -p "$SCRATCH/rescue/bin" "$SCRATCH/rescue/dev" "$SCRATCH/rescue/proc" "$SCRATCH/rescue/sys" "$SCRATCH/rescue/tmp"
    cp "${PACKAGES_ROOT:-}/bin/busybox" "$SCRATCH/rescue/bin/"
    for name in sh mount insmod mkdir sleep poweroff cat head wc id tail dmesg stat mktemp readlink rm ls sha256sum \
        cp cpio chmod find grep tar tee; do
        ln -s busybox "$SCRATCH/rescue/bin/$name"
    done
    copy_kexec
    cp -r "$live$(dirname "$(readlink "$live$(cat "$live/first")/kernel")")/modules" "$SCRATCH/rescue/"
    cp tests/boot/kit/rescue.sh "$SCRATCH/rescue/init"
    chmod 755 "$SCRATCH/rescue/init"
    (cd "$SCRATCH/rescue" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$SCRATCH/rescue.cpio.gz"
}

boot_kexec() {
    machine=$1
    shift
    disk_of "${tree##*/}"
    boot "$machine" -nic none -kernel "$tree/bzImage" -initrd "$SCRATCH/rescue.cpio.gz" \
        -append "console=$machine_serial,115200n8 panic=5 loglevel=6 mitigations=off no_timer_check" \
        -drive "file=$tree.disk,if=virtio,format=raw,readonly=on" "$@"
}
