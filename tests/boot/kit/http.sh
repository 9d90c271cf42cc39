#!/bin/sh
# http.sh — answers one request by HTTP, HEAD or GET of a file in a directory: for UEFI, which asks for the size first.
# busybox's httpd sends the file for HEAD, too, and UEFI then takes that for the start of what it gets.
#
# Usage    sh tests/boot/kit/http.sh DIR     request and answer are standard input and output
carriage=$(printf '\r')
read -r method path _ || exit
# shellcheck disable=SC2034  # nothing else of the request counts
while read -r line && [ "${line%"$carriage"}" ]; do
    :
done
file=$1/${path##*/}
if [ ! -f "$file" ]; then
    printf 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
    exit
fi
printf 'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/efi\r\nConnection: close\r\n\r\n' "$(stat -c %s "$file")"
[ "$method" = HEAD ] || exec cat "$file"
