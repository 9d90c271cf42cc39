#!/bin/sh
# run - load the system of this tree, and boot into it a moment later
#
# POSIX sh, for tools that replace a system over ssh. nixos-anywhere unpacks a tarball,
# runs kexec/run in it, waits for the sentence that is printed last, for the machine to
# go away, and for it to answer again. So what the new system needs to be reached goes
# along in a ramdisk: who may log in, the keys of the host, and its network.
set -u

help() {
  cat <<'HELP'
Usage: run [--from URL]... [--kexec-extra-flags FLAGS]

Load the kernel and ramdisk of this tree, and boot into them 6 seconds later.

      --from URL                 let the new system fetch its store from there: see
                                 kexec-boot --help; may be repeated
      --kexec-extra-flags FLAGS  give these flags, separated by blanks, to kexec;
                                 with --no-sync, do not wait for disks
      --help                     print this text

The ramdisk gets, where they are: ssh/authorized_keys, the keys of root and of the
user who called sudo or doas; ssh/ssh_host_*; machine-id; and what "ip --json" says,
in iproute2/addrs.json, routes-v4.json and routes-v6.json.
Exit status: 1 refused or failed, 2 wrong usage.
HELP
}

refuse() {
  printf 'run: %s\n' "$1" >&2
  exit 1
}

wrong_usage() {
  printf 'run: %s; try --help\n' "$1" >&2
  exit 2
}

# Adds the lines of file $1, which may lack the last line feed, as they are: what an
# option of a key forbids stays forbidden.
add_keys() {
  [ -r "$1" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\n' "$line"
  done <"$1" >>ssh/authorized_keys
}

# Prints the home directory of user $1.
home_of() {
  { getent passwd "$1" 2>/dev/null || cat /etc/passwd; } | while IFS=: read -r name _ _ _ _ home _; do
    if [ "$name" = "$1" ]; then
      printf '%s' "$home"
      break
    fi
  done
}

collect_keys() {
  mkdir ssh
  for user in root "${SUDO_USER:-}" "${DOAS_USER:-}"; do
    case $user in
      '' | */*) continue ;;
    esac
    home=$(home_of "$user")
    add_keys "$home/.ssh/authorized_keys"
    add_keys "$home/.ssh/authorized_keys2"
    add_keys "/etc/ssh/authorized_keys.d/$user"
  done
  for file in /etc/ssh/ssh_host_*; do
    [ ! -f "$file" ] || cp -p "$file" ssh/
  done
  [ ! -f /etc/machine-id ] || cp /etc/machine-id machine-id
}

collect_network() {
  mkdir iproute2
  {
    ip --json addr >iproute2/addrs.json &&
      ip -4 --json route >iproute2/routes-v4.json &&
      ip -6 --json route >iproute2/routes-v6.json
  } 2>/dev/null && return
  rm -r iproute2
  printf 'run: warning: the network is not handed on: there is no ip that knows --json\n' >&2
}

flags='' sources=''
while [ $# -gt 0 ]; do
  case $1 in
    --from)
      [ $# -ge 2 ] || wrong_usage "--from needs an argument"
      shift
      sources="$sources $1"
      ;;
    --from=*) sources="$sources ${1#*=}" ;;
    --kexec-extra-flags)
      [ $# -ge 2 ] || wrong_usage "--kexec-extra-flags needs an argument"
      shift
      flags=$1
      ;;
    --kexec-extra-flags=*) flags=${1#*=} ;;
    --help)
      help
      exit 0
      ;;
    *) wrong_usage "unexpected argument '$1'" ;;
  esac
  shift
done

script=$(readlink -f -- "$0") || refuse "cannot follow the path $0"
tree=${script%/*/*}
PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin
command -v cpio >/dev/null || refuse "cpio is not in PATH: install the package cpio"

# What is collected holds private keys.
umask 077
work=$(mktemp -d "${TMPDIR:-/tmp}/kexec-run.XXXXXX") || refuse "no directory can be made in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT PIPE QUIT TERM
mkdir "$work/root" && cd "$work/root" || exit 1
collect_keys
collect_network
find . | cpio -o -H newc >"$work/initrd" 2>"$work/said" ||
  refuse "the keys cannot be packed: $(cat "$work/said")"

no_sync=
set -f
for flag in $flags; do
  if [ "$flag" = --no-sync ]; then
    no_sync=--no-sync
  else
    set -- "$@" --kexec-flag "$flag"
  fi
done
for source in $sources; do
  set -- "$@" --from "$source"
done
set +f

# A user's umask may let his group write to what was unpacked, which kexec-boot refuses.
chmod go-w "$tree" 2>/dev/null
cd /
"$tree/kexec-boot" --load --initrd "$work/initrd" "$@" || exit 1

# In the background, so that the connection is closed before the host is gone. That its end
# does not end this, nohup would do; but there are busyboxes without it.
echo "machine will boot into nixos in 6 s"
{
  trap - EXIT
  trap '' HUP
  sleep 6 && kexec -e $no_sync
} </dev/null >/dev/null 2>&1 &
