# web.sh — a server of this host that machines can reach. To be sourced after machine.sh.
#
#   begin_web TEXT          skips TEXT and ends the test on a host without nginx
#   start_web, stop_web     the server: $SCRATCH/web is /, and /slow/ is the same at 4 MiB/s; killed at once
#   web                     the URL of / for machines, with '/' at its end
#   web_device              QEMU's arguments for a network with it
# shellcheck shell=sh disable=SC2034,SC2154  # of the tests, and of tap.sh

web=
web_pid=
web_device='-device virtio-net-pci,netdev=net,romfile= -netdev user,id=net'

begin_web() {
    have nginx "$1" || finish
    mkdir -p "$SCRATCH/web" "$SCRATCH/web-temporary" || bail 'no place for the server'
    trap 'stop_web; stop_machine; tap_end' EXIT
    port=$((20000 + $$ % 20000))
    until configure_web && start_web; do
        port=$((port + 1))
        [ "$port" -lt 41000 ] || bail 'no port for the server'
    done
    web=http://10.0.2.2:$port/
}

configure_web() {
    cat >"$SCRATCH/web.conf" <<END
daemon off;
master_process off;
pid $SCRATCH/web.pid;
error_log $SCRATCH/web.errors;
events { }
http {
    access_log $SCRATCH/web.log;
    client_body_temp_path $SCRATCH/web-temporary;
    proxy_temp_path $SCRATCH/web-temporary;
    fastcgi_temp_path $SCRATCH/web-temporary;
    uwsgi_temp_path $SCRATCH/web-temporary;
    scgi_temp_path $SCRATCH/web-temporary;
    server {
        listen 127.0.0.1:$port;
        root $SCRATCH/web;
        location /slow/ {
            limit_rate 4m;
            alias $SCRATCH/web/;
        }
    }
}
END
}

# False if the port is taken.
start_web() {
    nginx -c "$SCRATCH/web.conf" -e "$SCRATCH/web.errors" >/dev/null 2>&1 &
    web_pid=$!
    until [ -s "$SCRATCH/web.pid" ]; do
        kill -0 "$web_pid" 2>/dev/null || return 1
        sleep 0.1
    done
}

stop_web() {
    [ -n "$web_pid" ] || return 0
    kill -9 "$web_pid" 2>/dev/null
    wait "$web_pid" 2>/dev/null
    rm -f "$SCRATCH/web.pid"
    web_pid=
}
