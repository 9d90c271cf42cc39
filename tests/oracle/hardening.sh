#!/bin/sh
# hardening.sh — does a release build have all hardening features, in each program?
#
# A release build with REGD's compiler is installed, and each program is examined with readelf and objdump. An
# unhardened program is examined as well, to show that a missing feature is noticed.
#
# Usage    REGD=… SCRATCH=… sh tests/oracle/hardening.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program, in its build directory}" "${SCRATCH:?an empty directory}"

# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
wants readelf objdump meson ninja

programs='bin/regd bin/regd-build lib/systemd/regd-fetch lib/systemd/system-generators/regd-initrd-generator'
compiler=gcc
! grep -q __asan_init "$REGD" || compiler=clang
installed=$SCRATCH/installed

build_release() {
    CC=$compiler meson setup --native-file tests/dev.ini --buildtype=release --prefix=/ "$SCRATCH/release" >"$SCRATCH/log" &&
        ninja -C "$SCRATCH/release" -j 2 regd regd-build regd-fetch regd-initrd-generator >"$SCRATCH/log" &&
        DESTDIR=$installed meson install -C "$SCRATCH/release" --no-rebuild --tags runtime >>"$SCRATCH/log" && return
    tail -n 40 "$SCRATCH/log"
    return 1
}

# The programs are those that the claims below name.
installs_these() {
    (cd "$installed" && find . -type f -exec sh -c 'head -c 4 "$1" | grep -q ELF' - {} \; -print) | sed 's|^\./||' |
        sort >"$SCRATCH/found"
    # shellcheck disable=SC2086  # a list
    printf '%s\n' $programs | sort | diff - "$SCRATCH/found"
}

dynamic() { readelf -dW "$1"; }
segments() { readelf -lW "$1"; }
symbols() { readelf --dyn-syms -W "$1"; }
is_position_independent() { readelf -hW "$1" | grep -q 'Type: *DYN' && dynamic "$1" | grep -q 'FLAGS_1.*PIE'; }
has_relro() { segments "$1" | grep -q GNU_RELRO; }
binds_now() { dynamic "$1" | grep -q 'FLAGS.*BIND_NOW' || dynamic "$1" | grep -q 'FLAGS_1.*NOW'; }
# Flags are the last column but one: R, RW, R E.
has_plain_stack() { segments "$1" | grep GNU_STACK | grep -qv 'RWE'; }
writes_no_code() { ! segments "$1" | grep -E '^ *[A-Z_]+ .* RWE ' && ! dynamic "$1" | grep TEXTREL; }
looks_nowhere() { ! dynamic "$1" | grep -E 'RPATH|RUNPATH'; }
guards_stack() { symbols "$1" | grep -q ' __stack_chk_fail'; }
checks_sizes() { symbols "$1" | grep -qE ' __v?snprintf_chk'; }

# A frame of more than a page is touched page by page.
probes_stack() {
    case $(uname -m) in
    x86_64) large='sub +[$]0x1000,%rsp' touch='(or|mov)[bq] +[$]0x0,(0x[0-9a-f]+)?[(]%rsp[)]' ;;
    aarch64) large='sub\s+sp, sp, #0x[0-9a-f]+000|sub\s+sp, sp,.*lsl #12' touch='str\s+xzr, \[sp' ;;
    *) return 1 ;;
    esac
    objdump -d "$1" | grep -E -A 1 "$large" | grep -qE "$touch"
}

# An indirect jump may lead to `main`: its first instruction says so.
marks_targets() {
    objdump -d --disassemble=main "$1" | grep -A 1 '<main>:' | grep -qE 'endbr64|bti|paciasp'
}

claim "a release build by $compiler is without a warning, and is installed" build_release
claim 'it installs four programs' installs_these
printf 'int main(int argc, char **argv) { volatile char large[8000]; large[argc] = **argv; return large[1]; }\n' >"$SCRATCH/soft.c"
$compiler -O2 -no-pie -fno-stack-protector -fno-stack-clash-protection -fcf-protection=none -Wl,-z,norelro -Wl,-z,lazy \
    -Wl,-z,execstack -Wl,-rpath,/tmp -x c "$SCRATCH/soft.c" -o "$SCRATCH/soft" 2>/dev/null ||
    $compiler -O2 -no-pie -fno-stack-protector -Wl,-z,norelro -Wl,-z,lazy -Wl,-z,execstack -Wl,-rpath,/tmp \
        "$SCRATCH/soft.c" -o "$SCRATCH/soft"

not() { ! "$@"; }

look() {
    for program in $programs; do
        claim "${program##*/}: $1" "$2" "$installed/$program"
    done
    claim "a program without is seen: $1" not "$2" "$SCRATCH/soft"
}

[ -x "$SCRATCH/soft" ] || bail 'no unhardened program could be built'
for program in $programs; do
    [ -x "$installed/$program" ] || bail "there is no $program"
done
look 'it is loaded anywhere (PIE)' is_position_independent
look 'what the linker resolves is read-only (RELRO)' has_relro
look 'all is resolved before it starts (BIND_NOW)' binds_now
look 'its stack holds no code' has_plain_stack
look 'no page is both written and run' writes_no_code
look 'its libraries come from the system only (no RPATH)' looks_nowhere
look 'an overrun of the stack ends it' guards_stack
look "glibc's functions check the size of what they fill" checks_sizes
case $(uname -m) in
x86_64 | aarch64)
    look 'its stack cannot jump over a guard page' probes_stack
    look 'where an indirect jump may lead is marked' marks_targets
    ;;
*) skip 'probed stack, marked targets' 'what to look for on this processor is not known' ;;
esac
finish
