#!/bin/sh
# extremes.sh — very many files, very full directories, every name, and files that change while they are read.
#
# Usage    REGD_BUILD=… SCRATCH=… [TEST_STEP=1] sh tests/oracle/extremes.sh
#
#            TEST_STEP  if it is not 1, only a thirteenth of the files
# shellcheck disable=SC2015,SC2016  # `A && B || C` is meant so; for the inner shell
set -u
: "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
case $REGD_BUILD in /*) ;; *) REGD_BUILD=$PWD/$REGD_BUILD ;; esac
measure=$(dirname "$REGD_BUILD")/tests/measure
cd "$SCRATCH" && cd "$(pwd -P)" || bail "$SCRATCH is not there"
wants nix-store unsquashfs perl

digest=0123456789abcdfghijklmnpqrsvwxyz
step=${TEST_STEP:-1}
mkdir -p root/nix/store

# path NAME: the store path of that name, below here.
path() {
    printf 'root/nix/store/%s-%s' "$digest" "$1"
}

# only NAME: the manifest of that path alone.
only() {
    nix-store --dump "$(path "$1")" >nar &&
        printf '/nix/store/%s-%s\n%s\n%s\n\n0\n' "$digest" "$1" "$(sha256sum nar | cut -c 1-64)" "$(wc -c <nar)" >manifest
    rm -f nar
}

# build NAME ARGUMENT...: the image of that path.
build() {
    name=$1
    shift
    rm -f image
    "$REGD_BUILD" squashfs --root root --registration manifest -q --compression zstd:1 -o image "$@" "/nix/store/$digest-$name"
}

# --- very many --------------------------------------------------------------------------------------------

# In directories of a thousand, all alike, of 3000 bytes.
alike=$((200000 / step))
mkdir -p "$(path alike)"
perl -e 'my ($dir, $count) = @ARGV; my $text = "same " x 600;
    for (my $i = 0; $i < $count; $i++) {
        mkdir sprintf("%s/%03d", $dir, $i / 1000) if $i % 1000 == 0;
        open(my $file, ">", sprintf("%s/%03d/%d", $dir, $i / 1000, $i)) or die; print $file $text; close($file);
    }' "$(path alike)" "$alike" || bail 'the files cannot be made'
same_once() {
    only alike && build alike && [ "$(unsquashfs -l image | grep -c '/[0-9]*/[0-9]*$')" -eq "$alike" ] &&
        "$REGD_BUILD" verify -q image && "$REGD_BUILD" inspect --json image >said &&
        [ "$(stat -c %s image)" -lt $((alike * 32)) ]
}
claim "$alike files of one content are stored once, and the NAR comes out" same_once
memory() {
    "$measure" 1 build true "$REGD_BUILD squashfs --root root --registration manifest -q --compression zstd:19 --jobs 2 -o image /nix/store/$digest-alike" >said &&
        cat said && [ "$(cut -f 6 said)" -lt $((300 * 1024)) ]
}
# With the sanitizers, which take memory too, it says nothing.
[ "$step" -ne 1 ] || claim 'so many take less than 300 MiB of memory' memory
rm -rf "$(path alike)" image

full=$((100000 / step))
mkdir "$(path full)"
perl -e 'my ($dir, $count) = @ARGV;
    for (my $i = 0; $i < $count; $i++) {
        open(my $file, ">", sprintf("%s/%x-%s", $dir, $i * 2654435761 % 4294967296, "n" x ($i % 40))) or die;
        print $file $i if $i % 3; close($file);
    }' "$(path full)" "$full" || bail 'the files cannot be made'
one_directory() {
    only full && build full && [ "$(find "$(path full)" -type f | wc -l)" -eq "$full" ] &&
        "$REGD_BUILD" verify -q image && unsquashfs -q -n -d out image >/dev/null && diff -rq "$(path full)" "out/$digest-full"
}
claim "a directory of $full files comes out" one_directory
rm -rf "$(path full)" out image

# --- every name -------------------------------------------------------------------------------------------

mkdir "$(path names)"
perl -e 'my $dir = shift;
    for my $byte (1 .. 255) {
        next if chr($byte) =~ m{[/.]};
        for my $name (chr($byte), chr($byte) x 255, "a" . chr($byte), chr($byte) . "z") {
            open(my $file, ">", "$dir/$name") or die; print $file $name; close($file);
        }
    }' "$(path names)" || bail 'the files cannot be made'
every_name() {
    only names && build names && "$REGD_BUILD" verify -q image && unsquashfs -q -n -d out image >/dev/null &&
        diff -r "$(path names)" "out/$digest-names"
}
claim 'names of every byte but NUL and /, of 1, 2 and 255 bytes, come out' every_name
rm -rf "$(path names)" out image

# --- what changes ---------------------------------------------------------------------------------------------

# changing COMMAND: the large file is changed by the command, again and again, from the first time that the program
# reads of it until it ends, which each of these reads makes later. It has to say so, and to make no image.
changing() {
    mkdir -p "$(path moving)" && head -c 3000000 /dev/urandom >"$(path moving)/file" && only moving || return
    rm -f image trace
    strace -f -qq -o trace -P "$PWD/$(path moving)/file" -e trace=read,pread64 -e inject=read,pread64:delay_enter=300000 \
        "$REGD_BUILD" squashfs --root root --registration manifest -q --compression zstd:1 "$check" --jobs 1 -o image \
        "/nix/store/$digest-moving" 2>said &
    builder=$!
    until [ -s trace ]; do
        kill -0 "$builder" 2>/dev/null || break
        sleep 0.02
    done
    while kill -0 "$builder" 2>/dev/null; do
        sh -c "$1" sh "$(path moving)/file"
        sleep 0.02
    done
    wait "$builder" && { echo 'an image was made' && return 1; }
    cat said
    [ "$(wc -l <said)" -eq 1 ] && grep -q "$digest-moving/file: it changed while it was read" said && [ ! -e image ]
}
for check in --no-check --quiet; do
    how="with $check"
    [ "$check" = --no-check ] || how='with the check of the NAR hashes'
    text="a file that grows while it is read is an error, not an image, $how"
    have strace "$text" && claim "$text" changing 'printf x >>"$1"'
    text="one that shrinks is, too, $how"
    have strace "$text" && claim "$text" changing 'truncate -s -1000 "$1"'
    text="and one that is written, $how"
    have strace "$text" && claim "$text" changing 'printf x | dd of="$1" conv=notrunc 2>/dev/null'
done

finish
