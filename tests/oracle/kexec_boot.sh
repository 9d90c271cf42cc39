#!/bin/sh
# kexec_boot.sh [DIRECTORY] - does kexec-boot do what it promises, in every shell?
#
# DIRECTORY holds a finished kexec-boot and its files; without it the template is
# filled in here with values that a careless script would break on. Prints TAP.
#
# kexec, systemctl and all that tells of the host are replaced in PATH by fakes that
# record how they were called. The files that the script reads below /proc, /sys and
# /run are replaced by mounts in a private mount namespace; where that cannot be had,
# the claims that need them are skipped by name.
#
# What stands in single quotes is meant as it is: hostile values, and programs.
# shellcheck disable=SC1003,SC2016
set -u

# What others may write to is not loaded. Who is not root and owns the files is taken
# for whoever called sudo.
umask 022
SUDO_UID=$(id -u)
export SUDO_UID

# The hostile values are no valid UTF-8: grep and sed must take them as bytes.
export LC_ALL=C

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
template=$here/../../builder/tree/kexec-boot.sh
finished=${1-}

# --- the private host -------------------------------------------------------

big_memory_kib=4294967296

make_host() {
  mount -t tmpfs fake /sys/kernel &&
    mount -t tmpfs fake /proc/sys/kernel &&
    mount -t tmpfs fake /run &&
    mkdir -p /run/fake &&
    printf 'MemTotal: 1 kB\n' >/run/fake/meminfo &&
    mount --bind /run/fake/meminfo /proc/meminfo
}

case ${KEXEC_BOOT_HOST-} in
  probe)
    make_host 2>/dev/null
    exit
    ;;
  private) make_host || exit 1 ;;
  none) ;;
  *)
    for namespace in -m -rm; do
      if KEXEC_BOOT_HOST=probe unshare "$namespace" sh "$0" 2>/dev/null; then
        KEXEC_BOOT_HOST=private exec unshare "$namespace" sh "$0" "$@"
      fi
    done
    KEXEC_BOOT_HOST=none
    ;;
esac

scratch=$(mktemp -d "${TMPDIR:-/tmp}/kexec boot.XXXXXX") || exit 1
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# --- TAP --------------------------------------------------------------------

count=0
failed=0
problems=

problem() {
  problems="$problems$1
"
}

claim() {
  count=$((count + 1))
  if [ -z "$problems" ]; then
    printf 'ok %d - %s\n' "$count" "$1"
  else
    failed=$((failed + 1))
    printf 'not ok %d - %s\n' "$count" "$1"
    printf '%s' "$problems" | sed 's/^/# /'
  fi
  problems=
}

skip() {
  count=$((count + 1))
  printf 'ok %d - %s # SKIP %s\n' "$count" "$1" "$2"
}

# --- the fakes --------------------------------------------------------------

fakes=$scratch/fakes
record=$scratch/record
expected=$scratch/expected
mkdir "$fakes"

fake() {
  {
    printf '#!/bin/sh\ncall() { printf "[%%s]\\n" "$@" >>"$RECORD"; }\n'
    cat
  } >"$fakes/$1"
  chmod 755 "$fakes/$1"
}

# FAKE_FAIL, FAKE_FAIL_UNLOAD: the ways (file, classic, plain) that fail.
# FAKE_PRETEND: the ways that report success and load nothing.
fake kexec <<'END'
call kexec "$@"
way=plain action= ramdisk=
for argument do
  case $argument in
    -s) way=file ;;
    -c) way=classic ;;
    --load) action=load ;;
    --initrd=*) ramdisk=${argument#*=} ;;
    -u) action=unload ;;
    -e) action=execute ;;
  esac
done
set_loaded() { [ ! -e /run/fake ] || echo "$1" >/sys/kernel/kexec_loaded; }
case $action in
  load)
    [ -z "$FAKE_RAMDISK" ] || cat "$ramdisk" >"$FAKE_RAMDISK"
    if [ "$FAKE_SIGNAL" ]; then kill -s "$FAKE_SIGNAL" "$FAKE_PARENT"; exit 255; fi
    case " $FAKE_FAIL " in *" $way "*) echo "kexec: $way load failed" >&2; exit 255 ;; esac
    case " $FAKE_PRETEND " in *" $way "*) exit 0 ;; esac
    set_loaded 1 ;;
  unload)
    case " $FAKE_FAIL_UNLOAD " in *" $way "*) echo "kexec: $way unload failed" >&2; exit 255 ;; esac
    set_loaded 0 ;;
esac
END
fake systemctl <<'END'
call systemctl "$@"
exit "$FAKE_SYSTEMCTL"
END
fake sync <<'END'
call sync "$@"
END
fake id <<'END'
echo "$FAKE_UID"
END
fake dmesg <<'END'
echo "[    1.0] fake kernel message"
END

# What the fakes have recorded of one call.
recorded() {
  printf '[%s]\n' "$@"
}

recorded_sync() {
  [ "$fakes_obeyed" = no ] || recorded sync
}

expect_load() {
  recorded kexec "$@" --load "$(readlink -f "$tree/$kernel_name")" \
    "--initrd=$(readlink -f "$tree/$initrd_names")" "--command-line=$command_line"
}

sha256() {
  sha256sum | cut -d ' ' -f 1
}

# --- the script under test --------------------------------------------------

single_quoted() {
  printf "'"
  printf '%s' "$1" | sed "s/'/'\\\\''/g"
  printf "'"
}

if [ -n "$finished" ]; then
  source_script=$finished/kexec-boot
  [ -f "$source_script" ] || {
    printf 'Bail out! %s does not exist\n' "$source_script"
    exit 1
  }
  eval "$(grep -E '^(kernel_name|initrd_names|command_line)=' "$source_script")"
  finished=$(CDPATH='' cd -- "$finished" && pwd -P)
else
  kernel_name='b z'\''I$HOME"m`id`#g%s*\e'
  initrd_names=-init+rd.x_y
  # é, and a byte that is not UTF-8.
  command_line='init=/nix/store/x/init  a="b c" q='\'' d=$HOME $(id) `id` # %s%n * ? \ \\ \n \'\'' & | ; < > ~ ! {1,2} @KERNEL@ '$(printf '\303\251 \377 x')
  source_script=$scratch/instance
  while IFS= read -r line; do
    case $line in
      'kernel_name=@KERNEL@') line=kernel_name=$(single_quoted "$kernel_name") ;;
      'initrd_names=@INITRDS@') line=initrd_names=$(single_quoted "$initrd_names") ;;
      'command_line=@COMMAND_LINE@') line=command_line=$(single_quoted "$command_line") ;;
      'command_line_bytes_max=@COMMAND_LINE_MAX@') line=command_line_bytes_max=2047 ;;
      'known_digests=@DIGESTS@')
        line="known_digests='$(printf kernel | sha256) $(printf ramdisk | sha256)'"
        ;;
      'unpacked_kib=@UNPACKED_KIB@') line=unpacked_kib=8 ;;
      'by_url=@BY_URL@') line=by_url=no ;;
      'store_names=@STORES@') line="store_names=''" ;;
      'store_digests=@STORE_DIGESTS@') line="store_digests=''" ;;
      'store_kib=@STORE_KIB@') line=store_kib=0 ;;
      'fetch_kib=@FETCH_KIB@') line=fetch_kib=65536 ;;
      'kernel_limited_kib=@LIMITED_KIB@') line=kernel_limited_kib=10240 ;;
      'kernel_free_kib=@FREE_KIB@') line=kernel_free_kib=31744 ;;
      'kernel_free_part=@FREE_PART@') line=kernel_free_part=100 ;;
    esac
    printf '%s\n' "$line"
  done <"$template" >"$source_script"
fi
given_command_line=$command_line

# make_tree DIRECTORY: a finished tree whose script runs in the shell under test.
make_tree() {
  mkdir -p "$1"
  { printf '#!%s\n' "$interpreter" && sed 1d "$source_script"; } >"$1/kexec-boot"
  chmod 755 "$1/kexec-boot"
  if [ -n "$finished" ]; then
    ln -s "$finished/$kernel_name" "$1/$kernel_name"
    ln -s "$finished/$initrd_names" "$1/$initrd_names"
  else
    printf 'kernel' >"$1/$kernel_name"
    printf 'ramdisk' >"$1/$initrd_names"
  fi
}

# --- one run and what is expected of it -------------------------------------

fresh_host() {
  FAKE_UID=0 FAKE_SYSTEMCTL=0
  FAKE_FAIL='' FAKE_FAIL_UNLOAD='' FAKE_PRETEND='' FAKE_RAMDISK='' FAKE_SIGNAL='' RECORD=$record
  export FAKE_RAMDISK FAKE_SIGNAL FAKE_UID FAKE_SYSTEMCTL FAKE_FAIL FAKE_FAIL_UNLOAD FAKE_PRETEND RECORD
  command_line=$given_command_line
  : >"$record"
  if [ "$KEXEC_BOOT_HOST" = private ]; then
    echo 0 >/sys/kernel/kexec_loaded
    echo 0 >/proc/sys/kernel/kexec_load_disabled
    echo 6.1.0-25-amd64 >/proc/sys/kernel/osrelease
    memory "$big_memory_kib" "$big_memory_kib"
    mkdir -p /run/systemd/system
  fi
}

memory() {
  printf 'MemTotal: %s kB\nMemFree: 1 kB\nMemAvailable: %s kB\n' "$1" "$2" >/run/fake/meminfo
}

# with_fakes COMMAND...: sets status, leaves $scratch/stdout and $scratch/stderr.
with_fakes() {
  PATH=$fakes:$PATH "$@" >"$scratch/stdout" 2>"$scratch/stderr"
  status=$?
}

# Some busybox shells run their own id, sync and dmesg whatever PATH says.
# Then another user than root must be a real one.
learn_of_fakes() {
  fresh_host
  fakes_obeyed=no user_prefix=
  FAKE_UID=1000
  if [ "$(PATH=$fakes:$PATH in_shell -c 'id -u')" = 1000 ]; then
    fakes_obeyed=yes
  else
    user_prefix="setpriv --reuid=65534 --regid=65534 --clear-groups --"
  fi
}

# run_as_user ARGS...: fails where there is no other user to be.
run_as_user() {
  FAKE_UID=1000
  # shellcheck disable=SC2086
  with_fakes $user_prefix "$tree/kexec-boot" "$@"
  FAKE_UID=0
}

have_user() {
  # shellcheck disable=SC2086
  [ -z "$user_prefix" ] || $user_prefix true 2>/dev/null
}

# The shell under test itself.
in_shell() {
  "$program" ${program_argument:+"$program_argument"} "$@"
}

run() {
  with_fakes "$tree/kexec-boot" "$@"
}

expect_status() {
  [ "$status" -eq "$1" ] || problem "exit status $status, expected $1; stderr: $(cat "$scratch/stderr")"
}

# The calls in $expected, and no others.
expect_calls() {
  cmp -s "$expected" "$record" || problem "calls differ (- expected, + recorded):
$(diff -u "$expected" "$record" | sed 1,3d)"
}

expect_no_calls() {
  : >"$expected"
  expect_calls
}

# Exit status 1, one sentence holding $1, and nothing loaded or executed.
expect_refusal() {
  expect_status 1
  if ! grep -qF -- "$1" "$scratch/stderr" || ! head -n 1 "$scratch/stderr" | grep -q '^kexec-boot: '; then
    problem "stderr lacks 'kexec-boot: ... $1': $(cat "$scratch/stderr")"
  fi
  ! grep -qxF -e '[--load]' -e '[-e]' -e '[systemctl]' "$record" ||
    problem "something was loaded or executed: $(cat "$record")"
}

expect_one_line() {
  [ "$(wc -l <"$scratch/$1")" -eq 1 ] || problem "$1 is not one line: $(cat "$scratch/$1")"
}

expect_empty() {
  [ ! -s "$scratch/$1" ] || problem "$1 is not empty: $(cat "$scratch/$1")"
}

# private CLAIM: is there a private host? Otherwise CLAIM is skipped.
private() {
  fresh_host
  [ "$KEXEC_BOOT_HOST" = private ] && return
  skip "$1" "no private mount namespace"
  return 1
}

# --- the claims -------------------------------------------------------------

claims_of_usage() {
  fresh_host
  run --help
  expect_status 0
  expect_empty stderr
  grep -q '^Usage: kexec-boot' "$scratch/stdout" || problem "no usage line"
  [ "$(awk 'length > 80' "$scratch/stdout" | wc -l)" -eq 0 ] || problem "wider than 80 columns"
  claim "$shell: --help is on stdout, within 80 columns"

  for arguments in --frobnicate operand --append -x --; do
    run "$arguments"
    expect_status 2
    expect_empty stdout
    expect_one_line stderr
    expect_no_calls
  done
  claim "$shell: wrong usage is one sentence on stderr and status 2"

  in_shell -n "$tree/kexec-boot" 2>"$scratch/stderr" ||
    problem "$(cat "$scratch/stderr")"
  claim "$shell: reads the script without a complaint (-n)"
}

claims_of_refusals() {
  fresh_host
  broken="$scratch/broken $shell"
  make_tree "$broken"
  rm "$broken/$kernel_name"
  with_fakes "$broken/kexec-boot" --now
  expect_refusal "$broken/$kernel_name is missing"
  expect_one_line stderr
  rm -r "$broken"
  make_tree "$broken"
  rm "$broken/$initrd_names"
  with_fakes "$broken/kexec-boot" --now
  expect_refusal "$broken/$initrd_names is missing"
  expect_no_calls
  claim "$shell: refuses when the kernel or the ramdisk is missing, naming it"

  text="$shell: refuses to run as another user than root"
  if have_user; then
    fresh_host
    run_as_user --now
    expect_refusal "root"
    expect_one_line stderr
    expect_no_calls
    claim "$text"
  else
    skip "$text" "no other user to run as"
  fi

  fresh_host
  bytes=$(($(printf '%s' "$given_command_line" | wc -c)))
  filler=$(printf '%*s' $((2047 - bytes - 1)) '' | tr ' ' x)
  run --dry-run --no-memory-check --append "$filler"
  expect_status 0
  # Where characters are not bytes it is the bytes that count.
  with_fakes env LC_ALL=C.UTF-8 "$tree/kexec-boot" --now --append "${filler}y"
  expect_refusal "2048 bytes"
  expect_one_line stderr
  expect_no_calls
  claim "$shell: takes a command line of 2047 bytes, refuses one of 2048"

  text="$shell: refuses when kexec is missing, naming the package"
  if private "$text"; then
    mkdir -p "$scratch/no kexec"
    for tool in sh cat id stat tail dmesg wc readlink ls sha256sum; do
      ln -sf "$(command -v "$tool")" "$scratch/no kexec/$tool"
    done
    ln -sf "$fakes/id" "$scratch/no kexec/id"
    # A place of its own to hide the kexec that the script finds outside PATH.
    unshare -m sh -c '
      for kexec in /usr/sbin/kexec /sbin/kexec; do
        [ ! -f "$kexec" ] || mount --bind /dev/null "$kexec" || exit 99
      done
      PATH=$1 exec "$2" --now' - "$scratch/no kexec" "$tree/kexec-boot" >"$scratch/stdout" 2>"$scratch/stderr"
    status=$?
    expect_refusal "kexec-tools"
    expect_one_line stderr
    claim "$text"
  fi

  text="$shell: refuses when the host has kexec disabled"
  if private "$text"; then
    echo 1 >/proc/sys/kernel/kexec_load_disabled
    run --now
    expect_refusal "kexec_load_disabled"
    expect_one_line stderr
    expect_no_calls
    claim "$text"
  fi
}

claims_of_memory() {
  huge="$scratch/huge $shell"
  make_tree "$huge"
  sed 's/^unpacked_kib=.*/unpacked_kib=1073741824/' "$tree/kexec-boot" >"$huge/kexec-boot"

  text="$shell: refuses when memory cannot hold what is unpacked at boot, in MiB"
  if private "$text"; then
    memory 2097152 2097152
    with_fakes "$huge/kexec-boot" --now
    expect_refusal "has 2048 MiB"
    grep -qE 'takes (10|20)[0-9]{5} MiB' "$scratch/stderr" || problem "$(cat "$scratch/stderr")"
    expect_one_line stderr
    expect_no_calls
    claim "$text"
  fi

  text="$shell: --no-memory-check goes ahead all the same"
  if private "$text"; then
    memory 2097152 1
    with_fakes "$huge/kexec-boot" --now --no-memory-check
    expect_status 0
    grep -qxF -e '[-e]' "$record" || problem "was not executed"
    claim "$text"
  fi

  # 1 GiB unpacked fits into 1.5 GiB only if it may fill more than half of it.
  text="$shell: demands room for half of memory without root=, not with it"
  if private "$text"; then
    sed -e 's/^unpacked_kib=.*/unpacked_kib=1048576/' -e 's/^command_line=.*/command_line=/' \
      "$tree/kexec-boot" >"$huge/kexec-boot"
    memory $((1048576 * 3 / 2)) "$big_memory_kib"
    [ -z "$finished" ] || memory $((1048576 * 3 / 2 + $(stat -L -c %s "$tree/$initrd_names") / 1024 + 1)) "$big_memory_kib"
    with_fakes "$huge/kexec-boot" --now
    expect_refusal "which may fill 50 % of what is left"
    for limited in root= rootfstype=ext4,tmpfs initramfs_options=size=60% initramfs_options=mode=0755 \
      "initramfs_options=size=90%,size=50%" "root=fstab root="; do
      with_fakes "$huge/kexec-boot" --now --append "$limited"
      expect_refusal 'of what is left'
    done
    for free in root=fstab rootfstype=ramfs rootfstype=ext4 initramfs_options=size=100% \
      initramfs_options=mode=0755,size=95% initramfs_options=size=1g "initramfs_options=size=1024M x=y" \
      initramfs_options=size=0 initramfs_options=size=1048576k initramfs_options=size=1073741824 "initramfs_options=size=1 root=fstab" \
      initramfs_options=nr_blocks=262144 initramfs_options=nr_blocks=256K,mode=0755 initramfs_options=size=1%,nr_blocks=1g; do
      with_fakes "$huge/kexec-boot" --now --append "$free"
      expect_status 0
    done
    claim "$text"
  fi

  text="$shell: refuses what unpacks to more than initramfs_options= allows"
  if private "$text"; then
    memory "$big_memory_kib" "$big_memory_kib"
    with_fakes "$huge/kexec-boot" --now --append initramfs_options=size=1023m
    expect_refusal "unpacks to 1024 MiB, and initramfs_options= on the kernel's command line allows 1023 MiB"
    with_fakes "$huge/kexec-boot" --now --append initramfs_options=nr_blocks=262143
    expect_refusal "unpacks to 1024 MiB, and initramfs_options= on the kernel's command line allows 1023 MiB"
    expect_one_line stderr
    expect_no_calls
    claim "$text"
  fi

  # Kernel and ramdisk may fill 64 MiB of these 128, and the kernel alone takes them.
  text="$shell: refuses what would fill more than half of the memory while it waits"
  if private "$text"; then
    memory 131071 "$big_memory_kib"
    run --now
    expect_refusal "may fill only half), this machine has 127 MiB"
    expect_one_line stderr
    expect_no_calls
    claim "$text"
  fi

  text="$shell: refuses when memory cannot hold what is to be loaded, leaving what is"
  if private "$text"; then
    memory "$big_memory_kib" 1
    echo 1 >/sys/kernel/kexec_loaded
    run --now
    expect_refusal 'are available; "kexec -u" frees'
    expect_no_calls
    claim "$text"
  fi
  rm -r "$huge"
}

claims_of_loading() {
  text="$shell: kernel, ramdisk and command line arrive byte for byte"
  if private "$text"; then
    for locale in C C.UTF-8; do
      fresh_host
      with_fakes env LC_ALL="$locale" "$tree/kexec-boot" --now
      expect_status 0
      expect_empty stderr
      { expect_load -s; recorded_sync; recorded kexec -e; } >"$expected"
      expect_calls
    done
    claim "$text"
  fi

  text="$shell: --append adds its arguments after a space, in order, byte for byte"
  if private "$text"; then
    first='a="$HOME `id`'\'' \' second='* # b  c'
    run --append "$first" --now --append "$second" --append= --append=d=e
    expect_status 0
    command_line="$given_command_line $first $second d=e"
    { expect_load -s; recorded_sync; recorded kexec -e; } >"$expected"
    expect_calls
    claim "$text"
  fi

  text="$shell: tries the file system call first from Linux 6.1 on, last before"
  if private "$text"; then
    FAKE_FAIL="file classic plain"
    for release in 6.1.0-25-amd64 6.12 7.0.9 10.0.1; do
      echo "$release" >/proc/sys/kernel/osrelease
      : >"$record"
      run --now
      expect_status 1
      { expect_load -s; expect_load -c; expect_load; } >"$expected"
      expect_calls
    done
    for release in 6.0.19 5.10.0-33-amd64 3.10.0 4.19; do
      echo "$release" >/proc/sys/kernel/osrelease
      : >"$record"
      run --now
      expect_status 1
      { expect_load -c; expect_load; expect_load -s; } >"$expected"
      expect_calls
    done
    claim "$text"
  fi

  text="$shell: falls back silently until one way loads"
  if private "$text"; then
    FAKE_FAIL="file classic"
    run --now
    expect_status 0
    expect_empty stderr
    { expect_load -s; expect_load -c; expect_load; recorded_sync; recorded kexec -e; } >"$expected"
    expect_calls
    claim "$text"
  fi

  text="$shell: never executes when loading fails, and tells of every failure"
  if private "$text"; then
    for option in --now ''; do
      : >"$record"
      FAKE_FAIL="file classic plain"
      run ${option:+"$option"}
      expect_status 1
      ! grep -qxF -e '[-e]' -e '[systemctl]' "$record" || problem "executed: $(cat "$record")"
      for fact in 'kexec-boot: ' 'file load failed' 'classic load failed' 'plain load failed' 'fake kernel message'; do
        [ "$fact $fakes_obeyed" != 'fake kernel message no' ] || continue
        grep -qF -- "$fact" "$scratch/stderr" || problem "stderr lacks '$fact'"
      done
    done
    claim "$text"
  fi

  text="$shell: does not believe a kexec that reports success and loaded nothing"
  if private "$text"; then
    FAKE_PRETEND="file classic plain"
    run --now
    expect_status 1
    { expect_load -s; expect_load -c; expect_load; } >"$expected"
    expect_calls
    grep -q 'nothing loaded' "$scratch/stderr" || problem "$(cat "$scratch/stderr")"
    claim "$text"
  fi

  text="$shell: unloads first what is already loaded, and says so"
  if private "$text"; then
    echo 1 >/sys/kernel/kexec_loaded
    run --now
    expect_status 0
    grep -q unloading "$scratch/stdout" || problem "does not say so"
    { recorded kexec -u; expect_load -s; recorded_sync; recorded kexec -e; } >"$expected"
    expect_calls
    claim "$text"
  fi

  text="$shell: unloads through the file system call where only that works, or refuses"
  if private "$text"; then
    echo 1 >/sys/kernel/kexec_loaded
    FAKE_FAIL_UNLOAD=plain
    run --now
    expect_status 0
    { recorded kexec -u; recorded kexec -s -u; expect_load -s; recorded_sync; recorded kexec -e; } >"$expected"
    expect_calls
    echo 1 >/sys/kernel/kexec_loaded
    : >"$record"
    FAKE_FAIL_UNLOAD="plain file"
    run --now
    expect_refusal "cannot be unloaded"
    claim "$text"
  fi
}

claims_of_executing() {
  text="$shell: shuts down through systemd where it is running"
  if private "$text"; then
    run
    expect_status 0
    { expect_load -s; recorded systemctl kexec; } >"$expected"
    expect_calls
    claim "$text"
  fi

  text="$shell: executes at once where systemd is not running"
  if private "$text"; then
    rmdir /run/systemd/system
    run
    expect_status 0
    { expect_load -s; recorded_sync; recorded kexec -e; } >"$expected"
    expect_calls
    claim "$text"
  fi

  text="$shell: stops when systemctl kexec fails, and names --now"
  if private "$text"; then
    FAKE_SYSTEMCTL=1
    run
    expect_status 1
    expect_one_line stderr
    grep -q -e '--now' "$scratch/stderr" || problem "$(cat "$scratch/stderr")"
    { expect_load -s; recorded systemctl kexec; } >"$expected"
    expect_calls
    claim "$text"
  fi
}

claims_of_dry_run() {
  text="$shell: --dry-run runs nothing, needs no root, and prints what a real run does"
  if private "$text"; then
    for loaded in 0 1; do
      for option in --now ''; do
        for FAKE_FAIL in '' file; do
                set -- --append 'a="$b `c` '\'' d' ${option:+"$option"}
          : >"$record"
          echo "$loaded" >/sys/kernel/kexec_loaded
          if have_user; then run_as_user --dry-run "$@"; else run --dry-run "$@"; fi
          expect_status 0
          expect_empty stderr
          expect_no_calls
          [ "$(cat /sys/kernel/kexec_loaded)" = "$loaded" ] || problem "changed what is loaded"
          cp "$scratch/stdout" "$scratch/printed"

          run "$@"
          cp "$record" "$expected"
          : >"$record"
          echo "$loaded" >/sys/kernel/kexec_loaded
          with_fakes in_shell -c 'eval "$1"' - "$(cat "$scratch/printed")"
          expect_status 0
          expect_calls
        done
      done
    done
    claim "$text"
  fi

  text="$shell: the printed commands too execute nothing when loading fails"
  if private "$text"; then
    run --dry-run --now
    FAKE_FAIL="file classic plain"
    with_fakes in_shell -c "$(cat "$scratch/stdout")"
    ! grep -qxF -e '[-e]' -e '[sync]' "$record" || problem "executed: $(cat "$record")"
    claim "$text"
  fi
}

# finds CLAIM DIRECTORY PATH COMMAND...: COMMAND run in DIRECTORY finds the tree.
# What it found is read from the printed commands, by running them with the fakes.
finds() {
  text="$shell: finds its tree $1" directory=$2 path=$3
  shift 3
  fresh_host
  # CDPATH would make a careless cd print, or go elsewhere.
  (CDPATH=/:/usr && export CDPATH && cd -- "$directory" &&
    PATH=$fakes:$path exec "$@" --dry-run --now --no-memory-check) >"$scratch/printed" 2>"$scratch/stderr"
  status=$?
  expect_status 0
  with_fakes in_shell -c "$(cat "$scratch/printed")"
  { expect_load; recorded_sync; recorded kexec -e; } >"$expected"
  # Which system call comes first depends on the host where that is not ours.
  grep -vxF -e '[-s]' -e '[-c]' "$record" >"$scratch/filtered"
  cp "$scratch/filtered" "$record"
  expect_calls
  claim "$text"
}

claims_of_finding() {
  base="$scratch/a \$b 'c' $shell
d"
  saved=$tree
  tree=$base/tree
  make_tree "$tree"
  mkdir -p "$base/elsewhere/-bin"
  ln -s ../../tree/kexec-boot "$base/elsewhere/-bin/kexec-boot"
  ln -s "$base/elsewhere/-bin/kexec-boot" "$base/elsewhere/second link"
  ln -s tree "$base/linked tree"

  finds "by an absolute path with spaces, quotes and a newline" / "$PATH" "$tree/kexec-boot"
  finds "by a relative path" "$base" "$PATH" tree/kexec-boot
  finds "from inside it" "$tree" "$PATH" ./kexec-boot
  finds "through PATH" / "$tree:$PATH" kexec-boot
  finds "through a relative PATH" "$base" "tree:$PATH" kexec-boot
  finds "through a link" / "$PATH" "$base/elsewhere/-bin/kexec-boot"
  finds "through a relative link in a directory named -bin" \
    "$base/elsewhere" "$PATH" "$program" ${program_argument:+"$program_argument"} -- -bin/kexec-boot
  finds "through a link to a link in PATH" / "$base/elsewhere:$PATH" "second link"
  finds "through a link to the tree" "$base" "$PATH" "linked tree/kexec-boot"
  finds "as an argument of the shell" "$tree" "$PATH" \
    "$program" ${program_argument:+"$program_argument"} kexec-boot

  tree="$base/ends in
"
  make_tree "$tree"
  finds "in a directory whose name ends in a newline" "$tree" "$PATH" ./kexec-boot
  tree=$base/tree

  text="$shell: no variable of the environment changes what it does"
  fresh_host
  PATH=$fakes:$PATH "$program" ${program_argument:+"$program_argument"} "$tree/kexec-boot" --dry-run --now --no-memory-check \
    >"$scratch/printed" 2>"$scratch/stderr" || problem "refused: $(cat "$scratch/stderr")"
  for variable in IFS= IFS=/ IFS=eo ENV=/etc/passwd BASH_ENV=/etc/passwd LC_ALL=tr_TR.UTF-8 POSIXLY_CORRECT=1 PWD=/nowhere OLDPWD=/x \
    HOME= TMPDIR=/nowhere PPID=3 OPTIND=7 PS4='$(exit)' status=1 tree=/etc kernel=/x initrd=/x command_line=x line=x now=; do
    PATH=$fakes:$PATH env "$variable" "$program" ${program_argument:+"$program_argument"} "$tree/kexec-boot" --dry-run --now \
      --no-memory-check 2>/dev/null | cmp -s - "$scratch/printed" || problem "changed: $variable"
  done
  claim "$text"

  # As Nix's linkFarm makes them, but for the script.
  mkdir "$base/farm"
  cp "$tree/kexec-boot" "$base/farm/kexec-boot"
  ln -s "$tree/$kernel_name" "$base/farm/$kernel_name"
  ln -s "$tree/$initrd_names" "$base/farm/$initrd_names"
  tree=$base/farm
  finds "when its files are links" / "$PATH" "$tree/kexec-boot"
  tree=$saved
}

# A link to the script counts for nothing, whatever lies beside it.
claims_of_links() {
  farm="$scratch/others $shell"
  text="$shell: passes by the files beside a link to the script"
  if private "$text"; then
    for way in 'chmod 755' 'chmod 1777' 'chown 65534'; do
      rm -rf "$farm"
      mkdir "$farm"
      ln -s "$tree/kexec-boot" "$farm/kexec-boot"
      : >"$farm/$kernel_name"
      : >"$farm/$initrd_names"
      $way "$farm" 2>/dev/null || continue
      fresh_host
      with_fakes "$farm/kexec-boot" --now --no-verify
      expect_status 0
      { expect_load -s; recorded_sync; recorded kexec -e; } >"$expected"
      expect_calls
    done
    claim "$text"
  fi
  rm -rf "$farm"
}

# A tree whose ramdisk is a link to another directory, and whose script has no digests.
make_linked_tree() {
  rm -rf "$trust"
  make_tree "$trust/tree"
  mkdir "$trust/target"
  mv "$trust/tree/$initrd_names" "$trust/target/"
  ln -s "../target/$initrd_names" "$trust/tree/$initrd_names"
  printf '%s  %s\n%s  %s\n' "$(printf kernel | sha256)" "$kernel_name" "$(printf ramdisk | sha256)" \
    "$initrd_names" >"$trust/tree/SHA256SUMS"
  sed -i "s/^known_digests=.*/known_digests=/" "$trust/tree/kexec-boot"
}

# distrusts SENTENCE WORD...: after the command on any of what is loaded, or is gone by, its directory, or the one above.
distrusts() {
  sentence=$1
  shift
  for suspect in "/tree/$kernel_name" /tree /tree/SHA256SUMS "/target/$initrd_names" /target ''; do
    make_linked_tree
    "$@" "$trust$suspect"
    echo 1 >/sys/kernel/kexec_loaded
    for option in --now --dry-run; do
      with_fakes env -u SUDO_UID "$trust/tree/kexec-boot" "$option"
      expect_refusal "$trust$suspect $sentence"
      expect_one_line stderr
      expect_empty stdout
      expect_no_calls
    done
  done
}

# accepts ENVIRONMENT WORD...: runs after the command on a whole tree.
accepts() {
  environment=$1
  shift
  make_linked_tree
  "$@"
  with_fakes env "$environment" "$trust/tree/kexec-boot" --now
  expect_status 0
  expect_empty stderr
  grep -qxF -e '[-e]' "$record" || problem "was not executed"
}

claims_of_trust() {
  [ -z "$finished" ] || return 0
  trust="$scratch/trust $shell"
  text="$shell: refuses what others may change, or replace, leaving what is loaded"
  if private "$text"; then
    distrusts 'can be changed by others' chmod g+w
    distrusts 'can be changed by others' chmod o+w
    accepts x= chmod 1777 "$trust/tree" "$trust/target"
    claim "$text"
  fi

  text="$shell: refuses what belongs to another than root or the caller"
  make_linked_tree
  if ! chown 65534 "$trust/tree" 2>/dev/null; then
    skip "$text" "no file can be given away"
  elif private "$text"; then
    distrusts 'belongs to user 65534' chown 65534
    accepts SUDO_UID=65534 chown -R 65534 "$trust"
    claim "$text"
  fi
  rm -rf "$trust"
}

claims_of_digests() {
  [ -z "$finished" ] || return 0
  bent="$scratch/bent $shell"
  for name in "$kernel_name" "$initrd_names"; do
    rm -rf "$bent"
    make_tree "$bent"
    printf x >>"$bent/$name"
    printf '%s *%s\n%s  %s\n' "$(sha256 <"$bent/$kernel_name")" "$kernel_name" \
      "$(sha256 <"$bent/$initrd_names")" "$initrd_names" >"$bent/SHA256SUMS"

    text="$shell: refuses a $([ "$name" = "$kernel_name" ] && echo kernel || echo ramdisk) that is not the tree's, leaving what is loaded"
    if private "$text"; then
      echo 1 >/sys/kernel/kexec_loaded
      for option in --now --dry-run; do
        with_fakes "$bent/kexec-boot" "$option"
        expect_refusal "$bent/$name has another SHA-256"
        expect_one_line stderr
        expect_empty stdout
        expect_no_calls
      done
      claim "$text"
    fi

    text="$shell: --no-verify loads it all the same"
    if private "$text"; then
      with_fakes "$bent/kexec-boot" --now --no-verify
      expect_status 0
      expect_empty stderr
      grep -qxF -e '[-e]' "$record" || problem "was not executed"
      claim "$text"
    fi
  done

  sed -i "s/^known_digests=.*/known_digests=''/" "$bent/kexec-boot"
  text="$shell: without digests of its own goes by SHA256SUMS beside it"
  if private "$text"; then
    with_fakes "$bent/kexec-boot" --now
    expect_status 0
    expect_empty stderr
    printf y >>"$bent/$initrd_names"
    : >"$record"
    with_fakes "$bent/kexec-boot" --now
    expect_refusal "$bent/$initrd_names has another SHA-256"
    expect_one_line stderr
    printf '%s  x%s' "$(sed '2!d; s/ .*//' "$bent/SHA256SUMS")" "$initrd_names" >"$scratch/sums"
    sed -i 2d "$bent/SHA256SUMS"
    cat "$scratch/sums" >>"$bent/SHA256SUMS"
    with_fakes "$bent/kexec-boot" --now
    expect_refusal "SHA256SUMS does not list $initrd_names"
    expect_one_line stderr
    expect_no_calls
    claim "$text"
  fi

  text="$shell: says so when there is nothing to go by"
  if private "$text"; then
    rm "$bent/SHA256SUMS"
    with_fakes "$bent/kexec-boot" --now
    expect_status 0
    expect_one_line stderr
    grep -q 'warning: the files are not verified' "$scratch/stderr" || problem "$(cat "$scratch/stderr")"
    grep -qxF -e '[-e]' "$record" || problem "was not executed"
    claim "$text"
  fi

  text="$shell: refuses when sha256sum is missing or fails, naming what to do"
  if private "$text"; then
    printf '#!/bin/sh\necho some fault >&2\nexit 1\n' >"$scratch/sha256sum"
    chmod 755 "$scratch/sha256sum"
    with_fakes in_shell -c 'sha256sum </dev/null' >"$scratch/stdout" 2>&1
    mv "$scratch/sha256sum" "$fakes/sha256sum"
    if with_fakes in_shell -c 'sha256sum </dev/null' && [ "$status" -eq 0 ]; then
      rm "$fakes/sha256sum"
      skip "$text" "this shell has its own sha256sum"
    else
      run --now
      expect_refusal "$tree/$kernel_name cannot be read: some fault"
      expect_one_line stderr
      rm "$fakes/sha256sum" "$scratch/no kexec/sha256sum"
      ln -sf "$fakes/kexec" "$scratch/no kexec/kexec"
      unshare -m sh -c '
        for tool in /usr/sbin/sha256sum /sbin/sha256sum; do
          [ ! -f "$tool" ] || mount --bind /dev/null "$tool" || exit 99
        done
        PATH=$1 exec "$2" --now' - "$scratch/no kexec" "$tree/kexec-boot" >"$scratch/stdout" 2>"$scratch/stderr"
      status=$?
      expect_refusal "install the package coreutils; --no-verify"
      expect_one_line stderr
      rm "$scratch/no kexec/kexec"
      claim "$text"
    fi
  fi
  rm -r "$bent"
}

# The ramdisk of a tree with store images beside it.
claims_of_pieces() {
  [ -z "$finished" ] || return 0
  pieces="$scratch/pieces $shell"
  make_tree "$pieces"
  printf 'header\n' >"$pieces/b.newc"
  printf 'image' >"$pieces/b"
  more=" $(sha256 <"$pieces/b.newc") $(sha256 <"$pieces/b")"
  sed -e "s/^initrd_names=.*/initrd_names='$initrd_names b.newc b'/" -e "s/^\(known_digests=.*\)'/\1$more'/" \
    "$tree/kexec-boot" >"$pieces/kexec-boot"
  # Each on a multiple of 4, as those of a tree are anyway.
  printf 'ramdisk\0header\n\0image\0\0\0' >"$scratch/joined"
  mkdir -p "$scratch/tmp dir"

  text="$shell: a ramdisk in pieces is loaded as one, and nothing of it is left behind"
  if private "$text"; then
    for FAKE_FAIL in '' 'file classic plain'; do
      rm -f "$scratch/loaded"
      FAKE_RAMDISK=$scratch/loaded with_fakes env TMPDIR="$scratch/tmp dir" "$pieces/kexec-boot" --now
      [ "$status" = "${FAKE_FAIL:+1}" ] || [ "$status$FAKE_FAIL" = 0 ] || problem "exit status $status"
      cmp "$scratch/joined" "$scratch/loaded" || problem "another ramdisk was loaded"
      [ -z "$(ls "$scratch/tmp dir")" ] || problem "left behind: $(ls "$scratch/tmp dir")"
    done
    claim "$text"
  fi

  text="$shell: refuses where there is no room to join the pieces"
  if private "$text"; then
    with_fakes env TMPDIR="$scratch/there is none" "$pieces/kexec-boot" --now
    expect_refusal "there is none"
    claim "$text"
  fi

  text="$shell: refuses when one of the pieces is missing, naming it"
  if private "$text"; then
    mv "$pieces/b" "$pieces/away"
    with_fakes "$pieces/kexec-boot" --now
    expect_refusal "$pieces/b is missing"
    mv "$pieces/away" "$pieces/b"
    claim "$text"
  fi

  text="$shell: the printed commands join the pieces, too"
  if private "$text"; then
    with_fakes "$pieces/kexec-boot" --now --dry-run
    expect_status 0
    expect_no_calls
    FAKE_RAMDISK=$scratch/loaded with_fakes sh "$scratch/stdout"
    expect_status 0
    cmp "$scratch/joined" "$scratch/loaded" || problem "another ramdisk was loaded"
    claim "$text"
  fi
  rm -r "$pieces"
}

# --- all of it, in each shell -----------------------------------------------

# One sentence a shell, not one a claim, where the shell is missing.
# What existing tools copy, under the names that they know. A finished tree has both names of each.
claims_of_three_files() {
  [ -z "$finished" ] || return 0
  three="$scratch/three $shell"
  make_tree "$three"
  mv "$three/$initrd_names" "$three/$initrd_names.gz"
  mv "$three/$kernel_name" "$three/bzImage"
  text="$shell: bzImage, the ramdisk as .gz and the script alone boot"
  if private "$text"; then
    with_fakes "$three/kexec-boot" --now
    expect_status 0
    {
      recorded kexec -s --load "$(readlink -f "$three/bzImage")" "--initrd=$(readlink -f "$three/$initrd_names.gz")" \
        "--command-line=$command_line"
      recorded_sync
      recorded kexec -e
    } >"$expected"
    expect_calls
    claim "$text"
  fi
  text="$shell: under the names of the tree, they come first"
  if private "$text"; then
    printf other >"$three/$initrd_names"
    printf other >"$three/$kernel_name"
    with_fakes "$three/kexec-boot" --now --no-verify
    expect_status 0
    grep -qxF "[--initrd=$(readlink -f "$three")/$initrd_names]" "$record" || problem "$(cat "$record")"
    grep -qxF "[$(readlink -f "$three")/$kernel_name]" "$record" || problem "$(cat "$record")"
    claim "$text"
  fi
  rm -r "$three"
}

claims_of_additions() {
  added="$scratch/added '$shell'"
  mkdir "$added"
  printf key >"$added/a key"
  printf 12345678 >"$added/-net"
  text="$shell: --initrd adds ramdisks, in order, each on a multiple of 4"
  if private "$text"; then
    FAKE_RAMDISK=$scratch/joined
    (cd "$added" && with_fakes "$tree/kexec-boot" --now --initrd 'a key' --initrd=./-net && echo "$status" >"$scratch/status")
    status=$(cat "$scratch/status")
    expect_status 0
    # The tree's own may be of any length.
    { cat "$tree/$initrd_names" && head -c $(((4 - $(stat -L -c %s "$tree/$initrd_names") % 4) % 4)) /dev/zero && printf 'key\0' && printf 12345678; } |
      cmp - "$scratch/joined" >"$scratch/differs" || problem "$(cat "$scratch/differs")"
    claim "$text"
  fi
  text="$shell: so do the printed commands"
  if private "$text"; then
    (cd "$added" && with_fakes "$tree/kexec-boot" --now --dry-run --initrd 'a key' --kexec-flag='--a "b"')
    FAKE_RAMDISK=$scratch/joined
    (cd "$added" && PATH=$fakes:$PATH in_shell "$scratch/stdout") >"$scratch/said" 2>&1 || problem "$(cat "$scratch/said")"
    { cat "$tree/$initrd_names" && head -c $(((4 - $(stat -L -c %s "$tree/$initrd_names") % 4) % 4)) /dev/zero && printf 'key\0'; } |
      cmp - "$scratch/joined" >"$scratch/differs" || problem "$(cat "$scratch/differs" "$scratch/stdout")"
    grep -qxF '[--a "b"]' "$record" || problem "$(cat "$record")"
    claim "$text"
  fi
  text="$shell: refuses a ramdisk of --initrd that is not there, or that others can change"
  if private "$text"; then
    run --now --initrd /no/where
    expect_refusal 'the ramdisk /no/where of --initrd is no file'
    expect_one_line stderr
    run --now --initrd "$added"
    expect_refusal 'of --initrd is no file'
    chmod o+w "$added/a key"
    run --now --initrd "$added/a key"
    expect_refusal 'can be changed by others'
    chmod o-w "$added/a key"
    mkdir -p "$added/temporary"
    chmod o+w "$added/temporary"
    with_fakes env TMPDIR="$added/temporary" "$tree/kexec-boot" --now --initrd "$added/a key"
    expect_refusal 'can be changed by others'
    rmdir "$added/temporary" || problem 'the joined ramdisk is left'
    run --now --initrd
    expect_status 2
    expect_no_calls
    claim "$text"
  fi
  text="$shell: a signal ends it, and no joined ramdisk is left"
  if private "$text"; then
    mkdir "$added/temporary"
    for FAKE_SIGNAL in HUP INT PIPE QUIT TERM; do
      : >"$record"
      # shellcheck disable=SC2016  # the inner shell's
      with_fakes env TMPDIR="$added/temporary" sh -c 'export FAKE_PARENT=$$; exec "$@"' sh "$tree/kexec-boot" --now --initrd "$added/a key"
      expect_status 1
      grep -qxF '[--load]' "$record" || problem "$FAKE_SIGNAL: not tried: $(cat "$scratch/stderr")"
      ! grep -qxF '[-e]' "$record" || problem "$FAKE_SIGNAL: executed"
      [ -z "$(ls "$added/temporary")" ] || problem "$FAKE_SIGNAL: the joined ramdisk is left"
      rm -f "$added/temporary/"*
    done
    rmdir "$added/temporary"
    FAKE_SIGNAL=
    claim "$text"
  fi
  text="$shell: --kexec-flag reaches kexec, each as one word, when it loads"
  if private "$text"; then
    run --now --kexec-flag --no-checks --kexec-flag="--reuse 'x' \$y"
    expect_status 0
    {
      recorded kexec -s --load "$(readlink -f "$tree/$kernel_name")" --no-checks "--reuse 'x' \$y" \
        "--initrd=$(readlink -f "$tree/$initrd_names")" "--command-line=$command_line"
      recorded_sync
      recorded kexec -e
    } >"$expected"
    expect_calls
    claim "$text"
  fi
  text="$shell: --load executes nothing, and neither do the printed commands"
  if private "$text"; then
    run --load
    expect_status 0
    expect_load -s >"$expected"
    expect_calls
    fresh_host
    run --load --dry-run
    PATH=$fakes:$PATH in_shell "$scratch/stdout" >"$scratch/said" 2>&1 || problem "$(cat "$scratch/said")"
    expect_calls
    claim "$text"
  fi
  text="$shell: --no-sync waits for no disk"
  if private "$text"; then
    run --now --no-sync
    expect_status 0
    {
      expect_load -s
      recorded kexec -e --no-sync
    } >"$expected"
    expect_calls
    claim "$text"
  fi
  rm -r "$added"
}

each_shell() {
  for shell in dash bash "bash --posix" "busybox sh"; do
    program=$(command -v "${shell%% *}") || {
      skip "$shell: all claims" "${shell%% *} is not installed"
      continue
    }
    program_argument=
    case $shell in
      *' '*) program_argument=${shell#* } ;;
    esac
    interpreter=$program${program_argument:+ $program_argument}
    tree=$scratch/tree\ $shell
    make_tree "$tree"
    learn_of_fakes
    claims_of_usage
    claims_of_refusals
    claims_of_memory
    claims_of_loading
    claims_of_executing
    claims_of_dry_run
    claims_of_finding
    claims_of_links
    claims_of_trust
    claims_of_digests
    claims_of_pieces
    claims_of_three_files
    claims_of_additions
  done
}

claims_of_text() {
  if command -v shellcheck >/dev/null; then
    shellcheck -s sh "$source_script" >"$scratch/stdout" 2>&1 || problem "$(cat "$scratch/stdout")"
    claim "the finished script passes shellcheck"
  else
    skip "the finished script passes shellcheck" "shellcheck is not installed"
  fi
  if [ -z "$finished" ]; then
    for name in KERNEL INITRDS DIGESTS COMMAND_LINE UNPACKED_KIB LIMITED_KIB FREE_KIB FREE_PART; do
      [ "$(grep -c "@$name@" "$template")" -eq 1 ] || problem "@$name@ is not on exactly one line"
      grep -qE "^[a-z_]+=@$name@\$" "$template" || problem "@$name@ is not the whole value of an assignment"
    done
    claim "each placeholder of the template stands once, as the value of an assignment"
  fi
}

claims_of_text
each_shell
printf '1..%d\n' "$count"
[ "$failed" -eq 0 ]
