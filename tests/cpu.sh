# cpu.sh — how much time of a processor the processes of a shell took. To be sourced.
#
#   count_cpu_seconds FILE    sets cpu_seconds: of those that this shell has waited for. FILE is written
# shellcheck shell=sh disable=SC2034  # cpu_seconds is for whoever reads this in

# `times` tells of the shell that it runs in, so it is not part of a pipe.
count_cpu_seconds() {
    times >"$1"
    cpu_seconds=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, part, "m"); sum += part[1] * 60 + part[2] } }
        END { print int(sum) }' "$1")
}
