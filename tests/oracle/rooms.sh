#!/bin/sh
# rooms.sh — do all includes lead downwards, and does tests/rooms.sh find one that does not?
#
# Usage    SCRATCH=… sh tests/oracle/rooms.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh

claim 'includes lead downwards, and in no circle' sh tests/rooms.sh

# finds TEXT FILE INCLUDED: with one include more.
finds() {
    rm -rf "$SCRATCH/copy"
    mkdir "$SCRATCH/copy" && cp -r schema builder regd units "$SCRATCH/copy" || return
    printf '#include "%s"\n' "$3" >>"$SCRATCH/copy/$2"
    ! sh tests/rooms.sh "$SCRATCH/copy" >"$SCRATCH/out" && cat "$SCRATCH/out" && grep -qF "$1" "$SCRATCH/out"
}
claim 'one that leads upwards is found' finds upwards builder/codec/compression.h builder/image/plan.h
claim 'so is one from the formats to a program' finds upwards schema/nix/hash.c regd/registry.h
claim 'and one of another program' finds 'another program' regd/registry.c builder/image/plan.h
claim 'and a circle of headers' finds 'a circle' schema/nix/hash.h schema/nix/manifest.h
claim 'and a circle of parts, though their headers are in none' finds 'a circle of parts' schema/nix/nix32.c schema/nix/hash.h
claim 'and a room that nobody knows' finds 'not in the list' schema/nix/hash.c schema/other/x.h

finish
