#!/bin/sh
# tree.sh — is a tree whole, consistent in itself, and does every kernel parameter arrive as it was given?
#
# Most claims use a small system made by hand; the way from the tree back to a registered store is tested with the real
# one. iPXE's interpretation of its script is modelled in awk.
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/tree.sh
# shellcheck disable=SC2015,SC2317  # `A && B || C` is meant so; claims call functions by their names
# shellcheck disable=SC2016,SC2094  # hostile values are meant as they stand; nobody writes them while they are read
set -u
: "${REGD_BUILD:?the program}" "${REGD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET JOURNAL_STREAM

find_store
source=$PWD
mkdir "$SCRATCH/work" && cd "$SCRATCH/work" || bail "$SCRATCH is not empty"

# --- a small system ---------------------------------------------------------------------------------------

linux=/nix/store/11111111111111111111111111111111-linux
system=/nix/store/00000000000000000000000000000000-system
mkdir -p "root$linux" "root$system"
head -c 30001 "$REGD_BUILD" | like_kernel >"root$linux/bzImage"
gzip -nc "root$linux/bzImage" | head -c 10001 >"root$linux/initrd"
ln -s "$linux/bzImage" "root$system/kernel"
ln -s "$linux/initrd" "root$system/initrd"
printf 'console=ttyS0 quiet' >"root$system/kernel-params"
printf '#!/bin/sh\n' >"root$system/init"
chmod 555 "root$system/init"
printf '%s\n%064d\n1\n\n%d\n' "$linux" 0 0 "$system" 0 1 >manifest
echo "$linux" >>manifest

# tree DIRECTORY ARGUMENT...
tree() {
    directory=$1
    shift
    "$REGD_BUILD" tree --root root --registration manifest --no-check --quiet --compression zstd:3 -o "$directory" "$system" "$@"
}

tree small || bail 'no tree of a small system can be made'
tree other --params other || bail 'no other tree can be made'

# All that can be seen of a directory.
listing() {
    (cd "$1" && find . ! -name . -printf '%p %y %m %s %T@ %i %l\n' | sort && find . -type f -exec cksum {} + | sort)
}

# --- the real system --------------------------------------------------------------------------------------

(umask 077 && "$REGD_BUILD" tree --root "$store" --quiet --compression zstd:3 -o real "$toplevel") ||
    bail 'no tree of the real system can be made'
params=$(cat "$store$toplevel/kernel-params")
command_line="init=$toplevel/init $params"

files() {
    (cd real && find . -mindepth 1 -printf '%P %m\n' | sort) >got
    cat >want <<'END'
SHA256SUMS 644
boot.json 644
bzImage 644
extlinux 755
extlinux/extlinux.conf 644
grub.cfg 644
initrd 644
initrd.gz 644
kexec 755
kexec-boot 755
kexec/run 755
netboot.ipxe 644
pxelinux.cfg 755
pxelinux.cfg/default 644
END
    diff want got && [ "$(stat -c %a real)" = 755 ]
}
claim 'a tree has eleven files, all can read them, whatever the umask' files

sums() {
    (cd real && sha256sum --strict -c SHA256SUMS && [ "$(wc -l <SHA256SUMS)" -eq 10 ])
}
claim 'SHA256SUMS lists the other ten, and agrees' sums

same_inode() {
    [ "$(stat -c %i real/initrd)" = "$(stat -c %i real/initrd.gz)" ]
}
claim 'initrd.gz is initrd' same_inode

# The system's own files: its links lead to /nix/store.
in_store() {
    target=$(readlink "$store$toplevel/$1")
    printf %s "$store$target"
}
copies() {
    cmp "$(in_store kernel)" real/bzImage && head -c "$(stat -c %s "$(in_store initrd)")" real/initrd |
        cmp - "$(in_store initrd)"
}
claim "the kernel is the system's, and initrd starts with the system's" copies

# Without its blanks, so that one line of a text can be looked for. Values of ours have none that matter.
stripped=$(tr -d ' \t\n' <real/boot.json)
value() {
    printf %s "$stripped" | sed -n "s/.*\"storeImages\":\\[{\"name\":\"nix-store.squashfs\",.*\"$1\":\\([0-9]*\\).*/\\1/p"
}
offset=$(value offset)
size=$(printf %s "$stripped" | sed -n 's/.*"storeImages":\[{[^]]*"size":\([0-9]*\).*/\1/p')
: "${offset:=0}" "${size:=0}"

entry() {
    printf '{"name":"%s","size":%d,"sha256":"%s"' "$1" "$(stat -c %s "real/$1")" "$(sha256sum "real/$1" | cut -c 1-64)"
}
has() {
    printf %s "$stripped" | grep -qF -- "$1" || { echo "lacks $1" && cat real/boot.json && return 1; }
}
boot_json() {
    prepended=$(stat -c %s "$(in_store initrd)")
    # unpacked.sh compares it with what is in the ramdisk.
    unpacked=$(printf %s "$stripped" | sed -n 's/.*"unpackedSize":\([0-9]*\).*/\1/p')
    [ "$unpacked" -gt "$size" ] || return
    used=$(($(stat -c %s real/initrd) + 2 * unpacked + (56 << 20)))
    memory=$((used + used / 55))
    all=$(($(stat -c %s real/initrd) + unpacked + (79 << 20)))
    all=$((all + all / 45))
    [ "$memory" -ge "$all" ] || memory=$all
    has '"version":1,' && has "\"toplevel\":\"$toplevel\"" && has "\"init\":\"$toplevel/init\"" &&
        has "\"kernelParams\":\"$(printf %s "$params" | tr -d ' ')\"" &&
        has "\"commandLine\":\"$(printf %s "$command_line" | tr -d ' ')\"" &&
        has "\"kernel\":$(entry bzImage)}" && has "\"initrd\":[$(entry initrd)}],\"storeImages\":[{" &&
        has "\"memoryAtBoot\":$memory" && [ "$offset" -gt "$prepended" ] && [ $((offset % 4096)) -eq 0 ] && [ "$size" -gt 0 ]
}
claim 'boot.json tells names, sizes, sums, system, command line, memory and where the image is' boot_json

json() {
    jq -e . real/boot.json && [ "$(jq -r .commandLine real/boot.json)" = "$command_line" ] &&
        [ "$(jq -r .kernelParams real/boot.json)" = "$params" ] &&
        [ "$(jq -r '.storeImages | length' real/boot.json)" = 1 ] &&
        [ "$(jq -r '.storeImages[0].file' real/boot.json)" = initrd ]
}
text='boot.json is JSON, as jq reads it'
have jq "$text" && claim "$text" json

image() {
    "$REGD_BUILD" squashfs --root "$store" -q --compression zstd:3 -o image "$toplevel" &&
        [ "$size" = "$(stat -c %s image)" ] && tail -c +$((offset + 1)) real/initrd | head -c "$size" | cmp - image
}
claim 'the image in it is the one that the command squashfs makes' image

ramdisk() {
    "$REGD_BUILD" ramdisk -q --prepend "$(in_store initrd)" --store image -o ramdisk && cmp ramdisk real/initrd
}
claim 'the ramdisk is the one that the command ramdisk makes' ramdisk

archive() {
    start=$((($(stat -c %s "$(in_store initrd)") + 3) / 4 * 4))
    mkdir extracted && tail -c +$((start + 1)) real/initrd >appended && (cd extracted && cpio -i --quiet <../appended) &&
        cmp extracted/nix-store.squashfs image && [ "$(ls -A extracted)" = nix-store.squashfs ]
}
text='cpio extracts the image from behind the prepended ramdisk'
have cpio "$text" && claim "$text" archive
rm -rf appended extracted ramdisk

ipxe() {
    diff - real/netboot.ipxe <<END
#!ipxe
# Set the variable cmdline before chaining to this script to add kernel parameters.
imgfree
kernel bzImage initrd=initrd $command_line \${cmdline}
initrd --name initrd initrd
boot
END
}
claim 'netboot.ipxe is what it should be to the byte' ipxe

same_scripts() {
    "$REGD_BUILD" ipxe --root "$store" "$toplevel" | cmp - real/netboot.ipxe &&
        "$REGD_BUILD" kexec --root "$store" "$toplevel" | grep -v -e '^unpacked_kib=' -e '^known_digests=' >got &&
        grep -v -e '^unpacked_kib=' -e '^known_digests=' real/kexec-boot | cmp - got && grep -q '^unpacked_kib=[1-9]' real/kexec-boot
}
claim 'the commands ipxe and kexec print the same scripts' same_scripts

for shell in sh dash bash 'busybox sh'; do
    # shellcheck disable=SC2086  # two words
    have "${shell%% *}" "$shell -n accepts kexec-boot" && claim "$shell -n accepts kexec-boot" $shell -n real/kexec-boot
done

kexec_boot() {
    sh "$source/tests/oracle/kexec_boot.sh" small >got 2>&1
    status=$?
    grep -v '^ok ' got
    [ "$status" -eq 0 ] && [ "$(grep -c '^ok ' got)" -gt 30 ]
}
claim 'all that kexec_boot.sh claims of a kexec-boot is true of one in a tree' kexec_boot

# --- from the tree to a registered store ------------------------------------------------------------------

mkdir conf home
printf 'build-users-group =\nsubstitute = false\n' >conf/nix.conf
nix() {
    program=$1
    shift
    HOME="$PWD/home" NIX_CONF_DIR="$PWD/conf" NIX_USER_CONF_FILES=/dev/null "$program" --store "$PWD/booted" "$@"
}

unpack() {
    mkdir -p booted/nix booted/proc && unsquashfs -q -n -o "$offset" -d booted/nix/store real/initrd &&
        printf '%s\n' "$(jq -r .commandLine real/boot.json 2>/dev/null || echo "$command_line")" >booted/proc/cmdline
}
init_is_there() {
    init=$(tr ' ' '\n' <booted/proc/cmdline | sed -n 's/^init=//p')
    echo "init=$init"
    [ -f "booted$init" ] && [ ! -L "booted$init" ] && [ -x "booted$init" ]
}
registers() {
    "$REGD" boot --root booted --quiet && [ "$(readlink booted/nix/var/nix/profiles/system-1-link)" = "$toplevel" ]
}
nix_agrees() {
    nix nix-store -qR "$toplevel" | sort >got && [ "$(wc -l <got)" -gt 20 ] &&
        HOME="$PWD/home" nix-store --store "$store" -qR "$toplevel" | sort | diff - got &&
        nix nix-store --verify --check-contents 2>verified && cat verified &&
        ! grep -Eq 'error|was modified|disappeared' verified
}
generations() {
    nix nix-env -p "$PWD/booted/nix/var/nix/profiles/system" --list-generations | grep -q '^ *1 .*(current)'
}
text_unpack='unsquashfs unpacks the image out of the ramdisk, where boot.json says it is'
text_init='the init= of the command line is an executable file in it'
text_boot='regd boot registers what the tree brought and sets the profile'
text_nix='Nix verifies that store, content and all, and finds the same closure'
text_env='nix-env lists the generation'
if have unsquashfs "$text_unpack" "$text_init" "$text_boot" "$text_nix" "$text_env"; then
    claim "$text_unpack" unpack
    claim "$text_init" init_is_there
    claim "$text_boot" registers
    have nix-store "$text_nix" && claim "$text_nix" nix_agrees
    have nix-env "$text_env" && claim "$text_env" generations
fi

no_exec() {
    strace -f -qq -e trace=execve,execveat -o trace "$REGD_BUILD" tree --root "$store" -q --compression zstd:3 \
        -o traced "$toplevel" && cat trace && [ "$(grep -c exec trace)" -eq 1 ] && cmp real/initrd traced/initrd || return
    rm -rf traced again
    mkdir -p again/nix/store again/proc && cp booted/proc/cmdline again/proc/ &&
        cp -a booted/nix/store again/nix/ && strace -f -qq -e trace=execve,execveat -o trace "$REGD" boot --root again -q &&
        cat trace && [ "$(grep -c exec trace)" -eq 1 ]
}
text='neither regd-build tree nor regd boot runs another program'
if ! strace -o /dev/null true 2>/dev/null; then
    skip "$text" 'strace is not there, or must not trace'
elif [ ! -d booted/nix/store ]; then
    skip "$text" 'there is no unpacked store'
else
    claim "$text" no_exec
fi
chmod -R u+w booted again 2>/dev/null
rm -rf booted again real image

# --- overrides --------------------------------------------------------------------------------------------

sed 's/$/ of another kernel/' "root$linux/bzImage" >Image
printf 'first ramdisk' >first
printf 'second' >second
overrides() {
    tree overridden --kernel Image --prepend first --prepend second --params 'a=b  c' --init /bin/other-init || return
    cat overridden/netboot.ipxe
    cmp Image overridden/Image &&
        [ "$(stat -c %i overridden/Image)" = "$(stat -c %i overridden/bzImage)" ] &&
        [ "$(grep -cE '  (Image|bzImage)$' overridden/SHA256SUMS)" -eq 2 ] && (cd overridden && sha256sum --quiet -c SHA256SUMS) &&
        [ "$(head -c 22 overridden/initrd | tr '\0' .)" = 'first ramdisk...second' ] &&
        grep -qx "command_line='init=/bin/other-init a=b  c'" overridden/kexec-boot &&
        grep -qx "kernel_name='Image'" overridden/kexec-boot && grep -q '^kernel Image initrd=initrd init=/bin/' \
        overridden/netboot.ipxe && tr -d ' \t\n' <overridden/boot.json | grep -qF '"init":"/bin/other-init"'
}
claim '--kernel, --prepend, --params and --init take the place of what the system says' overrides

empty_params() {
    tree bare --params '' && grep -qx "command_line='init=$system/init'" bare/kexec-boot &&
        grep -qxF "kernel bzImage initrd=initrd init=$system/init \${cmdline}" bare/netboot.ipxe
}
claim 'without parameters the command line is init= alone' empty_params

trailing_newline() {
    cp -a root newline && printf 'quiet\n' >"newline$system/kernel-params" &&
        "$REGD_BUILD" kexec --root newline "$system" | grep -qx "command_line='init=$system/init quiet'"
}
claim 'a newline at the end of kernel-params is no parameter' trailing_newline

# --- hostile parameters -----------------------------------------------------------------------------------

# iPXE's rules. A line is split at blanks; a word that starts with '#' ends the line; the words ||, && and ; end the
# command; only then ${name:string} is expanded in each word, the innermost first, until none is left (src/core/
# exec.c, settings.c). Prints the arguments of the command kernel behind the file's name, joined by one blank, and
# "more" for a command behind it.
cat >ipxe.awk <<'END'
BEGIN { for (code = 1; code < 256; code++) character[sprintf("%02x", code)] = sprintf("%c", code) }
function expand(word,    end, start, i, name, kind) {
    for (;;) {
        start = end = 0
        for (i = 1; i <= length(word); i++) {
            if (substr(word, i, 2) == "${")
                start = i
            if (start && substr(word, i, 1) == "}") {
                end = i
                break
            }
        }
        if (!end)
            return word
        name = substr(word, start + 2, end - start - 2)
        kind = ""
        if (i = index(name, ":")) {
            kind = substr(name, i + 1)
            name = substr(name, 1, i - 1)
        }
        word = substr(word, 1, start - 1) (kind == "" || kind == "string" ? setting[name] : "?") substr(word, end + 1)
    }
}
{
    total = split($0, raw, / +/)
    count = 0
    for (n = 1; n <= total; n++) {
        if (raw[n] == "" && n == 1)
            continue
        if (raw[n] ~ /^#/)
            break
        if (raw[n] == "||" || raw[n] == "&&" || raw[n] == ";") {
            if (word[1] == "kernel" || count == 0)
                more = 1
            break
        }
        if (raw[n] != "")
            word[++count] = expand(raw[n])
    }
    if (count == 3 && word[1] == "set" && word[2] ~ /:hex$/) {
        sub(/:hex$/, "", word[2])
        setting[word[2]] = character[word[3]]
    }
    if (count > 1 && word[1] == "kernel") {
        if (want_name) {
            printf "%s", word[2]
            next
        }
        line = word[3]
        for (n = 4; n <= count; n++)
            line = line (n == count && word[n] == "" ? "" : " " word[n])
        printf "%s", line
        if (more)
            printf " [more]"
    }
    word[1] = ""
}
END

model() {
    printf 'set x:hex 23\nkernel k a  ${x:string}b #c d ${y\n' | awk -f ipxe.awk >got && [ "$(cat got)" = 'a #b' ] &&
        printf 'kernel k a || b\n' | awk -f ipxe.awk >got && [ "$(cat got)" = 'a [more]' ] &&
        printf 'kernel k a;b ${nothing}c ${x${y}z} ${cmdline}\n' | awk -f ipxe.awk >got && [ "$(cat got)" = 'a;b c ' ]
}
claim 'the model of iPXE splits, comments, ends and expands' model

# The fake stands in for kexec; it keeps the last --command-line it was given, as it is. Its host has nothing loaded
# and allows kexec, whatever this one does.
mkdir fakes
cat >fakes/kexec <<'END'
#!/bin/sh
case " $* " in *' --load '*) ;; *) exit 0 ;; esac
for argument; do
    case $argument in --command-line=*) printf %s "${argument#--command-line=}" >"$RECORD" ;; esac
    case $argument in --initrd=*) printf %s "${argument#--initrd=}" >"$RECORD.initrd" ;; esac
done
END
printf '#!/bin/sh\n' >fakes/sync
printf '#!/bin/sh\necho 0\n' >fakes/id
chmod 755 fakes/*
mkdir mount
namespace=
for flags in '--mount' '--mount --propagation unchanged' '--map-root-user --mount'; do
    # shellcheck disable=SC2086  # several words
    if unshare $flags sh -c 'mount -t tmpfs none /sys/kernel && umount /sys/kernel && mount -t tmpfs none /proc/sys/kernel &&
        umount /proc/sys/kernel' 2>/dev/null; then
        namespace="unshare $flags"
        break
    fi
done

# run_kexec_boot DIRECTORY: what arrives is in the file "recorded".
run_kexec_boot() {
    rm -f recorded recorded.initrd
    # shellcheck disable=SC2086  # several words
    RECORD=$PWD/recorded PATH=$PWD/fakes:$PATH $namespace sh -c '
        mount -t tmpfs none /sys/kernel && mount -t tmpfs none /proc/sys/kernel || exit
        "$1/kexec-boot" --now --no-memory-check
        status=$?
        umount /proc/sys/kernel /sys/kernel
        exit "$status"' sh "$PWD/$1" && [ "$(cat recorded.initrd)" = "$PWD/$1/initrd" ]
}

# each_hostile COMMAND...: with each value as the last argument.
each_hostile() {
    while IFS= read -r hostile; do
        "$@" "$hostile" || { printf 'with the parameters: %s\n' "$hostile" && return 1; }
    done <hostile
    # And beyond ASCII.
    "$@" "$(printf 'utf=\303\251 euro=\342\202\254')"
}
cat >hostile <<'END'
a="b c" d='e  f'
it's 'quoted' ''''
$HOME ${unfinished $(id) `id` $$ $
# is the first
a # b #c d#e ## #
|| && ; | & ;; |||
a || b && c ; d
||a &&b ;c a|| b&& c;
||
#
;
two  three   four    blanks
  leading blanks
 # behind a blank
  || behind two
\ \\ \n \" \' a\
%s %n %% %2$s 100%
~ * ? [a-z] {1,2} ! < > ( )
dyndbg="file x.c +p; func y +p"
a="  # b  || c"
}{ } { $ {x} $a} ${ ${${
${regd-hash:string ${cmdline
:label goto= echo set x y
=== -- --name initrd -n
@KERNEL@ @INITRD@ @COMMAND_LINE@ @UNPACKED_KIB@
END

expect_kexec() {
    tree hostile-tree --params "$1" && run_kexec_boot hostile-tree && printf 'init=%s/init %s' "$system" "$1" >want &&
        cmp want recorded
}
text='hostile parameters arrive through kexec-boot byte for byte'
if [ "$namespace" ]; then
    claim "$text" each_hostile expect_kexec
else
    skip "$text" 'no private mount namespace'
fi

# Blanks at the end mean nothing.
expect_ipxe() {
    "$REGD_BUILD" ipxe --root root --params "$1" "$system" >script && awk -f ipxe.awk script | sed 's/ *$//' >got &&
        printf 'initrd=initrd init=%s/init %s' "$system" "$1" | sed 's/ *$//' >want && cmp want got && return
    cat script want got
    return 1
}
claim 'they arrive through iPXE byte for byte' each_hostile expect_ipxe

user_words() {
    "$REGD_BUILD" ipxe --root root --params 'x # y' "$system" | awk 'NR > 1 && $1 == "kernel" {
        print "set cmdline:hex 7a" } { print }' | awk -f ipxe.awk >got && cat got && grep -q '^initrd=initrd init=.* x # y z$' got
}
claim "what the user put into cmdline comes last" user_words

json_params() {
    tree hostile-tree --params "$1" && jq -j .kernelParams hostile-tree/boot.json >got && printf %s "$1" | cmp - got
}
json_hostile() {
    while IFS= read -r hostile; do
        json_params "$hostile" || return
    done <hostile
}
text='hostile parameters are the same in boot.json'
have jq "$text" && claim "$text" json_hostile

# --- refusals ---------------------------------------------------------------------------------------------

# refuses TEXT COMMAND...: status 1, one line that holds the text, nothing on stdout, all is as it was.
refuses() {
    expected=$1
    shift
    listing . >../before
    "$@" >../stdout 2>../stderr
    status=$?
    cat ../stderr
    listing . | diff ../before - && [ "$status" -eq 1 ] && [ ! -s ../stdout ] && [ "$(wc -l <../stderr)" -eq 1 ] &&
        grep -q '^regd-build: ' ../stderr && grep -qF -- "$expected" ../stderr
}

for params in '${x}' '${net0/mac}' 'a=${x:string}' '$${x}y' '#${x}'; do
    claim "$params cannot be given to iPXE: refused" refuses "$params" "$REGD_BUILD" ipxe --root root \
        --params "before $params after" "$system"
done
claim 'so it is for a tree, of which nothing is left' refuses 'iPXE' tree new --params 'a=${b}'

# So many bytes with init= make a command line of 2047; iPXE puts its initrd=initrd in front, and on UEFI the kernel's
# name.
room=$((2047 - $(printf 'init=%s/init ' "$system" | wc -c)))
longest=$(printf "%${room}s" a | tr ' ' x)
with_ipxe=${longest#xxxxxxxxxxxxxxxxxxxxxx}
longest() {
    tree long --params "$with_ipxe" && awk -f ipxe.awk long/netboot.ipxe | awk 'length + length("bzImage ") == 2047 { found = 1 } END { exit !found }' &&
        "$REGD_BUILD" kexec --root root --params "$longest" "$system" >script &&
        grep -q "^command_line='.\\{2047\\}'\$" script
}
claim 'a command line of 2047 bytes is accepted, what iPXE adds counted' longest
claim 'one of 2048 bytes is refused' refuses '2048 bytes' tree new --params "x$longest"
claim 'so it is by the command kexec' refuses '2048 bytes' "$REGD_BUILD" kexec --root root --params "x$longest" "$system"
claim 'and where iPXE would make it one' refuses '2048 bytes long with iPXE' tree new --params "x$with_ipxe"
claim 'so it is by the command ipxe' refuses '2048 bytes long with iPXE' "$REGD_BUILD" ipxe --root root --params "x$with_ipxe" "$system"
claim 'a newline in the parameters is refused' refuses 'control character' tree new --params 'a
b'

# The kernel's file name stands in both scripts, in SHA256SUMS and in the tree.
hostile_kernel() {
    rm -rf named
    cp Image "$1" || return
    if ! tree named --kernel "$1" 2>err; then
        [ "$(wc -l <err)" -eq 1 ] && [ ! -e named ]
        return
    fi
    cat named/netboot.ipxe
    (cd named && sha256sum --strict -c SHA256SUMS) &&
        [ "$(grep -c '^kernel ' named/netboot.ipxe)" -eq 1 ] &&
        awk -f ipxe.awk named/netboot.ipxe >got && cat got && grep -q '^initrd=initrd init=' got &&
        ! grep -q '^kernel -' named/netboot.ipxe && awk -v want_name=1 -f ipxe.awk named/netboot.ipxe >got &&
        printf %s "${1##*/}" | cmp - got &&
        { [ -z "$namespace" ] || run_kexec_boot named; }
}
claim 'a kernel whose name has a blank is refused, or works in both scripts' hostile_kernel 'b z'
claim 'so is one whose name iPXE would expand' hostile_kernel 'b${x}z'
claim 'so is one whose name iPXE would take for a comment' hostile_kernel '#bz'
claim 'so is one whose name iPXE would take for an option' hostile_kernel './-bz'
claim 'so is one whose name holds a newline' hostile_kernel 'b
z'

foreign() {
    cp -a small mine && echo precious >mine/notes && refuses notes tree mine
}
claim 'a directory that holds a foreign file is refused, untouched' foreign
foreign_hidden() {
    cp -a small mine-too && echo precious >mine-too/.notes && refuses .notes tree mine-too
}
claim 'so is one that holds a hidden foreign file' foreign_hidden
foreign_directory() {
    cp -a small mine-three && mkdir mine-three/notes && refuses notes tree mine-three
}
claim 'so is one that holds a foreign directory' foreign_directory
without_sums() {
    mkdir plain && echo precious >plain/initrd && refuses initrd tree plain
}
claim 'so is one without a SHA256SUMS' without_sums
a_file() {
    echo precious >a-file && refuses a-file tree a-file
}
claim 'a file is not replaced by a tree' a_file
a_link() {
    ln -s small a-link && refuses a-link tree a-link
}
claim 'nor is a link to a tree' a_link
empty_directory() {
    mkdir empty && tree empty && (cd empty && sha256sum --quiet -c SHA256SUMS)
}
claim 'an empty directory is taken' empty_directory

# --- the old and the new ----------------------------------------------------------------------------------

broken_root() {
    cp -a root broken && rm "broken$linux/bzImage" && refuses "'s kernel" "$REGD_BUILD" tree --root broken --registration manifest --no-check -q -o small "$system"
}
claim 'a build that fails at the kernel leaves the old tree' broken_root
missing_path() {
    cp -a root missing && mv "missing$linux" missing/linux && rm "missing$system/kernel" "missing$system/initrd" &&
        cp missing/linux/initrd "missing$system/" && cp missing/linux/bzImage "missing$system/kernel" &&
        refuses "${linux##*/}" "$REGD_BUILD" tree --root missing --registration manifest --no-check -q -o small "$system"
}
claim 'so does one that fails at a store path that is not on disk' missing_path
limited() {
    (trap '' XFSZ && ulimit -f 40 && tree small --params new)
}
file_limit() {
    refuses 'File too large' limited
}
claim 'so does one that cannot write' file_limit

replaced() {
    cp -a small again && tree again --params other && diff -r other again && [ -z "$(find . -maxdepth 1 -name '.*' ! -name .)" ]
}
claim 'an old tree is replaced, and nothing is left of it' replaced

# A reader that looks all the time sees the old script or the new one, whole. It opens the file anew each time.
watch() {
    misses=0
    while [ ! -e stop ]; do
        { read -r first && read -r _ && read -r _ && read -r kernel && read -r _ && read -r last; } <swapped/netboot.ipxe || last=
        case "$first $kernel $last" in
        '#!ipxe kernel '*' console=ttyS0 quiet ${cmdline} boot' | '#!ipxe kernel '*' other ${cmdline} boot') ;;
        *) misses=$((misses + 1)) && echo "saw: $first $kernel $last" ;;
        esac
        looks=$((looks + 1))
    done
    echo "$looks looks, $misses misses"
    [ "$misses" -eq 0 ] && [ "$looks" -gt 100 ]
}
atomic() {
    rm -f stop
    looks=0
    tree swapped || return
    watch >watched 2>&1 &
    watcher=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        tree swapped --params other && tree swapped || break
    done
    built=$?
    : >stop
    wait "$watcher"
    seen=$?
    tail -5 watched
    [ "$built" -eq 0 ] && [ "$seen" -eq 0 ]
}
claim 'whoever reads meanwhile sees the old tree or the new one' atomic

finish
