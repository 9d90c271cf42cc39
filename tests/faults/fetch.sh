#!/bin/sh
# fetch.sh — whatever the network and the servers do: does regd-fetch end with the right bytes, or with a sentence?
#
# fault_server.c is the server with the faults, nginx and lighttpd the true ones. Each row either leaves exactly the pinned images, or
# nothing but a sentence that names the cause, with exit status 1. What is right is never fetched twice.
#
# Usage    REGD=… SCRATCH=… sh tests/faults/fetch.sh
# shellcheck disable=SC2317,SC2154  # claims call functions by their names; serve sets variables
set -u
: "${REGD:?a program beside regd-fetch}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/mounts.sh disable=SC1091
. tests/mounts.sh
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY NOTIFY_SOCKET JOURNAL_STREAM
wants veritysetup jq timeout
case $REGD in /*) ;; *) REGD=$PWD/$REGD ;; esac
fetch=${REGD%/*}/regd-fetch
faulty=${REGD%/*}/tests/fault_server
source=$PWD
SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
cd "$SCRATCH" || bail "$SCRATCH is not there"
span=524288

# --- images and servers ---------------------------------------------------------------------------------------

# publish IMAGE: gives it the names of its root hash below www/stores; sets root and size.
publish() {
    rm -f tree
    root=$(veritysetup format --salt=- --uuid=00000000-0000-4000-8000-000000000000 "$1" tree | sed -n 's/^Root hash:[[:space:]]*//p')
    # A UUID of version 8 that starts as the root hash does.
    uuid=$(echo "$root" | awk '{
        digits = "0123456789abcdef"
        variant = substr(digits, index(digits, substr($1, 17, 1)), 1)
        variant = substr("89ab89ab89ab89ab", index(digits, variant), 1)
        print substr($1, 1, 8) "-" substr($1, 9, 4) "-8" substr($1, 14, 3) "-" variant substr($1, 18, 3) "-" substr($1, 21, 12)
    }')
    rm -f tree
    veritysetup format --salt=- --uuid="$uuid" "$1" tree >/dev/null || return
    mkdir -p www/stores
    cp "$1" "www/stores/$root.squashfs"
    mv tree "www/stores/$root.verity"
    chmod 644 www/stores/*
    size=$(wc -c <"$1")
}

servers=
end_servers() {
    for server in $servers; do
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    done
    servers=
}

# serve NAME PORT PLAN...: starts a server of www; sets the variable NAME to its URL. Its requests are in NAME.log.
serve() {
    name=$1 port=$2
    shift 2
    rm -f "$name.port"
    "$faulty" "$port" "$name.port" www "$@" >>"$name.log" 2>>"$name.err" &
    servers="$servers $!"
    last_server=$!
    until [ -s "$name.port" ]; do
        kill -0 "$last_server" 2>/dev/null || return
        sleep 0.02
    done
    eval "$name=http://127.0.0.1:\$(cat $name.port)/"
}

# run PARAMETER...: regd-fetch with this kernel command line, to $cache if that is set; sets status. It may take long, but not
# for ever.
cache=
run() {
    mkdir -p ramdisk/proc out
    echo "quiet $* regd.on-failure=shell" >ramdisk/proc/cmdline
    : >stderr
    status=0
    timeout 300 "$fetch" --root ramdisk --stall 1 --retry 1 ${cache:+--cache "$cache"} out >stdout 2>stderr || status=$?
    report=ramdisk/run/regd/fetch.json
}

pin() { echo "root=$1,size=$2"; }

# The layer's own URL at the server.
layer() { echo "regd.store=${1}stores/$root.squashfs,$(pin "$root" "$size")"; }

# is_right: the image is there, complete and right, and nothing else but its verity data.
is_right() {
    [ "$status" -eq 0 ] || { cat stderr && return 1; }
    cmp "out/$root.squashfs" "www/stores/$root.squashfs" || return
    [ -z "$(find out -mindepth 1 ! -name '*.squashfs' ! -name '*.verity')" ] || { ls -A out && return 1; }
    [ "$(jq -r .state "$report")" = "done" ]
}

# is_refused SENTENCE: it failed with a frame that has the words, and nothing is there.
is_refused() {
    [ "$status" -eq 1 ] || { echo "status $status" && cat stderr && return 1; }
    [ -z "$(find out -mindepth 1)" ] || { ls -A out && return 1; }
    [ "$(jq -r .state "$report")" = failed ] || return 1
    jq -r .error "$report" | grep -qF -e "$1" || { jq -r .error "$report" && return 1; }
    grep -q '^\*\*\*\*' stderr && grep -qF 'The emergency shell follows.' stderr
}

# received MOST: not more bytes than these, beyond image and verity data, came from all servers.
received() {
    least=$((size + $(wc -c <"www/stores/$root.verity")))
    bytes=$(jq .bytes "$report")
    echo "$bytes bytes, $((bytes - least)) more than needed"
    [ "$bytes" -ge "$least" ] && [ "$bytes" -le $((least + $1)) ]
}

# sent MOST LOG...: the same of the image alone, by the servers' own logs.
sent() {
    limit=$((size + $1))
    shift
    cat "$@"
    bytes=$(cat "$@" | awk '/squashfs/ { sum += $5 } END { print sum + 0 }')
    echo "$bytes bytes sent, $((bytes - size)) more than needed"
    [ "$bytes" -ge "$size" ] && [ "$bytes" -le "$limit" ]
}

clean() {
    end_servers
    rm -rf out ramdisk/run ./*.log ./*.err
}

# Each row starts with nothing fetched, and ends its servers.
row() {
    text=$1
    shift
    claim "$text" in_row "$@"
}
in_row() {
    trap end_servers EXIT
    clean
    "$@"
}

# An image of some spans and a half; one byte is flipped later, so it must differ from its inverse.
head -c $((9 * span + span / 2)) /dev/urandom >image
publish image || bail 'no image could be made'
verity=$(wc -c <"www/stores/$root.verity")
last=$((size - 1))
most=$((size * 6 / 10))

# --- the network and the answers ------------------------------------------------------------------------------

ok() {
    serve one 0 && run "$(layer "$one")" && is_right && received 0
}
row 'ok' ok

mirror() {
    serve one 0 && run "$(layer "$one")" "regd.from=${one}nowhere/" && is_right
}
row 'ok, with mirrors besides' mirror

# refused SENTENCE PLAN...
refused() {
    words=$1
    shift
    serve one 0 "$@" && run "$(layer "$one")" && is_refused "$words"
}
# comes MOST PLAN...: in the end it comes, with at most so many bytes more.
comes() {
    more=$1
    shift
    serve one 0 "$@" && run "$(layer "$one")" && is_right && received "$more"
}

row '404' refused 'the server answers 404' squashfs,0,status=404
row '403' refused 'the server answers 403' verity,0,status=403
row '500, then ok' comes 0 squashfs,2,status=500
row '503, then ok, of the verity data' comes 0 verity,1,status=503
row 'an answer that is not HTTP' refused 'HTTP/0.9' squashfs,1,garbage
row 'endless headers, then ok' comes 0 squashfs,1,header=99999999
row 'a header of 200 000 bytes, then ok' comes 0 squashfs,1,line=200000
row 'a redirect with an endless body, then ok' comes 0 squashfs,1,redirect=/nowhere+endless
row '204, which is no file' refused 'the server answers 204' squashfs,0,status=204

retry_after() {
    serve one 0 squashfs,1,status=429+retry=3 || return
    began=$(date +%s)
    run "$(layer "$one")" && is_right && grep -F 'answers 429; again in 3.0 s' stderr && [ $(($(date +%s) - began)) -ge 3 ]
}
row '429 with Retry-After: waited for' retry_after

# A server that is not there yet, at a port that another one has just left.
refused_then_ok() {
    serve gone 0 && port=$(cat gone.port) && end_servers || return
    (sleep 1.5 && exec "$faulty" "$port" late.port www >late.log) &
    servers=$!
    run "$(layer "http://127.0.0.1:$port/")"
    is_right && [ "$(jq .retries "$report")" -ge 1 ] && grep -q -e "Couldn't connect" -e 'Could not connect' stderr
}
row 'connection refused, then ok' refused_then_ok

row 'a wrong byte in the first block' refused "the bytes from 0 to 524287 are not those" squashfs,0,flip=0
row 'a wrong byte in the middle' refused "the bytes from 2097152 to 2621439 are not those" squashfs,0,flip=2500000
row 'a wrong byte in the last block' refused "the bytes from 4718592 to $last are not those" squashfs,0,flip=$last
row 'a wrong byte in the superblock' refused 'the hash block at byte 0 is not' verity,0,flip=80
row 'a wrong byte in the top of the tree' refused 'the hash block at byte 4096 is not' verity,0,flip=4096
row 'a wrong byte in the last leaf of the tree' refused "the hash block at byte $((verity - 4096)) is not" verity,0,flip=$((verity - 1))

row 'a file that is too short' refused "has $((size - 4096)) bytes, expected $size" squashfs,0,size=$((size - 4096))
row 'too short, and of no size' refused "ends after 4096 bytes, expected $size" squashfs,0,end=4096+unsized+norange
row 'too short for a Range' refused 'ends before byte' squashfs,1,end=$most squashfs,0,size=4096
row 'a file that is too long' refused "has $((size + 7)) bytes, expected $size" squashfs,0,long=7
row 'too long, but of no size: the pinned bytes are right' comes 4194304 squashfs,0,long=4194304+unsized

# --- lost connections -----------------------------------------------------------------------------------------

row 'reset at 60 %, and back: at most 512 KiB again' comes $span squashfs,1,die=$most
row 'reset ten times' comes $((10 * span)) "squashfs,3,die=$most" squashfs,7,die=$((most + 999999))
row 'closed at 60 %, and back' comes $span squashfs,1,end=$most
row 'reset in the verity data' comes "$verity" verity,1,die=$((verity - 100))

exits() {
    serve one 0 "squashfs,1,exit=$most" || return
    port=$(cat one.port)
    (wait_gone=$last_server; while kill -0 "$wait_gone" 2>/dev/null; do sleep 0.1; done; sleep 1.5; exec "$faulty" "$port" late.port www >late.log) &
    servers=$!
    run "$(layer "$one")"
    is_right && received "$span" && grep -q ' 206 ' late.log && sent "$span" one.log late.log
}
row 'the server dies at 60 %, and comes back: at most 512 KiB again' exits

row 'a stall is given up and continued' comes $span squashfs,1,stall=$most
row 'no Range: what is there is skipped' comes $((most + span)) squashfs,1,end=$most squashfs,0,norange
row 'another part than asked for' refused 'another part of the file' squashfs,1,end=$most squashfs,0,wrongrange
row 'the ETag stays: continued' comes $span "squashfs,1,end=$most+etag=a" squashfs,0,etag=a
row 'the ETag changes half-way, the file does not' comes $((most + span)) "squashfs,1,end=$most+etag=a" squashfs,0,etag=b
row 'ETag and file change half-way' refused 'are not those' "squashfs,1,end=$most+etag=a" squashfs,0,etag=b+flip=$last

# --- redirects, proxies ---------------------------------------------------------------------------------------

redirected() {
    serve two 0 && serve one 0 "squashfs,0,redirect=${two}stores/$root.squashfs" && run "$(layer "$one")" && is_right &&
        grep -q ' 200 ' two.log
}
row 'a redirect' redirected
loop() {
    serve one 0 "squashfs,0,redirect=/stores/$root.squashfs" && run "$(layer "$one")" && is_refused 'redirects' &&
        [ "$(grep -c ' 302 ' one.log)" -eq 6 ]
}
row 'a circle of redirects: five are followed' loop
row 'a redirect to another scheme' refused 'rotocol' squashfs,0,redirect=ftp://127.0.0.1/x
row 'a redirect to a file of this machine' refused 'rotocol' squashfs,0,redirect=file:///etc/passwd

proxied() {
    serve one 0 || return
    http_proxy=$one run "$(layer http://store.invalid/)" && is_right && grep -q '^GET http://store.invalid/' one.log
}
row 'by a proxy' proxied

# --- several servers ------------------------------------------------------------------------------------------

# The list of layers in the ramdisk, for mirrors.
list_layers() {
    layers=
    index=0
    for image; do
        publish "$image" || return
        name=nix-store.squashfs
        [ "$index" -eq 0 ] || name=nix-store.$index.squashfs
        layers="$layers${layers:+,}{\"name\":\"$name\",\"size\":$size,\"rootHash\":\"$root\",\"dataBlocks\":$((size / 4096)),\"veritySize\":$(wc -c <"www/stores/$root.verity")}"
        index=$((index + 1))
    done
    mkdir -p ramdisk
    printf '{"version":1,"layers":[%s]}' "$layers" >ramdisk/nix-store.layers.json
}

wrong_then_right() {
    list_layers image && serve one 0 squashfs,0,flip=2500000 && serve two 0 && run "regd.from=$one" "regd.from=$two" && is_right &&
        # Three spans, and what libcurl reads at once, are on their way when the wrong byte is found.
        received $((3 * span + (256 << 10))) && grep -q ' 2097152 206 ' two.log && [ "$(grep -c squashfs one.log)" -eq 1 ] &&
        grep -q "warning: fetch ${one}stores/$root.squashfs: the bytes from 2097152 to 2621439" stderr
}
row 'the first mirror is wrong, the second right: it continues there' wrong_then_right

both_wrong() {
    list_layers image && serve one 0 squashfs,0,flip=0 && serve two 0 squashfs,0,status=404 &&
        run "regd.from=$one" "regd.from=$two" && is_refused "$one" && is_refused 'answers 404'
}
row 'all are wrong: the sentence has each' both_wrong

busy_then_other() {
    list_layers image && serve one 0 ,0,status=503 && serve two 0 && run "regd.from=$one" "regd.from=$two" && is_right && received 0
}
row 'the first is busy: the second is asked at once' busy_then_other

# Alone, it would take longer than anybody waits.
slow_then_other() {
    list_layers image && serve one 0 squashfs,0,slow=5000 && serve two 0 && run "regd.from=$one" "regd.from=$two" && is_right &&
        received "$span" && grep -q 'Operation too slow.*65536 bytes/sec' stderr
}
row 'the first is slow: the second is asked' slow_then_other
both_slow() {
    head -c 131072 image >small && list_layers small && serve one 0 squashfs,0,slow=40000 && serve two 0 squashfs,0,slow=30000 &&
        run "regd.from=$one" "regd.from=$two" && is_right
    result=$?
    rm www/stores/"$root".*
    return "$result"
}
row 'both are slow: the last one is waited for' both_slow

two_layers() {
    head -c 8192 image >small && head -c 4096 image >block
    list_layers small image block && serve one 0 && run "regd.from=$one" && is_right || return
    for name in www/stores/*.squashfs; do
        cmp "$name" "out/${name##*/}" || return
    done
    [ "$(jq '.layers | length' "$report")" -eq 3 ] && [ "$(jq '[.layers[] | .size == .kept] | all' "$report")" = true ]
}
row 'three layers, one of a single block' two_layers
rm -f ramdisk/nix-store.layers.json
publish image

nobody() {
    run "regd.store=http://127.0.0.1:1/x,$(pin "$root" "$size")" regd.from=ftp://x/ && [ "$status" -eq 1 ] && grep -q 'ftp' stderr
}
row 'another scheme is refused by name' nobody

# --- failing calls and allocations ------------------------------------------------------------------------------

# ends_well: it did it, or said why not; and what has its final name is right. The report may be missing.
ends_well() {
    case $status in
    0) cmp "out/$root.squashfs" image ;;
    1) [ -s stderr ] && { [ ! -e "out/$root.squashfs" ] || cmp "out/$root.squashfs" image; } ;;
    *) echo "status $status" && cat stderr && return 1 ;;
    esac
}
# run_under WORD...: regd-fetch, called through these words.
run_under() {
    rm -rf out
    mkdir -p ramdisk/proc out
    echo "$(layer "$one") regd.on-failure=shell" >ramdisk/proc/cmdline
    status=0
    timeout 300 "$@" "$fetch" --root ramdisk --stall 1 --retry 1 out >stdout 2>stderr || status=$?
    report=ramdisk/run/regd/fetch.json
}
failing_calls() {
    serve one 0 || return
    failures=0
    for call in pwrite64 fsync fchmod renameat memfd_create fstatfs sendto recvfrom connect socket; do
        for when in 1 2 3; do
            run_under strace -f -qq -o trace -e trace="$call" -e "inject=$call:error=EIO:when=$when"
            ends_well || { echo "$call $when" && return 1; }
            [ "$status" -eq 0 ] || failures=$((failures + 1))
        done
    done
    echo "$failures refusals"
    [ "$failures" -ge 6 ]
}
text='each call that fails ends with the right bytes or a sentence'
can_trace "$text" && row "$text" failing_calls

failing_allocations() {
    cc -O1 -shared -fPIC -o allocations.so "$source/tests/faults/allocations.c" && serve one 0 || return
    run_under env "LD_PRELOAD=$PWD/allocations.so" "FAIL_LOG=$PWD/log" FAIL_ALLOCATION=0 && is_right || return
    total=$(grep -x '[0-9]*' log | tail -n 1)
    number=1 failures=0
    while [ "$number" -le "$total" ]; do
        run_under env "LD_PRELOAD=$PWD/allocations.so" "FAIL_ALLOCATION=$number"
        ends_well || { echo "allocation $number of $total" && return 1; }
        [ "$status" -eq 0 ] || failures=$((failures + 1))
        number=$((number + total / 60 + 1))
    done
    echo "$failures refusals of $total allocations"
    [ "$failures" -gt 0 ]
}
text='so does each allocation'
if grep -q __asan_init "$fetch"; then
    skip "$text" 'the sanitizer has its own allocator'
elif have cc "$text"; then
    row "$text" failing_allocations
fi

# --- names ----------------------------------------------------------------------------------------------------

text='a name that is not found, then is'
name_appears() {
    mkdir etc && cp -a /etc/. etc/ || return
    sed -i '/^hosts:/d' etc/nsswitch.conf
    echo 'hosts: files' >>etc/nsswitch.conf
    echo '127.0.0.1 localhost' >etc/hosts
    mount --bind etc /etc || return
    serve one 0 || return
    (sleep 1.5 && echo '127.0.0.1 store.regd.test' >>etc/hosts) &
    run "$(layer "http://store.regd.test:$(cat one.port)/")"
    umount /etc
    is_right && grep -q 'resolve host' stderr
}
if [ "$TEST_MOUNTS" = private ]; then
    row "$text" name_appears
else
    skip "$text" 'no mount namespace'
fi

# --- nginx and https ------------------------------------------------------------------------------------------

write_nginx() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 2>/dev/null || return
    sed "s|@|$SCRATCH|g" >nginx.conf <<'END'
daemon off;
pid @/nginx.pid;
error_log @/nginx.err;
events { }
http {
    access_log @/nginx.log;
    sendfile on;
    client_body_temp_path @/n1; proxy_temp_path @/n2; fastcgi_temp_path @/n3; uwsgi_temp_path @/n4; scgi_temp_path @/n5;
    server {
        listen unix:@/nginx.socket;
        root @/www;
    }
}
END
    # Both ports are free now.
    serve one 0 && serve two 0 || return
    plain=$(cat one.port) tls=$(cat two.port)
    end_servers
    sed -i "s|listen unix:.*|listen 127.0.0.1:$plain; listen 127.0.0.1:$tls ssl; ssl_certificate $SCRATCH/cert.pem; ssl_certificate_key $SCRATCH/key.pem;|" nginx.conf
    [ "$(id -u)" -ne 0 ] || sed -i '1i user root;' nginx.conf
}
start_nginx() {
    write_nginx && start_again
}
start_again() {
    "$nginx" -c "$SCRATCH/nginx.conf" 2>/dev/null &
    servers=$!
    until [ -s nginx.pid ]; do
        kill -0 "$servers" 2>/dev/null || { cat nginx.err && return 1; }
        sleep 0.05
    done
}
true_server() {
    start_nginx && run "$(layer "http://127.0.0.1:$plain/")" && is_right && received 0
}
https_with() {
    start_nginx && https_to "$1"
}
https_to() {
    mkdir -p ramdisk/etc/ssl/certs && cp "$1" ramdisk/etc/ssl/certs/ca-certificates.crt || return
    run "$(layer "https://127.0.0.1:$tls/")"
    rm -r ramdisk/etc
}
https() {
    https_with cert.pem && is_right && ! grep -q authenticated stderr
}
https_other() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout other.key -out other.pem -days 2 -subj /CN=other 2>/dev/null
    https_with other.pem && is_refused 'certificate'
}
# sign_expired OPTION...: OpenSSL 3.0 cannot be told both dates, 3.5 takes no end that is before the start.
sign_expired() {
    openssl x509 -req -in request.pem -signkey key.pem -copy_extensions copy "$@" -out cert.pem 2>/dev/null
}
# The server's certificate has ended; the ramdisk trusts it for who it is.
https_expired() {
    start_nginx && end_servers && rm -f nginx.pid &&
        openssl req -new -key key.pem -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -out request.pem 2>/dev/null || return
    sign_expired -not_before 20200101000000Z -not_after 20200102000000Z || sign_expired -days -1 || return
    start_again && https_to cert.pem && is_refused 'expired'
}
https_without() {
    start_nginx && run "$(layer "https://127.0.0.1:$tls/")" && is_right && grep -q 'servers are not authenticated' stderr
}
nginx=$(command -v nginx || command -v /usr/sbin/nginx)
set -- 'nginx: ok' 'https, with a certificate of the ramdisk' 'https, with certificates of others' \
    'https, with a certificate that has expired' 'https, without certificates: said'
if [ -n "$nginx" ] && command -v openssl >/dev/null; then
    row "$1" true_server
    row "$2" https
    row "$3" https_other
    row "$4" https_expired
    row "$5" https_without
else
    for text; do
        skip "$text" 'nginx or openssl is not installed'
    done
fi

# lighttpd has its own Range, and an ETag for files whose type it knows. A connection that breaks half-way continues there.
# start_lighttpd [KIBIBYTES]: so many a second.
start_lighttpd() {
    serve three 0 && port=$(cat three.port) && end_servers || return
    printf 'server.document-root = "%s/www"\nserver.bind = "127.0.0.1"\nserver.port = %d\nconnection.kbytes-per-second = %d\n' \
        "$SCRATCH" "$port" "${1:-0}" >lighttpd.conf
    echo 'mimetype.assign = ("" => "application/octet-stream")' >>lighttpd.conf
    printf 'server.modules = ("mod_accesslog")\naccesslog.filename = "%s/lighttpd.log"\n' "$SCRATCH" >>lighttpd.conf
    "$lighttpd" -D -f lighttpd.conf >lighttpd.err 2>&1 &
    lighttpd_pid=$!
    servers=$lighttpd_pid
    until curl -s -o /dev/null "http://127.0.0.1:$port/"; do
        kill -0 "$servers" 2>/dev/null || { cat lighttpd.err && return 1; }
        sleep 0.05
    done
}
second_server() {
    start_lighttpd && run "$(layer "http://127.0.0.1:$port/")" && is_right && received 0
}
continued_by_lighttpd() {
    list_layers image && start_lighttpd && second=http://127.0.0.1:$port/ && serve one 0 "squashfs,0,flip=$most" || return
    run "regd.from=$one" "regd.from=$second"
    end_servers
    is_right && grep '" 206 ' lighttpd.log
}
# kill_half_way COMMAND...: it is killed when some of the image is there, and started again behind the command.
kill_half_way() {
    list_layers image && start_lighttpd 1024 || return
    rm -f killed
    (
        until [ "$(du -sk out 2>/dev/null | cut -f 1)" -gt 1500 ] 2>/dev/null; do sleep 0.05; done
        kill -9 "$lighttpd_pid" && "$@" && : >killed && sleep 1
        exec "$lighttpd" -D -f lighttpd.conf >lighttpd.err 2>&1
    ) &
    servers="$servers $!"
    run "regd.from=http://127.0.0.1:$port/"
    end_servers
    [ -e killed ] && is_right && [ "$(jq .retries "$report")" -ge 1 ]
}
lighttpd_killed() {
    kill_half_way true && received "$span" && grep '" 206 ' lighttpd.log
}
# The ETag is made of the time, so If-Range gives the whole file: what is there already is skipped.
lighttpd_changed() {
    kill_half_way touch -d tomorrow "www/stores/$root.squashfs" && received "$size" && ! received "$span" &&
        ! grep '" 206 ' lighttpd.log && [ "$(grep -c 'squashfs HTTP.*" 200 ' lighttpd.log)" -ge 1 ]
}
lighttpd=$(command -v lighttpd || command -v /usr/sbin/lighttpd)
set -- 'lighttpd: ok' 'lighttpd continues what another server began' \
    'lighttpd is killed, and comes back: at most 512 KiB again' \
    'lighttpd comes back with another ETag: If-Range gives the whole file'
if [ -n "$lighttpd" ] && command -v curl >/dev/null; then
    row "$1" second_server
    row "$2" continued_by_lighttpd
    row "$3" lighttpd_killed
    row "$4" lighttpd_changed
else
    for text; do
        skip "$text" 'lighttpd or curl is not installed'
    done
fi

# --- memory, disk, cache --------------------------------------------------------------------------------------

# memory KIBIBYTES: what the ramdisk says is available.
memory() {
    mkdir -p ramdisk/proc
    printf 'MemTotal: 99999999 kB\nMemAvailable:   %d kB\n' "$1" >ramdisk/proc/meminfo
}
needed=$(((size + verity + 67108864) / 1024))
memory_short() {
    serve one 0 && memory $((needed - 1024)) && run "$(layer "$one")"
    is_refused 'too little memory: 69 MiB are needed, 5 for the images and 64 for the rest of the boot' &&
        is_refused 'give the machine' && [ ! -s one.log ]
}
memory_enough() {
    serve one 0 && memory "$needed" && run "$(layer "$one")" && is_right && [ ! -e "out/$root.verity" ]
}
space_short() {
    mkdir -p out && mount -t tmpfs -o size=4m tmpfs out && serve one 0 && run "$(layer "$one")"
    is_refused 'too little space: 5 MiB are needed, and 4 MiB are free' && [ ! -s one.log ]
    result=$?
    umount out
    return "$result"
}
space_exact() {
    mkdir -p out && mount -t tmpfs -o size="$size" tmpfs out && serve one 0 && run "$(layer "$one")" && is_right &&
        "$fetch" --seal out && ! touch out/x 2>/dev/null
    result=$?
    umount out
    return "$result"
}
# A cache of which the device has not come must not fill the memory.
cache_missing() {
    cache=out
    mkdir -p out && serve one 0 && run "$(layer "$one")"
    is_refused "no file system is mounted on out: the device of regd.to= is missing" && [ ! -s one.log ]
}
cache_there() {
    cache=out
    mkdir -p out && mount -t tmpfs -o size="$size" tmpfs out && serve one 0 && run "$(layer "$one")" && is_right
    result=$?
    umount out
    return "$result"
}
not_sealed() {
    mkdir -p out && "$fetch" --seal out 2>stderr
    [ $? -eq 1 ] && [ "$(cat stderr)" = 'regd-fetch: make out read-only: Invalid argument' ] && touch out/x && rm out/x
}
set -- 'memory is short by 1 MiB: said before the first byte' 'memory is just enough' 'a tmpfs that is too small' \
    'a tmpfs exactly as large as the image, sealed then' 'a cache without its file system' 'a cache with it' \
    'what is no file system is not sealed'
if [ "$TEST_MOUNTS" = private ]; then
    row "$1" memory_short
    row "$2" memory_enough
    rm -f ramdisk/proc/meminfo
    row "$3" space_short
    row "$4" space_exact
    row "$5" cache_missing
    row "$6" cache_there
    row "$7" not_sealed
else
    for text; do
        skip "$text" 'no mount namespace'
    done
fi

# Of holes on this side; the machine's side is memory.
huge() {
    truncate -s $(((4 << 30) + span)) huge && publish huge && mkdir -p out && mount -t tmpfs -o size="$size" tmpfs out &&
        serve one 0 "squashfs,1,end=$(((4 << 30) + 4096))" && run "$(layer "$one")" && is_right && received "$span" &&
        grep ' 4294967296 206 ' one.log
    result=$?
    umount out
    rm -f huge www/stores/"$root".*
    return "$result"
}
text='an image above 4 GiB, continued at byte 4294967296'
if [ "$TEST_MOUNTS" != private ]; then
    skip "$text" 'no mount namespace'
elif [ "$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)" -lt $((8 << 20)) ]; then
    skip "$text" 'less than 8 GiB of memory are available'
elif [ "${TEST_STEP:-1}" -ne 1 ]; then
    skip "$text" 'without the sanitizers only'
else
    row "$text" huge
    publish image
fi

# A small disk; out is a directory on it.
on_disk() {
    rm -f disk.img
    truncate -s 16M disk.img && mkfs.ext4 -q -m 0 -O ^has_journal disk.img && mkdir -p out && mount -o loop disk.img out &&
        rmdir out/lost+found || return
    "$@"
    result=$?
    umount out
    return "$result"
}
cached() {
    serve one 0 && run "$(layer "$one")" && is_right && [ -e "out/$root.verity" ] && end_servers || return
    rm one.log
}
cache_good() {
    cached && run "$(layer http://127.0.0.1:1/)" && is_right && [ "$(jq -r '.layers[0].from' "$report")" = cache ]
}
cache_stale() {
    cached && old=$root && head -c 1048576 /dev/urandom >other && publish other && serve one 0 && run "$(layer "$one")" && is_right &&
        [ -e "out/$old.squashfs" ]
}
# damage FILE OFFSET
damage() {
    printf 'damaged' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
cache_torn() {
    cached && chmod u+w "out/$root.$1" && damage "out/$root.$1" "$2" && serve one 0 && run "$(layer "$one")" && is_right &&
        grep -q 'in the cache, but wrong' stderr && veritysetup verify "out/$root.squashfs" "out/$root.verity" "$root"
}
cache_cut() {
    cached && chmod u+w "out/$root.squashfs" && truncate -s 4096 "out/$root.squashfs" && serve one 0 && run "$(layer "$one")" && is_right
}
cache_without_tree() {
    cached && rm -f "out/$root.verity" && serve one 0 && run "$(layer "$one")" && is_right
}
# The old image and a file of somebody else's leave no room for the new one.
cache_full() {
    cached && head -c 6000000 /dev/zero >out/somebody && head -c $((8 << 20)) /dev/urandom >other && publish other && serve one 0 || return
    run "$(layer "$one")"
    cat stderr
    [ -e out/somebody ] && rm out/somebody && is_right && grep -q '2 files of other images removed' stderr
}
cache_too_small() {
    mkdir -p out && head -c 12000000 /dev/zero >out/somebody && serve one 0 && run "$(layer "$one")"
    rm -f out/somebody
    is_refused 'too little space'
}
cache_read_only() {
    cached && mount -o remount,ro out && run "$(layer http://127.0.0.1:1/)" && is_right
}
cache_read_only_wrong() {
    cached && chmod u+w "out/$root.squashfs" && damage "out/$root.squashfs" 9999 && mount -o remount,ro out && serve one 0 || return
    run "$(layer "$one")"
    [ "$status" -eq 1 ] && jq -r .error "$report" | grep -qF 'Read-only file system'
}
# Killed at many moments: the names are there only when all is right, and the next run completes it.
killed() {
    for delay in 0.01 0.02 0.03 0.05 0.08; do
        rm -rf out/* out/.[!.]*
        serve one 0 && mkdir -p ramdisk/proc || return
        echo "$(layer "$one") regd.on-failure=shell" >ramdisk/proc/cmdline
        timeout --foreground -s KILL "$delay" "$fetch" --root ramdisk out >/dev/null 2>&1
        [ ! -e "out/$root.squashfs" ] || { cmp "out/$root.squashfs" image && [ -e "out/$root.verity" ]; } || return
        run "$(layer "$one")" && is_right || return
        end_servers
    done
}
set -- 'the cache is good: no network' 'the cache is stale' 'a cached image is damaged' 'cached verity data is damaged' 'a cached image is cut' \
    'cached verity data is missing' 'the cache is full of old images: they go' 'the cache is too small' 'the cache is read-only and good' \
    'the cache is read-only and wrong' 'killed while the cache is written'
if [ "$TEST_MOUNTS" = private ] && truncate -s 16M disk.img && mkfs.ext4 -q disk.img 2>/dev/null && mkdir -p out && mount -o loop disk.img out 2>/dev/null; then
    umount out
    row "$1" on_disk cache_good
    row "$2" on_disk cache_stale
    row "$3" on_disk cache_torn squashfs 3000000
    row "$4" on_disk cache_torn verity 5000
    row "$5" on_disk cache_cut
    row "$6" on_disk cache_without_tree
    row "$7" on_disk cache_full
    row "$8" on_disk cache_too_small
    row "$9" on_disk cache_read_only
    shift 9
    row "$1" on_disk cache_read_only_wrong
    row "$2" on_disk killed
else
    for text; do
        skip "$text" 'no loop device may be mounted'
    done
fi
clean
finish
