# check_time.sh — checks how long the boot waited for regd, on a machine whose clock counts instructions (see
# direct.sh). Follows guest.sh.
# shellcheck shell=sh

# Milliseconds of processor time that the unit took, its start with the sandbox and the reading of its files included.
unit_ms() {
    echo $(($(systemctl show --value -p CPUUsageNSec "$1") / 1000000))
}
chain() {
    systemd-analyze critical-chain --no-pager sysinit.target >chain || return
    cat chain
    grep -q 'sysinit.target @' chain
}
claim "systemd knows what the boot waited for" chain
sed -n 's/^[^a-z]*\([a-z-].* +.*\)/# measured critical chain: \1/p' chain
for unit in regd systemd-udevd systemd-journald systemd-tmpfiles-setup-dev systemd-tmpfiles-setup; do
    echo "# measured $unit.service takes $(unit_ms $unit.service) ms of the processor"
done
start=$(date +%s%N)
regd register --quiet --state-dir /run/test/again
echo "# measured regd alone takes $((($(date +%s%N) - start) / 1000000)) ms"
held_up_little() {
    [ "$(unit_ms regd.service)" -lt 300 ]
}
claim "regd.service takes less than 300 million instructions, some tens of milliseconds" held_up_little
