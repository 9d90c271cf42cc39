#!/bin/sh
# fetch.sh — the benchmark of regd-fetch: against `curl -o`, and against the floor, side by side.
#
# Usage    [REGD_BUILD=…] [RUNS=5] [RATE=…] sh tests/bench/fetch.sh [DIR [MEBIBYTES]]
#
#            RATE         at most so much a second, in nginx's spelling: 300m is a network of 2.5 Gbit/s
#            REGD_BUILD   a program of a build directory, in which regd-fetch is, too
#            DIR          on a tmpfs; by default a new directory in /dev/shm
#            MEBIBYTES    of the image; 460 by default
#
# Prints   median and least wall and CPU time of all runs, in milliseconds; peak memory; and median and least wall time
#          compared to those of curl. The server is nginx on this machine, so it takes CPU time, too. Rows:
#            curl          `curl -o` to the tmpfs: receives and writes, checks nothing
#            regd-fetch    receives, checks and writes
#            floor         reads the file and computes its SHA-256, alone
set -eu
export LC_ALL=C
# shellcheck source=tests/bench/common.sh disable=SC1091
. tests/bench/common.sh
RUNS=${RUNS:-5}
if [ $# -eq 0 ]; then
    own=$(mktemp -d /dev/shm/bench.XXXXXX)
    set -- "$own"
fi
begin "$1"
mebibytes=${2:-460}
fetch=$(dirname "$REGD_BUILD")/regd-fetch
nginx=$(command -v nginx || command -v /usr/sbin/nginx)
port=${PORT:-18391}

end() {
    [ ! -s "$dir/nginx.pid" ] || kill "$(cat "$dir/nginx.pid")"
    rm -rf "$dir/www" "$dir/ramdisk" "$dir/out" "$dir"/nginx* "$dir"/n[1-5] "$dir/times" "$dir"/*.sh
    [ -z "${own-}" ] || rm -rf "$own"
}
trap end EXIT
trap 'exit 1' HUP INT TERM

mkdir -p "$dir/www/stores" "$dir/ramdisk/proc" "$dir/out"
head -c $((mebibytes << 20)) /dev/urandom >"$dir/www/image"
# The UUID follows from the root hash, as in schema/boot/verity.c.
format() {
    rm -f "$dir/www/tree"
    veritysetup format --salt=- --uuid="$1" "$dir/www/image" "$dir/www/tree" | sed -n 's/^Root hash:[[:space:]]*//p'
}
root=$(format 00000000-0000-4000-8000-000000000000)
variant=$(printf '%x' $((0x$(echo "$root" | cut -c 17) & 3 | 8)))
uuid=$(echo "$root" | sed "s/^\(.\{8\}\)\(.\{4\}\).\(.\{3\}\).\(.\{3\}\)\(.\{12\}\).*/\1-\2-8\3-$variant\4-\5/")
format "$uuid" >/dev/null
mv "$dir/www/image" "$dir/www/stores/$root.squashfs"
mv "$dir/www/tree" "$dir/www/stores/$root.verity"
chmod -R a+rX "$dir"

user=
[ "$(id -u)" -ne 0 ] || user='user root;'
cat >"$dir/nginx.conf" <<END
$user
pid $dir/nginx.pid;
error_log $dir/nginx.err;
events { }
http {
    access_log off;
    sendfile on;
    client_body_temp_path $dir/n1; proxy_temp_path $dir/n2; fastcgi_temp_path $dir/n3; uwsgi_temp_path $dir/n4; scgi_temp_path $dir/n5;
    server { listen 127.0.0.1:$port; root $dir/www; limit_rate ${RATE:-0}; }
}
END
"$nginx" -c "$dir/nginx.conf" 2>/dev/null
url=http://127.0.0.1:$port/stores/$root.squashfs
echo "regd.store=$url,root=$root,size=$((mebibytes << 20)) regd.on-failure=shell" >"$dir/ramdisk/proc/cmdline"
printf 'exec "%s" --root "%s" "%s" >/dev/null 2>&1\n' "$fetch" "$dir/ramdisk" "$dir/out" >"$dir/fetch.sh"
printf 'exec openssl dgst -sha256 -out /dev/null "%s"\n' "$dir/www/stores/$root.squashfs" >"$dir/floor.sh"

"$measure" "$runs" \
    curl "rm -rf $dir/out/*" "curl -s -o $dir/out/image $url" \
    regd-fetch "rm -rf $dir/out/*" "sh $dir/fetch.sh" \
    floor "true" "sh $dir/floor.sh" >"$dir/times"
cmp "$dir/out/$root.squashfs" "$dir/www/stores/$root.squashfs"
printf '%d MiB by HTTP on loopback to tmpfs, %s; %d threads, %d runs each, load %s\n' "$mebibytes" "${RATE:-unlimited}" "$(nproc)" "$runs" "$(cut -d ' ' -f 1 /proc/loadavg)"
printf '%-12s %10s %10s %10s %10s %8s %7s %7s\n' '' 'wall ms' least 'CPU ms' least MiB time least
awk -F '\t' 'NR == 1 { wall = $2; least = $3 }
    { printf "%-12s %10.0f %10.0f %10.0f %10.0f %8.1f %7.3f %7.3f\n", $1, $2, $3, $4, $5, $6 / 1024, $2 / wall, $3 / least }' "$dir/times"
