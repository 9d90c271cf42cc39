# fail_killed.sh — regd is killed while it works: at boot, then several times more. See failures.sh.
# shellcheck shell=sh disable=SC2154  # variables of guest.sh

# Kills regd so many milliseconds after the unit's process has become it.
cat >/run/test/killer <<'END'
while :; do
    comm=
    { read -r pid </sys/fs/cgroup/system.slice/regd.service/cgroup.procs && read -r comm <"/proc/$pid/comm"; } 2>/dev/null
    [ "$comm" != regd ] || break
    /usr/bin/busybox usleep 5000
done
/usr/bin/busybox usleep "${1}000"
kill -9 "$pid"
END
sh /run/test/killer 150 &

# --- Checks ---------------------------------------------------------------------------------------------------
claim "multi-user.target is reached, and somebody could log in" is_up
claim "regd.service failed, and nothing else" only_regd_failed
claim "the journal says that it was killed" journal_says 'code=killed, status=9/KILL'

# The database is whole, or as it was before.
whole_or_nothing() {
    if nothing_is_registered; then
        echo nothing
    else
        nix-store --query --requisites "$system" | sort >sorted && same /run/test/closure sorted && echo whole
    fi
}
claim "nothing is registered, or everything" whole_or_nothing

# Kills it at that time, from an empty state; one that is done before is not killed.
kill_at() {
    systemctl stop regd.service
    systemctl reset-failed regd.service
    rm -rf /nix/var/nix/db /nix/var/nix/profiles /etc/NIXOS
    sh /run/test/killer "$1" &
    systemctl restart regd.service && echo "it was done before" && kill $!
    wait
    whole_or_nothing || return
    nothing_is_registered && echo nothing >>outcomes || echo whole >>outcomes
}
for time_ms in 0 30 60 90 120 150 180 220 260 300; do
    claim "killed after $time_ms ms: nothing is registered, or everything" kill_at $time_ms
done
echo "# measured killed ten times, then registered: nothing $(grep -c nothing outcomes) times, all $(grep -c whole outcomes) times"

heals() {
    systemctl reset-failed regd.service
    systemctl restart regd.service && closure_is_registered && tagged && profile_is 1 "$system"
}
claim "the next run completes it" heals
claim "nothing is left of those before" nothing_is_left
verifies
