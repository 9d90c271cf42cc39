#!/bin/sh
# make_tree.sh — a tree that looks like a Nix store, of this system's packages, for the benchmarks of images.
#
# Usage    sh tests/bench/make_tree.sh DIR MEBIBYTES
#
# Makes    DIR/nix/store    one path for each package, in the order of their names, with modes and times as Nix
#                           has them, until there are so many MiB of files
#          DIR/registration the manifest, with the NAR hashes and sizes as nix-store --dump says and no references
set -eu
export LC_ALL=C
dir=$1 limit=$(($2 << 20)) total=0
store=$dir/nix/store
mkdir -p "$store"

dpkg-query --show --showformat '${db:Status-Status} ${binary:Package} ${Package}-${Version}\n' |
    sed -n 's/^installed //p' | sort | while read -r package name; do
    [ "$total" -lt "$limit" ] || break
    # 32 digits of Nix's alphabet, which has no e, o, t and u.
    digest=$(printf '%s' "$name" | sha256sum | cut -c 1-32 | tr e g)
    path=$store/$digest-$(printf '%s' "$name" | tr -c '0-9A-Za-z+._?=\n-' _)
    mkdir "$path"
    dpkg -L "$package" | while read -r file; do
        if [ ! -d "$file" ]; then
            printf '%s\n' "${file#/}"
        fi
    done | tar -C / -cf - --no-recursion -T - 2>/dev/null | tar -C "$path" -xf -
    total=$((total + $(du -sb "$path" | cut -f 1)))
done
find "$store" -mindepth 1 -type f -perm -u+x -exec chmod 555 {} +
find "$store" -mindepth 1 -type f ! -perm -u+x -exec chmod 444 {} +
find "$store" -depth -mindepth 1 -exec touch -h -d @1 {} +
for path in "$store"/*; do
    printf '/nix/store/%s\n%s\n%d\n\n0\n' "${path##*/}" "$(nix-store --dump "$path" | sha256sum | cut -c 1-64)" \
        "$(nix-store --dump "$path" | wc -c)"
done >"$dir/registration"
