#!/bin/sh
# kexec-boot - boot the system beside this script, from the running Linux
#
# POSIX sh: the host is any rescue system, its sh may be dash, bash or busybox.
# It stops at the first failure, and a kernel that is not known to be loaded is
# never executed: "kexec -e" on whatever an earlier run left behind boots the
# wrong system, or none.
#
# The values filled in below may hold $ and \ within single quotes, on purpose.
# shellcheck disable=SC1003,SC2016
set -u

# Filled in by regd-build: names beside this script, the SHA-256 of each of them,
# the kernel's command line, and the memory that the unpacked ramdisk takes. The
# names have no blanks; the files of the ramdisk are loaded one behind the other.
# Digests are known of a tree only: a script that was printed alone has none.
kernel_name=@KERNEL@
initrd_names=@INITRDS@
known_digests=@DIGESTS@
command_line=@COMMAND_LINE@
unpacked_kib=@UNPACKED_KIB@

# A tree by URL: the store images, and their memory. They are loaded as further files of
# the ramdisk, unless --from says where the new system fetches them; there are none if an
# image is too large for a ramdisk.
by_url=@BY_URL@
store_names=@STORES@
store_digests=@STORE_DIGESTS@
store_kib=@STORE_KIB@

# The kernel cuts a longer command line without a word, and what is cut is what the
# user appended.
command_line_bytes_max=@COMMAND_LINE_MAX@

# What a kernel needs besides its ramdisk and the unpacked copy, by what MemTotal of a
# running one counts: while the copy may fill only some of the memory; and in all, where
# it takes besides one of so many parts.
kernel_limited_kib=@LIMITED_KIB@
kernel_free_kib=@FREE_KIB@
kernel_free_part=@FREE_PART@

# What runs in stage 1 while it fetches.
fetch_kib=@FETCH_KIB@

# With so much memory the kernel uses huge pages, and keeps so much free for them.
huge_from_kib=@HUGE_FROM_KIB@
huge_kib=@HUGE_KIB@

# What the new kernel, unpacked, takes besides the ramdisk while it waits.
working_kib=65536

help() {
  cat <<'HELP'
Usage: kexec-boot [OPTION]...

Boot the kernel and ramdisk beside this script in place of the running system.

      --append ARGS      add ARGS to the kernel's command line; may be repeated
      --from URL         let the new system fetch its store from URL, where this
                         tree is served; may be repeated: mirrors
      --initrd FILE      add the ramdisk FILE behind the tree's; may be repeated
      --kexec-flag FLAG  give FLAG to kexec when it loads; may be repeated
      --load             load the kernel, but do not execute it
      --now              execute the kernel at once, without shutting down
      --no-sync          with --now, do not wait until all disks are written
      --dry-run          check, print the commands to be run, change nothing
      --no-verify        load the files without checking their SHA-256
      --no-memory-check  boot even if the memory seems too small
      --help             print this text

Files that others than root and you can change are refused.
Where systemd is running it shuts the system down first ("systemctl kexec").
Exit status: 1 refused or failed, 2 wrong usage.
HELP
}

say() {
  printf 'kexec-boot: %s\n' "$1"
}

refuse() {
  say "$1" >&2
  exit 1
}

wrong_usage() {
  say "$1; try --help" >&2
  exit 2
}

# One shell word that evaluates to $1.
quoted() {
  case $1 in
    '' | *[!A-Za-z0-9_/.=:,+@-]*) ;;
    *)
      printf '%s' "$1"
      return
      ;;
  esac
  quoted_rest=$1
  quoted_head=
  while :; do
    case $quoted_rest in
      *\'*) ;;
      *) break ;;
    esac
    quoted_head=$quoted_head${quoted_rest%%\'*}"'\\''"
    quoted_rest=${quoted_rest#*\'}
  done
  printf "'%s'" "$quoted_head$quoted_rest"
}

quoted_command() {
  quoted "$1"
  shift
  for word do
    printf ' '
    quoted "$word"
  done
}

# First line of file $1, or nothing where there is no such file.
first_line() {
  line=
  if [ -r "$1" ]; then
    IFS= read -r line <"$1" 2>/dev/null
  fi
  printf '%s' "$line"
}

# Value of field $1 of /proc/meminfo in KiB, or nothing if it is unknown.
meminfo_kib() {
  [ -r /proc/meminfo ] || return
  while read -r field value _; do
    if [ "$field" = "$1:" ]; then
      printf '%s' "$value"
      return
    fi
  done </proc/meminfo
}

# wc would do, but busybox's reads the whole ramdisk to count it.
file_bytes() {
  stat -L -c %s -- "$1" 2>/dev/null || wc -c <"$1"
}

file_kib() {
  bytes=$(file_bytes "$1")
  printf '%s' $(((bytes + 1023) / 1024))
}

# Sets real to the file that path $1 leads to through links. The x keeps $( ) from
# cutting newlines.
follow() {
  real=$(readlink -f -- "$1" && printf x) || refuse "cannot follow the path $1"
  real=${real%?x}
}

# May only root and the caller change $1, a file or a directory? Root by way of sudo is
# also the user who called it. In a directory with the sticky bit others may add names,
# but not replace what is there.
check_trust() {
  listing=$(ls -ldn -- "$1" 2>&1) || refuse "$1 cannot be looked at: $listing"
  read -r mode _ owner _ <<END
$listing
END
  case $mode in
    d????????[tT]*) ;;
    ?????w* | ????????w*)
      refuse "$1 can be changed by others (mode $mode): run chmod go-w on it, or load a copy of your own"
      ;;
  esac
  [ "$owner" = 0 ] || [ "$owner" = "$(id -u)" ] || [ "$owner" = "${SUDO_UID:-0}" ] ||
    refuse "$1 belongs to user $owner, neither to root nor to you: load a copy of your own"
}

# The same for the directory $1 and all above it: who may change one of them can put
# another directory in place of the next.
check_way() {
  way=$1
  while [ -n "$way" ]; do
    check_trust "$way"
    way=${way%/*}
  done
  check_trust /
}

# Sets tree. Only what lies beside the script itself belongs to it: a link to it may
# lie in /tmp, beside the files of anybody.
find_tree() {
  script=$0
  case $script in
    */*) ;;
    *)
      # "sh kexec-boot" means the file here; otherwise the shell searched PATH.
      if [ ! -f "./$script" ]; then
        script=$(command -v -- "$script" 2>/dev/null || printf '%s' "$script")
      fi
      ;;
  esac
  follow "$script"
  tree=${real%/*}
  check_way "$tree"
}

# Sets real to the file called $1 beside the script, which may be a link there.
find_file() {
  [ -f "$tree/$1" ] ||
    refuse "$tree/$1 is missing: this script works only beside the files it came with"
  [ -r "$tree/$1" ] || refuse "$tree/$1 cannot be read"
  follow "$tree/$1"
  directory=${real%/*}
  [ "$directory" = "$tree" ] || check_way "$directory"
  check_trust "$real"
}

# Sets name to $1, or where only the other name of the same file is there to that, $2:
# existing tools copy bzImage, initrd.gz and kexec-boot, and nothing else.
choose_name() {
  name=$1
  if [ ! -e "$tree/$1" ] && [ -e "$tree/$2" ]; then
    name=$2
  fi
}

# Sets real to the ramdisk $1 of the command line.
find_added() {
  [ -f "$1" ] || refuse "the ramdisk $1 of --initrd is no file"
  [ -r "$1" ] || refuse "the ramdisk $1 of --initrd cannot be read"
  follow "$1"
  check_way "${real%/*}"
  check_trust "$real"
}

check_command_line() {
  # Not ${#...}: that counts characters in some shells, bytes in others.
  bytes=$(printf '%s' "$command_line" | wc -c)
  bytes=$((bytes))
  [ "$bytes" -le "$command_line_bytes_max" ] ||
    refuse "the kernel's command line is $bytes bytes long, it can take $command_line_bytes_max"
}

check_host() {
  if [ "$dry_run" = no ] && [ "$(id -u)" != 0 ]; then
    refuse "must be run as root"
  fi
  # Root by way of su, and other users, often lack the system directories.
  PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin
  # Some shells find files here that cannot be executed.
  { kexec=$(command -v kexec) && [ -x "$kexec" ]; } ||
    refuse "kexec is not in PATH: install the package kexec-tools"
  [ "$(first_line /proc/sys/kernel/kexec_load_disabled)" != 1 ] ||
    refuse "this machine does not allow kexec until it is rebooted (kernel.kexec_load_disabled is 1)"
}

# Sets number to what $1 says, or to nothing if it is none that the kernel could mean.
read_number() {
  case $1 in
    *[kK]) unit=1024 ;;
    *[mM]) unit=1048576 ;;
    *[gG]) unit=1073741824 ;;
    *) unit=1 ;;
  esac
  number=${1%[kKmMgG]}
  case $number in
    '' | 0* | *[!0-9]*) number= ;;
  esac
  # Together they have no more digits than 64 bits.
  [ $((${#number} + ${#unit})) -le 19 ] || number=
  number=${number:+$((number * unit))}
}

# Sets limit_percent and limit_kib from the value of initramfs_options=, "$1".
read_options() {
  old_ifs=$IFS
  IFS=,
  for option in $1; do
    case $option in
      size=*%)
        limit_percent=${option#size=}
        limit_percent=${limit_percent%\%}
        limit_kib=
        case $limit_percent in
          0* | *[!0-9]* | ????*) limit_percent= ;;
        esac
        ;;
      size=*)
        limit_percent=
        read_number "${option#size=}"
        limit_kib=${number:+$((number / 1024))}
        ;;
      nr_blocks=*) # pages of 4 KiB
        limit_percent=
        read_number "${option#nr_blocks=}"
        limit_kib=${number:+$((number * 4))}
        ;;
    esac
  done
  IFS=$old_ifs
}

# Sets how much the file system may hold that the kernel unpacks its ramdisk to:
# limit_percent of the memory that is left, limit_kib, or where both are empty all of
# it. It is a tmpfs; with a root device or another type on the command line, a ramfs.
find_limit() {
  limit_percent=50 limit_kib='' device='' types=tmpfs
  set -f
  for word in $command_line; do
    case $word in
      root=*) device=${word#*=} ;;
      rootfstype=*) types=${word#*=} ;;
      initramfs_options=*) read_options "${word#*=}" ;;
    esac
  done
  set +f
  case $device,$types in
    , | ,*tmpfs*) ;;
    *) limit_percent='' limit_kib='' ;;
  esac
}

# Sets counted_kib to $1 and what the kernel takes besides of so much memory.
add_part() {
  counted_kib=$(($1 + $1 / (kernel_free_part - 1)))
}

# The fetched images fill a tmpfs; the ramdisk itself is free again by then.
check_memory_to_fetch() {
  fetched_kib=$((unpacked_kib + store_kib + kernel_free_kib + fetch_kib))
  add_part $((fetched_kib + huge_kib))
  [ "$counted_kib" -ge "$huge_from_kib" ] || add_part "$fetched_kib"
  [ "$total_kib" -ge "$counted_kib" ] ||
    refuse "fetching the store takes $((counted_kib / 1024)) MiB of memory (store images $((store_kib / 1024)) MiB, the unpacked ramdisk $((unpacked_kib / 1024)) MiB, kernel and stage 1 $(((counted_kib - store_kib - unpacked_kib) / 1024)) MiB), this machine has $((total_kib / 1024)) MiB; --no-memory-check tries it all the same"
}

# Takes one more URL of --from, $1.
add_from() {
  case $1 in
    http://*[!!-~]* | https://*[!!-~]* | *\"*) wrong_usage "--from expects a URL without blanks and quotes, not '$1'" ;;
    http://?* | https://?*) ;;
    *) wrong_usage "--from expects a URL of http or https, not '$1'" ;;
  esac
  from="$from regd.from=$1"
}

# Chooses where the store comes from: the images beside this script, or --from.
choose_store() {
  if [ -n "$from" ]; then
    [ "$by_url" = yes ] || refuse "the ramdisk of this tree has its store: leave out --from"
    command_line=$command_line$from
  elif [ -n "$store_names" ]; then
    initrd_names="$initrd_names $store_names"
    known_digests="${known_digests:+$known_digests $store_digests}"
    unpacked_kib=$((unpacked_kib + store_kib))
  elif [ "$by_url" = yes ]; then
    refuse "a store image is too large for a ramdisk: give --from URL, the directory of this tree on a server"
  fi
}

# At boot the ramdisk and what is unpacked of it are in memory together. Too little
# shows as a panic on a screen nobody looks at.
check_memory_at_boot() {
  total_kib=$(meminfo_kib MemTotal)
  [ -n "$total_kib" ] || return
  find_limit
  unpacked_mib=$((unpacked_kib / 1024))
  [ "${limit_kib:-$unpacked_kib}" -ge "$unpacked_kib" ] ||
    refuse "the ramdisk unpacks to $unpacked_mib MiB, and initramfs_options= on the kernel's command line allows $((limit_kib / 1024)) MiB; --no-memory-check tries it all the same"
  add_part $((initrd_kib + unpacked_kib + kernel_free_kib))
  needed_kib=$counted_kib
  reason="its unpacked copy $unpacked_mib MiB, the kernel $((kernel_free_kib / 1024)) MiB"
  if [ -n "$limit_percent" ]; then
    limited_kib=$((initrd_kib + unpacked_kib * 100 / limit_percent + kernel_limited_kib))
    if [ "$limited_kib" -gt "$needed_kib" ]; then
      needed_kib=$limited_kib
      reason="its unpacked copy $unpacked_mib MiB, which may fill $limit_percent % of what is left, the kernel $((kernel_limited_kib / 1024)) MiB"
    fi
  fi
  if [ -n "$from" ]; then
    check_memory_to_fetch
  fi
  [ "$total_kib" -ge "$needed_kib" ] ||
    refuse "booting takes $((needed_kib / 1024)) MiB of memory (ramdisk $((initrd_kib / 1024)) MiB, $reason), this machine has $((total_kib / 1024)) MiB; --no-memory-check tries it all the same"
}

# Sets digests to those that SHA256SUMS beside the script lists.
read_sums() {
  find_file SHA256SUMS
  for name in "$kernel_name" $initrd_names; do
    digest=
    while IFS= read -r line || [ -n "$line" ]; do
      listed=${line#* }
      [ "${listed#?}" != "$name" ] || digest=${line%% *}
    done <"$real"
    [ -n "$digest" ] || refuse "$tree/SHA256SUMS does not list $name; --no-verify loads it all the same"
    digests="${digests:+$digests }$digest"
  done
}

# Are kernel and ramdisk, "$@", what they were when the tree was made? Behind them are
# those of --initrd.
check_digests() {
  digests=$known_digests
  if [ -z "$digests" ]; then
    if [ ! -f "$tree/SHA256SUMS" ]; then
      say "warning: the files are not verified: neither this script nor a SHA256SUMS beside it has their SHA-256" >&2
      return
    fi
    read_sums
  fi
  command -v sha256sum >/dev/null ||
    refuse "sha256sum is not in PATH: install the package coreutils; --no-verify loads without it"
  digests="$digests "
  for file do
    [ -n "$digests" ] || return 0
    found=$(sha256sum <"$file" 2>&1) || refuse "$file cannot be read: $found"
    [ "${found%% *}" = "${digests%% *}" ] ||
      refuse "$file has another SHA-256 than when the tree was made: copy the tree again; --no-verify loads it all the same"
    digests=${digests#* }
  done
}

# While loading, the ramdisk is in memory twice: as read, and as the segments that
# wait for the new kernel; a joined one a third time, if the place for it is a tmpfs.
# The kernel waits with all the room that it unpacks itself to, and the running one
# lets what waits fill half of its memory (sanity_check_segment_list in kernel/
# kexec_core.c), or says no more than "Invalid argument".
# Running out of it here may kill the user's sshd instead.
check_memory_to_load() {
  total_kib=$(meminfo_kib MemTotal)
  needed_kib=$((2 * (working_kib + initrd_kib)))
  [ "${total_kib:-$needed_kib}" -ge "$needed_kib" ] ||
    refuse "loading takes $((needed_kib / 1024)) MiB of memory (kernel $((working_kib / 1024)) MiB, ramdisk $((initrd_kib / 1024)) MiB, which may fill only half), this machine has $((total_kib / 1024)) MiB; --no-memory-check tries it all the same"
  available_kib=$(meminfo_kib MemAvailable)
  [ -n "$available_kib" ] || return
  copies=2
  times=twice
  if is_in_pieces; then
    copies=3
    times='three times'
  fi
  needed_kib=$((kernel_kib + working_kib + copies * initrd_kib))
  [ "$available_kib" -ge "$needed_kib" ] ||
    refuse "loading takes $((needed_kib / 1024)) MiB of memory (kernel $(((kernel_kib + working_kib) / 1024)) MiB, $times the ramdisk of $((initrd_kib / 1024)) MiB), $((available_kib / 1024)) MiB are available; $(unload_hint)--no-memory-check tries it all the same"
}

unload_hint() {
  ! is_loaded || printf '"kexec -u" frees what the loaded kernel takes, '
}

is_in_pieces() {
  [ "$piece_count" -gt 1 ]
}

# Sets padding to what printf makes the NULs of that follow file $1: the kernel finds an
# archive that is not compressed only on a multiple of 4.
find_padding() {
  bytes=$(file_bytes "$1")
  case $((bytes % 4)) in
    0) padding= ;;
    1) padding='\0\0\0' ;;
    2) padding='\0\0' ;;
    3) padding='\0' ;;
  esac
}

# Prints the ramdisks "$@", one behind the other.
print_joined() {
  for piece do
    find_padding "$piece"
    cat -- "$piece" || return
    # shellcheck disable=SC2059  # a format
    printf "$padding"
  done
}

# kexec takes one ramdisk. Sets it, joined in a temporary file where "$@" are several.
join_ramdisk() {
  ramdisk=$1
  is_in_pieces || return 0
  ramdisk=$(mktemp "${TMPDIR:-/tmp}/kexec-boot.XXXXXX" 2>/dev/null) ||
    refuse "no file for the joined ramdisk can be made in ${TMPDIR:-/tmp}"
  trap 'rm -f -- "$ramdisk"' EXIT
  trap 'exit 1' HUP INT PIPE QUIT TERM
  follow "$ramdisk"
  check_way "${real%/*}"
  output=$(print_joined "$@" 2>&1 >"$ramdisk") ||
    refuse "the ramdisk could not be joined in ${TMPDIR:-/tmp} ($output): set TMPDIR to where $((initrd_kib / 1024)) MiB are free"
}

is_loaded() {
  [ "$(first_line /sys/kernel/kexec_loaded)" = 1 ]
}

# An empty word is kexec without an option, for the versions that know neither -s
# nor -c. Secure Boot accepts only -s, but before Linux 6.1 some machines load with
# -s and then hang, which no fallback can notice: there it comes last.
syscalls_to_try() {
  release=$(first_line /proc/sys/kernel/osrelease)
  major=${release%%[!0-9]*}
  minor=${release#*.}
  minor=${minor%%[!0-9]*}
  if [ "${major:-0}" -gt 6 ] || { [ "${major:-0}" -eq 6 ] && [ "${minor:-0}" -ge 1 ]; }; then
    set -- -s -c ''
  else
    set -- -c '' -s
  fi
  first_syscall=$1 second_syscall=$2 third_syscall=$3
}

# Unloading frees memory, and makes kexec_loaded tell of our kernel afterwards.
# Under Secure Boot only -s may unload.
unload() {
  say "unloading the kernel that is already loaded"
  output=$("$kexec" -u 2>&1 || "$kexec" -s -u 2>&1) ||
    refuse "the kernel that is already loaded cannot be unloaded: $output"
}

load() {
  failures=
  for syscall in "$first_syscall" "$second_syscall" "$third_syscall"; do
    eval "set -- $kexec_flags"
    set -- ${syscall:+"$syscall"} --load "$kernel" "$@" \
      "--initrd=$ramdisk" "--command-line=$command_line"
    output=$("$kexec" "$@" 2>&1)
    status=$?
    if [ "$status" -eq 0 ]; then
      if [ ! -e /sys/kernel/kexec_loaded ] || is_loaded; then
        ! is_in_pieces || rm -f -- "$ramdisk"
        return
      fi
      output="${output:+$output
}kexec reports success, but the running kernel has nothing loaded"
    fi
    failures="$failures
kexec${syscall:+ $syscall} --load (exit status $status):
$output"
  done
  {
    printf 'kexec-boot: the kernel could not be loaded; what kexec said:%s\n' "$failures"
    messages=$(dmesg 2>/dev/null | tail -n 10)
    [ -z "$messages" ] || printf "the kernel's last messages:\n%s\n" "$messages"
    [ -e /sys/kernel/kexec_loaded ] ||
      printf 'there is no /sys/kernel/kexec_loaded: the running kernel may be built without kexec\n'
  } >&2
  exit 1
}

execute() {
  if [ "$load_only" = yes ]; then
    say "loaded $kernel"
  elif [ "$shut_down" = yes ]; then
    say "loaded $kernel, shutting down into it"
    systemctl kexec ||
      refuse "systemctl kexec failed, the system keeps running; --now executes the kernel without shutting down, kexec -u unloads it"
  else
    say "loaded $kernel, executing it"
    [ "$sync" = no ] || sync
    "$kexec" -e ${no_sync_flag:+"$no_sync_flag"} || refuse "the loaded kernel could not be executed"
  fi
}

# One command, joined so that it too executes nothing unless it was loaded. "$@" are
# the files of the ramdisk.
print_commands() {
  if is_loaded; then
    printf '{ '
    quoted_command "$kexec" -u
    printf ' || '
    quoted_command "$kexec" -s -u
    printf '; } &&\n'
  fi
  initrd_word=$(quoted "--initrd=$1")
  if is_in_pieces; then
    initrd_word='"--initrd=$ramdisk"'
    printf 'ramdisk=$(mktemp) &&\n{ '
    for piece do
      find_padding "$piece"
      quoted_command cat -- "$piece"
      [ -z "$padding" ] || printf " && printf '%s'" "$padding"
      printf ' && '
    done
    printf 'true; } >"$ramdisk" &&\n'
  fi
  separator='{ '
  for syscall in "$first_syscall" "$second_syscall" "$third_syscall"; do
    printf '%s' "$separator"
    quoted_command "$kexec" ${syscall:+"$syscall"} --load "$kernel"
    printf '%s %s ' "$kexec_flags" "$initrd_word"
    quoted "--command-line=$command_line"
    separator=' ||
  '
  done
  if [ "$load_only" = yes ]; then
    printf '; }\n'
    return
  fi
  printf '; } &&\n'
  if [ "$shut_down" = yes ]; then
    printf 'systemctl kexec\n'
  else
    [ "$sync" = no ] || printf 'sync && '
    quoted_command "$kexec" -e ${no_sync_flag:+"$no_sync_flag"}
    printf '\n'
  fi
}

shut_down=no
[ ! -d /run/systemd/system ] || shut_down=yes
load_only=no
dry_run=no
verify=yes
memory_check=yes
sync=yes no_sync_flag='' kexec_flags='' added='' from=''
while [ $# -gt 0 ]; do
  case $1 in
    --append)
      [ $# -ge 2 ] || wrong_usage "--append needs an argument"
      shift
      command_line=$command_line${1:+ $1}
      ;;
    --append=*)
      argument=${1#*=}
      command_line=$command_line${argument:+ $argument}
      ;;
    --from)
      [ $# -ge 2 ] || wrong_usage "--from needs an argument"
      shift
      add_from "$1"
      ;;
    --from=*) add_from "${1#*=}" ;;
    --initrd)
      [ $# -ge 2 ] || wrong_usage "--initrd needs an argument"
      shift
      added="$added $(quoted "$1")"
      ;;
    --initrd=*) added="$added $(quoted "${1#*=}")" ;;
    --kexec-flag)
      [ $# -ge 2 ] || wrong_usage "--kexec-flag needs an argument"
      shift
      kexec_flags="$kexec_flags $(quoted "$1")"
      ;;
    --kexec-flag=*) kexec_flags="$kexec_flags $(quoted "${1#*=}")" ;;
    --load) load_only=yes ;;
    --now) shut_down=no ;;
    --no-sync) sync=no no_sync_flag=--no-sync ;;
    --dry-run) dry_run=yes ;;
    --no-verify) verify=no ;;
    --no-memory-check) memory_check=no ;;
    --help)
      help
      exit 0
      ;;
    -*) wrong_usage "unknown option '$1'" ;;
    *) wrong_usage "unexpected argument '$1'" ;;
  esac
  shift
done

choose_store
find_tree
choose_name "$kernel_name" bzImage
find_file "$name"
kernel=$real
for name in $initrd_names; do
  choose_name "$name" "$name.gz"
  find_file "$name"
  set -- "$@" "$real"
done
initrd_kib=0
for file do
  initrd_kib=$((initrd_kib + $(file_kib "$file")))
done
tree_count=$#
# What is added is small, and unpacks to about four times its size.
eval "set -- \"\$@\" $added"
number=0
for file do
  shift
  number=$((number + 1))
  if [ "$number" -gt "$tree_count" ]; then
    find_added "$file"
    file=$real
    added_kib=$(file_kib "$file")
    initrd_kib=$((initrd_kib + added_kib))
    unpacked_kib=$((unpacked_kib + 4 * added_kib))
  fi
  set -- "$@" "$file"
done
piece_count=$#
check_command_line
check_host
syscalls_to_try

kernel_kib=$(file_kib "$kernel")
if [ "$memory_check" = yes ]; then
  check_memory_at_boot
  check_memory_to_load
fi
[ "$verify" = no ] || check_digests "$kernel" "$@"

if [ "$dry_run" = yes ]; then
  print_commands "$@"
  exit 0
fi

# Whatever may refuse comes first: a refusal leaves loaded what was.
join_ramdisk "$@"
! is_loaded || unload
load
execute
