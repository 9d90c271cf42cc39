# flip.sh — damages files, one bit at a time.
# shellcheck shell=sh

# flip FILE OFFSET: one bit of the byte there.
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059  # the format is the byte
    printf "\\$(printf '%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# find_bytes FILE HEX: the offset of the first place.
find_bytes() {
    pattern=$(printf '%s' "$2" | sed 's/../\\x&/g')
    LC_ALL=C grep -a -b -o -P -m 1 -e "$pattern" "$1" | head -n 1 | cut -d : -f 1 | tr -d '\0'
}
