#!/bin/sh
# nixos_anywhere.sh — does nixos-anywhere take a tarball of a tree as it is?
#
# Usage    REGD_BUILD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/nixos_anywhere.sh
#
# Imitated is what its script does on the machine (nixos-anywhere, src/nixos-anywhere.sh, runKexec):
#   1  copies the tarball to ~/kexec/kexec-tarball.tar.gz, whatever it was called
#   2  unpacks it there by tar, told by the suffix of its former name how it is compressed
#   3  runs ~/kexec/kexec/run in a session of its own, with TMPDIR=~/kexec and --kexec-extra-flags FLAGS, by root or sudo
#   4  looks for "machine will boot into nixos" in what that printed
#   5  waits until the machine is gone
# The home directories, /etc/ssh and the network are those of this test, in a mount namespace; kexec is a fake that
# records its arguments and keeps the ramdisk. Each shell runs it.
# shellcheck disable=SC2015,SC2016,SC2317  # `A && B || C` is meant so, so are texts for other shells; claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C TZ=UTC
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR SUDO_USER DOAS_USER SUDO_UID

# Within the namespace: everything that is seen of the host is made here.
if [ "${1-}" = within ]; then
    SCRATCH=$2 REGD_BUILD=$3 store=$4 toplevel=$5
    cd "$SCRATCH/work" || exit 1
    cp -a /etc etc && mkdir -p etc/ssh && mount --bind etc /etc && mount -t tmpfs none /root && mount -t tmpfs none /etc/ssh &&
        mount -t tmpfs none /home || bail 'nothing can be mounted'
    mkdir -p /root/.ssh /home/nixos/.ssh /etc/ssh/authorized_keys.d bin
    printf 'ssh-ed25519 AAAAroot root@there\n' >/root/.ssh/authorized_keys
    printf '# ssh-rsa AAAAno off\ncommand="date" ssh-rsa AAAAlimited backup' >/home/nixos/.ssh/authorized_keys
    printf 'ssh-ed25519 AAAAnixos nixos-anywhere\n' >/home/nixos/.ssh/authorized_keys2
    printf 'ssh-ed25519 AAAAfile from-nixos\n' >/etc/ssh/authorized_keys.d/root
    (umask 077 && echo private >/etc/ssh/ssh_host_ed25519_key)
    echo public >/etc/ssh/ssh_host_ed25519_key.pub
    echo 'nixos:x:1234:1234::/home/nixos:/bin/sh' >>/etc/passwd
    cat >bin/kexec <<END
#!/bin/sh
printf '%s\n' "\$*" >>"$SCRATCH/work/calls"
for word; do case \$word in --initrd=*) cp "\${word#*=}" "$SCRATCH/work/ramdisk" ;; esac; done
END
    cat >bin/ip <<'END'
#!/bin/sh
printf '[{"called":"%s"}]\n' "$*"
END
    printf '#!/bin/sh\n:\n' >bin/sync
    printf '#!/bin/sh\nprintf "sleep %%s\\n" "$1" >>%s/calls\n' "$PWD" >bin/sleep
    chmod 755 bin/*
    export PATH="$SCRATCH/work/bin:$PATH" HOME=/root

    # nixos_anywhere TARBALL SHELL FLAGS: the steps. The umask is that of a user whose group is his own.
    nixos_anywhere() {
        rm -rf calls ramdisk "$HOME/kexec"
        case $1 in
        *.tar.gz) compressed=--gzip ;;
        *.tar.xz) compressed=--xz ;;
        *.tar.zst) compressed=--zstd ;;
        *) compressed= ;;
        esac
        (
            umask 002
            mkdir -p "$HOME/kexec" && cat "$1" >"$HOME/kexec/kexec-tarball.tar.gz" && cd "$HOME/kexec" || exit
            # shellcheck disable=SC2002,SC2086  # as it is done there
            cat kexec-tarball.tar.gz | tar -xv $compressed -C "$HOME/kexec" >/dev/null || exit
            for script in kexec/run kexec-boot; do
                { printf '#!%s\n' "$2" && sed 1d "$script"; } >changed && cat changed >"$script"
            done
            rm changed
            TMPDIR=$HOME/kexec setsid --wait "$HOME/kexec/kexec/run" --kexec-extra-flags "$3" 2>&1 | tee "$HOME/kexec/nixos-anywhere.log"
        )
        cp "$HOME/kexec/nixos-anywhere.log" log
        grep -q 'machine will boot into nixos' log
    }
    executed() {
        number=0
        until grep -qx -e "$1" calls; do
            number=$((number + 1))
            [ "$number" -lt "$((patience * 10))" ] || { cat calls; return 1; }
            /bin/sleep 0.1
        done
    }
    takes() {
        nixos_anywhere "tree$1" "$2" '' && cat log calls && [ -s ramdisk ] && executed '-e *' && [ -z "$(find "$HOME/kexec" -name 'kexec-run.*')" ]
    }
    for suffix in .tar.gz .tar.zst .tar.xz .tar; do
        claim "$suffix: the system is loaded, the sentence is printed, and then it is executed" takes $suffix /bin/sh
    done
    # Not after busybox: its sleep is its own, in scripts of its shell.
    in_order() {
        sed 's/ --load.*//; s/ *$//' calls >got && cat got && printf '%s\n' -s 'sleep 6' -e | cmp - got
    }
    claim 'it executes once, 6 seconds after it has loaded' in_order
    for program in dash bash 'busybox sh'; do
        shell=$(command -v "${program%% *}") || { skip "$program does so too" 'it is not installed'; continue; }
        [ "$program" = "${program#* }" ] || shell="$shell ${program#* }"
        claim "$program does so too" takes .tar.gz "$shell"
    done
    flags() {
        nixos_anywhere tree.tar.gz /bin/sh '--no-sync --reset-vga' && executed '-e --no-sync' && cat calls &&
            grep -q -e '--load .*--reset-vga' calls && ! grep -q -e '--load.*--no-sync' calls
    }
    claim '--kexec-extra-flags reach kexec: --no-sync where it executes, others where it loads' flags
    # The tree's ramdisk comes first, as it is.
    behind() {
        size=$(stat -c %s "tree/initrd") && cmp -n "$size" ramdisk tree/initrd || return
        rm -rf extra && mkdir extra && tail -c +$(((size + 3) / 4 * 4 + 1)) ramdisk | (cd extra && cpio -idm --quiet) && find extra -type f | sort
    }
    joined() {
        SUDO_USER=nixos nixos_anywhere tree.tar.gz /bin/sh '' && behind
    }
    claim 'behind the ramdisk of the tree stands one of its own' joined
    keys() {
        cat >want <<'END'
ssh-ed25519 AAAAroot root@there
ssh-ed25519 AAAAfile from-nixos
# ssh-rsa AAAAno off
command="date" ssh-rsa AAAAlimited backup
ssh-ed25519 AAAAnixos nixos-anywhere
END
        diff want extra/ssh/authorized_keys
    }
    claim 'it has the keys of root and of the user of sudo, line by line, with what they forbid' keys
    host() {
        diff -r /etc/ssh extra/ssh | grep -v -e authorized_keys
        cmp /etc/ssh/ssh_host_ed25519_key extra/ssh/ssh_host_ed25519_key && cmp /etc/ssh/ssh_host_ed25519_key.pub extra/ssh/ssh_host_ed25519_key.pub &&
            [ "$(stat -c '%a %u:%g' extra/ssh/ssh_host_ed25519_key)" = '600 0:0' ] &&
            { [ ! -f /etc/machine-id ] || cmp /etc/machine-id extra/machine-id; }
    }
    claim "it has the host's keys, for root alone, and machine-id" host
    network() {
        cat extra/iproute2/* && grep -q '"--json addr"' extra/iproute2/addrs.json && grep -q '"-4 --json route"' extra/iproute2/routes-v4.json &&
            grep -q '"-6 --json route"' extra/iproute2/routes-v6.json
    }
    claim 'it has the network, as ip tells it' network
    no_json() {
        printf '#!/bin/sh\nexit 1\n' >bin/ip
        nixos_anywhere tree.tar.gz /bin/sh '' && behind && [ ! -e extra/iproute2 ] && grep -q 'the network is not handed on' log
    }
    claim 'where ip cannot tell it, it goes without, and says so' no_json
    # A refusal: nothing is executed, and the sentence is not printed.
    refused() {
        nixos_anywhere tree.tar.gz /bin/sh '' && return 1
        cat log
        /bin/sleep 0.5
        grep -q "$1" log && { [ ! -e calls ] || ! grep -q '^-e' calls; }
    }
    damaged() {
        cp tree.tar.gz whole && rm -rf other && cp -r tree other && printf x >>other/initrd && tar -C other -czf tree.tar.gz . || return
        refused 'has another SHA-256'
        status=$?
        mv whole tree.tar.gz
        return "$status"
    }
    claim 'a damaged ramdisk is refused: no sentence, nothing is executed' damaged
    usage() {
        tree/kexec/run --help | grep -q '^Usage: run' && ! tree/kexec/run --nothing 2>err && [ "$(cat err)" = "run: unexpected argument '--nothing'; try --help" ] &&
            ! tree/kexec/run --kexec-extra-flags 2>err && grep -q 'needs an argument' err
    }
    claim 'it says how it is used' usage
    finish
fi

find_store
wants tar gzip xz zstd cpio setsid
mkdir "$SCRATCH/work"
if ! unshare -m true 2>/dev/null; then
    skip 'nixos-anywhere takes a tarball' 'no mount namespace'
    finish
fi
here=$PWD
cd "$SCRATCH/work" || bail "$SCRATCH is not empty"
for suffix in .tar .tar.gz .tar.xz .tar.zst; do
    "$REGD_BUILD" tree --root "$store" -q --compression zstd:1 -o tree --tarball "tree$suffix" "$toplevel" || bail 'no tree can be made'
done
cd "$here" || exit 1
tap_finished=yes
unshare -m sh "$0" within "$SCRATCH" "$REGD_BUILD" "$store" "$toplevel"
