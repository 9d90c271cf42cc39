# completion.zsh — what zsh offers at the end of a command line, one word a line.
#
# Usage    zsh -f completion.zsh FUNCTIONS_DIR LINE
#
# A zsh in a pseudo-terminal completes the line; compadd, through which every offer goes, prints it too.
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "PROMPT=''; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w inner 'compadd() {
    local -a offered
    builtin compadd -O offered "$@"
    (( ${#offered} )) && print -rl -- "+"${^offered}
    builtin compadd "$@"
}
leave() { print "<end>"; exit }
comppostfuncs=(leave)
zle -C show complete-word _main_complete
bindkey "^I" show
print "<ready>"'
# Once as it is typed, once as it is printed.
zpty -r inner out '*<ready>*<ready>*'
zpty -w -n inner "$2"$'\t'
zpty -r inner out '*<end>*'
print -r -- "$out" | tr -d '\r' | sed -n 's/^.*+\([^+]*\)$/\1/p'
zpty -d inner
