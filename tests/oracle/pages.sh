#!/bin/sh
# pages.sh — do the manual pages and the programs name the same commands, options and JSON keys?
#
# What a program accepts or prints must be in its page, and the other way round. The entry of an option begins with the
# commands that accept it, "(tree, squashfs)", unless all do.
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… [STORE_FIXTURE=…] sh tests/oracle/pages.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${REGD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NOTIFY_SOCKET JOURNAL_STREAM
find_store
generator=${REGD%/*}/regd-initrd-generator
fetch=${REGD%/*}/regd-fetch

# same PROGRAM PAGE: have the program's text and that of its page the same lines, in any order? If not, prints the others.
same() {
    printf '%s\n' "$1" | sort -u >"$SCRATCH/one"
    printf '%s\n' "$2" | sort -u >"$SCRATCH/two"
    comm -23 "$SCRATCH/one" "$SCRATCH/two" | sed 's/^/the page lacks: /'
    comm -13 "$SCRATCH/one" "$SCRATCH/two" | sed 's/^/the program lacks: /'
    cmp -s "$SCRATCH/one" "$SCRATCH/two"
}

# section PAGE NAME: the lines below that heading.
section() {
    sed -n "/^# $2\$/,/^# [^$(printf %.1s "$2")]/p" "$1" | sed '1d'
}

# --- commands and options ---------------------------------------------------------------------------------

options_of() {
    "$@" --help | sed -n 's/^ *\(-[a-z], \)\{0,1\}--\([a-z-]*\).*/\2/p; s/^ *-h, --help.*/help/p'
}

options_in() {
    grep '^\*-' "$1" | grep -o -e '--[a-z-]*' | sed 's/^--//'
}

# "COMMAND OPTION" a line: from the help of each command.
taken() {
    for command in $(commands_of "$1"); do
        options_of "$1" "$command" | sed "s/^/$command /"
    done
}

# The same from the page. An entry is a line of names, and paragraphs below it.
documented() {
    awk -v all="$(commands_of "$1" | tr '\n' ' ')" '
        function flush(  i, j, n, m, who, names) {
            n = split(options, names, " ")
            m = split(commands == "" ? all : commands, who, " ")
            for (i = 1; i <= n; i++)
                for (j = 1; j <= m; j++)
                    if (names[i] != "version" && names[i] != "completion")
                        print who[j], names[i]
            options = commands = ""
        }
        /^[^\t]/ { flush() }
        /^\*-/ {
            text = $0
            while (match(text, /--[a-z-]+/)) {
                options = options " " substr(text, RSTART + 2, RLENGTH - 2)
                text = substr(text, RSTART + RLENGTH)
            }
        }
        /^\t\([a-z]+(, [a-z]+)*\) / && options != "" {
            text = substr($0, 3, index($0, ")") - 3)
            gsub(/,/, "", text)
            commands = commands " " text
        }
        END { flush() }' "$2"
}

same_options() { same "$(options_of "$1")" "$(options_in "$2")"; }
same_commands() {
    same "$(commands_of "$1")" "$(section "$2" COMMANDS | grep '^\*' | grep -o '\*[a-z][a-z]*' | tr -d '*')"
}
same_users() { same "$(taken "$1")" "$(documented "$1" "$2")"; }

for page in builder/regd-build.1.scd regd/regd.8.scd units/regd-fetch.8.scd units/regd-initrd-generator.8.scd; do
    name=$(sed -n '1s/(.*//p' "$page")
    case $name in
    regd) program=$REGD ;;
    regd-build) program=$REGD_BUILD ;;
    regd-fetch) program=$fetch ;;
    *) program=$generator ;;
    esac
    claim "$name and its page have the same options" same_options "$program" "$page"
    case $program in "$generator" | "$fetch") continue ;; esac
    claim "$name and its page have the same commands" same_commands "$program" "$page"
    claim "$name and its page give each option to the same commands" same_users "$program" "$page"
done

order='NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS EXIT ENVIRONMENT FILES DIAGNOSTICS EXAMPLES LIMITATIONS SEE'
in_order() {
    at=0
    sed -n 's/^# \([A-Z]*\).*/\1/p' "$1" >"$SCRATCH/headings"
    while read -r heading; do
        place=0
        found=
        for known in $order; do
            place=$((place + 1))
            [ "$known" != "$heading" ] || found=$place
        done
        [ -n "$found" ] || continue
        [ "$found" -gt "$at" ] || { echo "$heading" && return 1; }
        at=$found
    done <"$SCRATCH/headings"
}
for page in builder/regd-build.1.scd regd/regd.8.scd units/regd-fetch.8.scd units/regd-initrd-generator.8.scd schema/nix-path-registration.5.scd; do
    claim "${page##*/} has its headings in the usual order" in_order "$page"
done

# --- JSON -------------------------------------------------------------------------------------------------

text='regd-build prints the JSON keys of its page'
other_text='regd prints the JSON keys of its page'
for tool in jq mksquashfs unsquashfs sqlite3; do
    have "$tool" "$text" "$other_text" || finish
done

# A program for UEFI, which stands for a kernel, too.
stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
[ -r "$stub" ] || stub=/usr/lib/systemd/boot/efi/linuxaa64.efi.stub
if [ ! -r "$stub" ]; then
    skip "$text" 'systemd-boot-efi is not installed'
    skip "$other_text" 'systemd-boot-efi is not installed'
    finish
fi

# The keys of all values on standard input; paths are no keys.
keys() {
    jq -r '.. | objects | keys[]' | grep -v /
}

documented_keys() {
    section "$1" OUTPUT | grep -o '_[A-Za-z0-9]*_' | tr -d _
}

# An image of which nothing is right: hashes, sizes, references, modes, and bytes behind its end.
damage() {
    unsquashfs -no-progress -quiet -dest work image >/dev/null 2>err && chmod -R u+w work &&
        awk -v missing="${toplevel%/*}/11111111111111111111111111111111-other" '
            left == 0 { record++; line = 0; left = 5 }
            { line++; left-- }
            record == 1 && line == 2 { $0 = sprintf("%064d", 0) }
            record == 2 && line == 3 { $0 = 7 }
            line == 5 { left = $0 }
            record == 3 && line == 5 { print $0 + 1; $0 = missing }
            { print }' work/nix-path-registration >manifest &&
        cp -f manifest work/nix-path-registration &&
        mksquashfs work damaged -all-root -noappend -no-progress -quiet >/dev/null 2>err &&
        head -c 4096 /dev/zero >>damaged
}

publish_twice() {
    "$REGD_BUILD" publish -q tree --into published 2>err && "$REGD_BUILD" publish -q url --into published 2>err && cat published/fleet.json
}

builder_prints() {
    home=$PWD
    mkdir "$SCRATCH/images" && cd "$SCRATCH/images" || return 1
    build() {
        verb=$1
        shift
        "$REGD_BUILD" "$verb" --root "$store" --compression zstd:1 --quiet --json "$@" "$toplevel"
    }
    with_dtb() {
        board=/nix/store/11111111111111111111111111111111-board
        mkdir -p "root$board/dtbs" && : >"root$board/kernel-params" && for part in kernel initrd init dtbs/x.dtb; do
            echo "$part" >"root$board/$part"
        done && chmod +x "root$board/init" && printf '%s\n\n0\n' "$board" >graph &&
            "$REGD_BUILD" tree --quiet --root root --graph graph --dtb all -o board "$board" && cat board/boot.json
    }
    {
        build squashfs --verity append -o image && build tree -o tree --base-url http://192.0.2.1 && cat tree/boot.json &&
            build tree -o packed --compressor gzip:1 && cat packed/boot.json && build tree -o by-url --by-url && cat by-url/boot.json &&
            build tree -o uki --uki --stub "$stub" --kernel "$stub" && cat uki/boot.json && with_dtb &&
            "$REGD_BUILD" inspect --json image && "$REGD_BUILD" inspect --json --closure "$toplevel" image &&
            build tree --by-url -o url && cat url/boot.json && publish_twice &&
            build squashfs -o other --compression gzip:1 && "$REGD_BUILD" inspect --json --diff other image &&
            "$REGD_BUILD" verify --json tree && damage || return 1
        ! "$REGD_BUILD" verify --json damaged || return 1
    } >printed 2>err || { cat err && return 1; }
    same "$(keys <printed)" "$(documented_keys "$home/builder/regd-build.1.scd")"
}
claim "$text" builder_prints

regd_prints() {
    root=$SCRATCH/root
    mkdir -p "$root/nix" "$root/proc" "$root/run" && cp -al "$store/nix/store" "$root/nix/" &&
        : >"$root/proc/cmdline" && ln -s "$toplevel" "$root/run/current-system" && chmod u+w "$root/nix/store" &&
        "$REGD_BUILD" manifest --root "$store" "$toplevel" >"$SCRATCH/manifest" &&
        cp "$SCRATCH/manifest" "$root/nix/store/nix-path-registration" || return 1
    regd() {
        verb=$1
        shift
        "$REGD" "$verb" --root "$root" --quiet --json "$@"
    }
    mkdir "$root/run/regd" &&
        printf '{"version":1,"state":"failed","seconds":1,"bytes":0,"retries":0,"mirror":null,"error":"x","layers":[%s]}' \
            "{\"name\":\"x\",\"rootHash\":\"$(printf %064d 0)\",\"size\":4096,\"kept\":0,\"from\":null}" \
            >"$root/run/regd/fetch.json" || return 1
    database=$root/nix/var/nix/db/db.sqlite
    {
        regd register "$SCRATCH/manifest" && regd boot && regd profile list && regd status && regd dump &&
            sqlite3 "$database" "insert into ValidPaths (path, hash, registrationTime)
                values ('/nix/store/$(printf %032d 0)-gone', 'sha256:$(printf %064d 0)', 1); insert into Refs values (1, last_insert_rowid())" &&
            regd register --vanished=forget "$SCRATCH/manifest" &&
            regd boot --delete-manifest &&
            sqlite3 "$database" "update ValidPaths set hash = 'sha256:$(printf %064d 0)'
                    where id = (select min(id) from ValidPaths where path <> '$toplevel');
                insert into ValidPaths (path, hash, registrationTime) values ('/nix/store/odd', 'x', 1)" || return 1
        mkfifo "$root$toplevel/pipe" 2>/dev/null
        ! regd verify || return 1
    } >"$SCRATCH/printed" 2>"$SCRATCH/err" || { cat "$SCRATCH/err" && return 1; }
    same "$(keys <"$SCRATCH/printed")" "$(documented_keys regd/regd.8.scd)"
}
claim "$other_text" regd_prints

finish
