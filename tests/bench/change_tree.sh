#!/bin/sh
# change_tree.sh — a tree of make_tree.sh's in which a hundredth of the bytes is changed, as after a small update.
#
# Usage    sh tests/bench/change_tree.sh TREE CHANGED
#
# Makes    CHANGED/nix/store    the paths of TREE, hard links. One of them, the smallest that has a hundredth of all
#                               bytes, has another digest, which stands in the middle of so many of its files as
#                               have this hundredth, as Nix's paths stand in what refers to them
#          CHANGED/registration the manifest, as make_tree.sh makes it
set -eu
export LC_ALL=C
tree=$1 changed=$2
store=$changed/nix/store
mkdir -p "$changed/nix"
cp -al "$tree/nix/store" "$store"
chmod u+w "$store"

left=$(($(du -sb "$store" | cut -f 1) / 100))
path=$(du -sb "$store"/* | sort -n | awk -v "least=$left" '$1 >= least { sub(/^[^\t]*\t/, ""); print; exit }')
old=${path##*/}
digest=$(printf 'another %s' "$old" | sha256sum | cut -c 1-32 | tr e g)
new=$digest-${old#*-}

find "$path" -type d -exec chmod u+w {} +
find "$path" -type f -size +63c -printf '%s %p\n' | sort -k 2 | while read -r size file; do
    [ "$left" -gt 0 ] || break
    left=$((left - size))
    # Another file, since this one is the tree's, too.
    cp -p "$file" "$changed/file"
    chmod u+w "$changed/file"
    printf '%s' "$digest" | dd of="$changed/file" bs=1 seek=$((size / 2)) conv=notrunc status=none
    chmod --reference "$file" "$changed/file"
    touch -d @1 "$changed/file"
    mv -f "$changed/file" "$file"
done
find "$path" -type d -exec chmod u-w {} + -exec touch -d @1 {} +
mv "$path" "$store/$new"

hash=$(nix-store --dump "$store/$new" | sha256sum | cut -c 1-64)
awk -v "old=/nix/store/$old" -v "new=/nix/store/$new" -v "hash=$hash" \
    '$0 == old { print new; getline; print hash; next } { print }' "$tree/registration" >"$changed/registration"
