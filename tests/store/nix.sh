# nix.sh — a Nix store in a folder, built by Nix itself. To be read in with '.'.
#
#   begin_store DIR              makes DIR/nix and, until the script ends, a scratch folder; sets `dir` and `scratch`
#   with_libraries PACKAGE...    prints these packages, and before each the installed libraries that it depends on, which
#                                have other names in each release of Debian
#   write_packages LIST          scratch/packages.nix: the installed packages that the file LIST names
#   write_busybox                scratch/busybox: bin/busybox and links to it by its other names; with PACKAGES_ROOT also
#                                scratch/shell, which runs on this host
#   enter_store SCRIPT ARG...    runs SCRIPT --inside DIR SCRATCH ARG... in a mount namespace of its own; what it
#                                prints goes to DIR/make.log
# Inside, with `dir` and `scratch` set:
#   mount_root                   sets `root`, where this host is, but DIR/nix as /nix; unmounted at the end
#   in_root PROGRAM ARG...       runs a program of Nix there
#
# PACKAGES_ROOT, if set, is a folder with packages of another architecture, PACKAGES_ARCHITECTURE, as tests/aarch64/unpack
# makes it: they take the place of the installed ones, and busybox is the one there.
#
# How      Nix builds for /nix/store only where there is one. So everything runs in a mount namespace of its
#          own, below a root that has all of this host's folders, but DIR/nix as /nix. That takes root, or user
#          namespaces. The host's /nix, Nix configuration and home stay out of it, and nothing is downloaded.
#
# Needs    nix-bin, busybox-static, util-linux, dpkg, mawk (or another awk).
# shellcheck shell=sh

export PATH="$PATH:/usr/sbin:/sbin"

fail() {
    printf '%s: %s\n' "$0" "$1" >&2
    exit 1
}

packages_root=${PACKAGES_ROOT:-}

query_packages() {
    dpkg-query ${packages_root:+"--admindir=$packages_root/var/lib/dpkg"} "$@"
}

with_libraries() {
    native=${PACKAGES_ARCHITECTURE:-$(dpkg --print-architecture)}
    # shellcheck disable=SC2016  # dpkg's variables
    query_packages --show --showformat \
        '${db:Status-Status}\t${Architecture}\t${Package}\t${Provides}\t${Pre-Depends},${Depends},${Recommends}\n' |
    awk -F '\t' -v native="$native" -v wanted="$*" '
        function bare(text) { gsub(/\([^)]*\)|:[a-z]+|[ ]/, "", text); return text }
        function visit(name,    words, count, i, j, choices) {
            if (!(name in depends))
                name = provider[name]
            if (name == "" || name in seen)
                return
            seen[name]
            count = split(depends[name], words, ",")
            for (i = 1; i <= count; i++) {
                split(words[i], choices, "|")
                for (j = 1; j in choices; j++)
                    if (choices[j] ~ /^(lib|zlib)/ && choices[j] !~ /-perl$/)
                        visit(choices[j])
            }
            print name
        }
        $1 == "installed" && ($2 == native || $2 == "all") {
            depends[$3] = bare($5)
            count = split(bare($4), words, ",")
            for (i = 1; i <= count; i++)
                provider[words[i]] = $3
        }
        END {
            count = split(wanted, words, " ")
            for (i = 1; i <= count; i++)
                visit(words[i])
        }'
}

# The installed packages of a list, as the Nix value that toplevel.nix reads.
write_packages() {
    native=${PACKAGES_ARCHITECTURE:-$(dpkg --print-architecture)}
    # shellcheck disable=SC2016  # dpkg's variables
    fields='${db:Status-Status}\t${Architecture}\t${Package}\t${binary:Package}\t${Version}'
    # shellcheck disable=SC2016,SC2046  # as above; names without spaces
    query_packages --show --showformat "$fields"'\t${Pre-Depends}, ${Depends}\n' \
        $(cat "$1") 2>/dev/null |
    awk -F '\t' -v native="$native" '
        NR == FNR { order[++count] = $1; next }
        $1 == "installed" && ($2 == native || $2 == "all") {
            query[$3] = $4
            sub(/^[0-9]+:/, "", $5)
            gsub(/[^0-9A-Za-z+._-]/, "-", $5)
            version[$3] = $5
            gsub(/\([^)]*\)|:[a-z]+|[ ]/, "", $6)
            depends[$3] = $6
        }
        END {
            for (i = 1; i <= count; i++) {
                name = order[i]
                if (!(name in query))
                    continue
                list = ""
                split("", listed)
                total = split(depends[name], wanted, /[,|]/)
                for (j = 1; j <= total; j++)
                    if (wanted[j] in before && !(wanted[j] in listed)) {
                        list = list " " wanted[j]
                        listed[wanted[j]]
                    }
                before[name]
                print name "\t" query[name] "\t" version[name] "\t" list
            }
        }' "$1" - > "$scratch/installed"

    mkdir "$scratch/files"
    {
        echo '['
        while IFS='	' read -r name query version depends; do
            query_packages --listfiles "$query" | while read -r file; do
                case $file in
                /usr/share/doc/* | /usr/share/man/* | /usr/share/info/* | /usr/share/locale/*) ;;
                /usr/share/lintian/* | */gconv/*) ;;
                /*/*) [ -L "$packages_root$file" ] || [ -f "$packages_root$file" ] && printf '%s\n' "$file" ;;
                esac
            done > "$scratch/files/$name" || :
            quoted=
            for depend in $depends; do quoted="$quoted \"$depend\""; done
            printf '{ pname = "%s"; version = "%s"; depends = [%s ]; files = builtins.readFile ./files/%s; }\n' \
                "$name" "$version" "$quoted" "$name"
        done < "$scratch/installed"
        echo ']'
    } > "$scratch/packages.nix"
}

# Mounts, in a namespace of our own, a root that is this host's but for /nix. It is never passed on to the
# folders that are bound into it, nor are its mounts to the host.
mount_root() {
    root=$scratch/root
    trap 'umount --lazy "$root"' EXIT
    trap 'exit 1' HUP INT TERM
    mount -t tmpfs -o mode=0755 none "$root"
    mount --make-unbindable "$root"
    for entry in /*; do
        if [ -L "$entry" ]; then
            cp -P "$entry" "$root/"
        elif [ -d "$entry" ] && [ "$entry" != /nix ]; then
            mkdir "$root$entry"
            mount --rbind --make-rslave "$entry" "$root$entry" || rmdir "$root$entry"
        fi
    done
    mkdir "$root/nix"
    mount --bind "$dir/nix" "$root/nix"
    # Nix talks to builders through a terminal, which a bare chroot has no file system for.
    [ -c /dev/pts/ptmx ] || mount -t devpts -o newinstance,ptmxmode=0666 none "$root/dev/pts"
}

# Runs a program of Nix in that root, with nothing of the caller's environment.
in_root() {
    chroot "$root" /usr/bin/env -i PATH="$PATH" LC_ALL=C HOME="$scratch/home" TMPDIR="$scratch/tmp" \
        NIX_CONF_DIR="$scratch/conf" NIX_USER_CONF_FILES=/dev/null "$@"
}

begin_store() {
    for program in nix-build /bin/busybox unshare dpkg-query awk; do
        command -v "$program" > /dev/null ||
            fail "$program is missing: install nix-bin, busybox-static, util-linux, dpkg, mawk"
    done
    { mkdir -p "$1/nix" && dir=$(cd "$1" && pwd -P) && scratch=$(mktemp -d "$dir/scratch.XXXXXX"); } ||
        fail "cannot make a store in $1"
    trap 'rm -rf --one-file-system "$scratch"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir "$scratch/conf" "$scratch/home" "$scratch/root" "$scratch/tmp"
    cat > "$scratch/conf/nix.conf" <<END
build-users-group =
experimental-features = nix-command
max-jobs = auto
sandbox = false
substitute = false
substituters =
END
}

# copy_busybox ROOT NAME
copy_busybox() {
    mkdir -p "$scratch/$2/bin"
    cp "$1/bin/busybox" "$scratch/$2/bin/"
    for name in $(/bin/busybox --list); do
        [ "$name" = busybox ] || ln -s busybox "$scratch/$2/bin/$name"
    done
}

write_busybox() {
    copy_busybox "$packages_root" busybox
    [ -z "$packages_root" ] || copy_busybox '' shell
}

# As root; as root in a chroot, where the root folder is no mount point to make private; as anybody.
namespace_flags() {
    for flags in '--mount' '--mount --propagation unchanged' '--map-root-user --mount'; do
        # shellcheck disable=SC2016,SC2086  # for the inner shell; several words
        if unshare $flags sh -c 'mount -t tmpfs none "$1" && umount "$1"' sh "$scratch/root" 2> /dev/null; then
            printf '%s\n' "$flags"
            return
        fi
    done
    return 1
}

enter_store() {
    namespace=$(namespace_flags) || fail "cannot mount in a namespace of its own: run as root or allow user namespaces"
    script=$1
    shift
    # shellcheck disable=SC2086  # several words
    unshare $namespace sh "$script" --inside "$dir" "$scratch" "$@" > "$dir/make.log" 2>&1 ||
        fail "cannot build the store, the reason is at the end of $dir/make.log"
}
