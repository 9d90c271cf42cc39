#!/bin/sh
# completion.sh — do bash, zsh and fish complete what both programs take?
#
# Usage    REGD_BUILD=… REGD=… SCRATCH=… sh tests/oracle/completion.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD_BUILD:?the program}" "${REGD:?the other program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
capture=$PWD/tests/oracle/completion.zsh
for name in REGD REGD_BUILD; do
    eval "case \$$name in /*) ;; *) $name=\$PWD/\$$name ;; esac"
done
cd "$SCRATCH" || exit 1
mkdir -p bash zsh fish folder
: >pack.img
: >'pack with blanks'

for shell in bash zsh fish; do
    for name in regd regd-build; do
        program=$REGD_BUILD
        [ "$name" = regd-build ] || program=$REGD
        file=$name
        [ "$shell" != zsh ] || file=_$name
        "$program" --completion "$shell" >"$shell/$file" || bail "$name prints no completions"
    done
done

# What each shell offers at the end of a line. The programs themselves need not be on the PATH.
bash_offers() {
    # shellcheck disable=SC2016
    bash --norc -c '
        compopt() { :; } # outside of a completion there is nothing to set
        . "$1"
        COMP_LINE=$2
        read -ra COMP_WORDS <<<"$2"
        case $2 in *" ") COMP_WORDS+=("") ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "_${COMP_WORDS[0]}"
        printf "%s\n" "${COMPREPLY[@]}"' bash "bash/${1%% *}" "$1"
}

zsh_offers() {
    timeout "$patience" zsh -f "$capture" "$PWD/zsh" "$1"
}

fish_offers() {
    # Paths are offered whole here, and a folder ends with '/'.
    # shellcheck disable=SC2016
    HOME=$PWD fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "fish/${1%% *}" "$1" | cut -f1
}

# offers SHELL LINE WORD...: these, and nothing else.
offers() {
    shell=$1
    line=$2
    shift 2
    "${shell}_offers" "$line" | sed 's|[\\]||g; s|/$||' | grep -v -e ^- -e '^$' | LC_ALL=C sort -u >got
    printf '%s\n' "$@" | LC_ALL=C sort >wanted
    diff wanted got
}

# has_options SHELL COMMAND-LINE: just those that its help lists.
has_options() {
    program=$REGD_BUILD
    [ "${2%% *}" = regd-build ] || program=$REGD
    "$program" "${2#* }" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -o -- '--.*' | LC_ALL=C sort -u >wanted
    "$1_offers" "$2 --" | grep -- '^--' | LC_ALL=C sort -u >got
    diff wanted got
}

for shell in bash zsh fish; do
    have "$shell" "$shell completes" || continue
    claim "$shell reads the completions without a word" sh -c "
        for file in $shell/*; do $shell -n \"\$file\" || exit 1; done"
    # shellcheck disable=SC2046  # words
    claim "$shell: regd's commands" offers "$shell" 'regd ' $(commands_of "$REGD")
    claim "$shell: a command that was begun" offers "$shell" 'regd sta' status
    claim "$shell: the words of a choice" offers "$shell" 'regd boot --missing ' refuse skip accept
    claim "$shell: the words of a command" offers "$shell" 'regd profile l' list
    claim "$shell: files for an option" offers "$shell" 'regd-build tree --kernel pa' 'pack with blanks' pack.img
    claim "$shell: directories only for --root" offers "$shell" 'regd status --root fo' folder
    claim "$shell: files for a command" offers "$shell" 'regd register pack.' pack.img
    for verb in $(commands_of "$REGD"); do
        claim "$shell: the options of regd $verb" has_options "$shell" "regd $verb"
    done
    for verb in $(commands_of "$REGD_BUILD"); do
        claim "$shell: the options of regd-build $verb" has_options "$shell" "regd-build $verb"
    done
done

finish
