#!/bin/bash

# What a container of the image runs, below tini: nginx, the bridge, or both,
# each as a user of its own, and none of it as root.
#
#   start.sh nginx|bridge|both
#
# SIGTERM lets nginx finish its requests, then ends the bridge.  When one of
# them ends by itself, so does the other, and the container: what starts it
# again is its restart policy.

set -u
umask 022

role=${1:-}
sdk=/opt/claude/sdk
keys=/etc/nginx/claude
store=/var/lib/nginx-claude
misused=78

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    [ $# = 0 ] || printf '       %s\n' "$@" >&2
    exit $misused
}

# as USER[:GROUP] COMMAND..., in a subshell.  A container of one program is
# that user already.  The copy of setpriv has what it needs as capabilities of
# the file, which only the user of this script may run; nothing it starts
# keeps any.
as() {
    local user=${1%:*} group=${1#*:}
    shift
    if [ "$role" != both ]; then
        exec "$@"
    fi
    exec /usr/libexec/claude/setpriv --reuid "$user" --regid "$group" \
        --init-groups --no-new-privs --inh-caps=-all -- "$@"
}

check_users() {
    [ "$role" = both ] || return 0
    (as www-data true) 2> /dev/null || die \
        'nginx and bridge run as two users, which this container may not do.' \
        'It needs --cap-add SETUID --cap-add SETGID, and no-new-privileges' \
        'must not be set.  Without these: two containers, see compose.yaml.'
}

check_writable() {
    (as "$1" test -w "$2") || die "$2 can't be written by $1: $3"
}

prepare_nginx() {
    check_writable www-data /run 'mount a tmpfs there'
    check_writable www-data /tmp 'mount a tmpfs there'
    check_writable www-data $store 'mount a volume of uid 33 there'

    (as www-data test -e $keys/master.key) || make_master_key
    (as www-data sh -c 'rm -rf /run/nginx
        mkdir -p /run/nginx /tmp/nginx
        mkfifo -m 0600 /run/nginx/stdout /run/nginx/stderr') || exit $misused
    offer https /etc/nginx/tls/cert.pem
    offer admin $keys/admin.htpasswd
}

make_master_key() {
    (as www-data test ! -e $store/keys.jsonl) || die \
        "$store has a key log, but its master key is not in $keys"
    check_writable www-data $keys 'mount a volume of uid 33 there'
    (as www-data claude-keys init) || exit $misused
    echo "A master key was made: $keys/master.key.  Keep a copy of it" \
        'elsewhere: without it the key log is of no use.' >&2
}

# offer PART FILE: a part of nginx.conf, where the file is there
offer() {
    (as www-data test -e "$2") || return 0
    (as www-data ln -s "/etc/nginx/container/$1.conf" /run/nginx/)
}

prepare_bridge() {
    cmp -s /opt/claude/bridge/package-lock.json $sdk/package-lock.json || die \
        'The Claude Agent SDK is missing, or of another version.  It is' \
        "Anthropic's, proprietary, and in no image.  This fetches what the" \
        'lock file pins into a volume, which belongs at /opt/claude/sdk:' \
        '  docker run --rm -v claude-sdk:/opt/claude/sdk nginx-claude:sdk' \
        'or, with compose.yaml:' \
        '  docker compose run --rm sdk'

    check_writable claude-bridge /tmp 'mount a tmpfs there'

    # of this group are nginx's workers; a volume is like that already
    [ -d /run/claude ] \
        || (as claude-bridge:www-data mkdir -m 2750 /run/claude) \
        || die "/run can't be written by claude-bridge: mount a tmpfs there"
}

# nginx opens /dev/stdout by its name, so it must belong to nginx's user; the
# container's own belongs to the user of this script.
start_nginx() {
    as www-data cat /run/nginx/stdout &
    loggers=$!
    as www-data cat /run/nginx/stderr >&2 &
    loggers="$loggers $!"
    as www-data sh -c 'exec nginx -e stderr -g "daemon off;" \
        > /run/nginx/stdout 2> /run/nginx/stderr' &
    nginx=$!
}

start_bridge() {
    cd /opt/claude/bridge || exit $misused
    as claude-bridge node bridge.mjs &
    bridge=$!
}

# signal USER PID NAME: only its own user may send a program one
signal() {
    [ -z "$2" ] \
        || (as "$1" sh -c 'kill -s "$1" "$2"' sh "$3" "$2") 2> /dev/null
}

# A signal ends wait too soon; a process that is reaped is out of /proc.
wait_for() {
    for pid; do
        while [ -e "/proc/$pid" ]; do
            wait "$pid" 2> /dev/null
            [ $? != 127 ] || break
        done
    done
}

nginx=
bridge=
loggers=
ending=
status=0

check_users

case $role in
nginx) prepare_nginx ;;
bridge) prepare_bridge ;;
both)
    prepare_bridge
    prepare_nginx
    ;;
*) die 'start.sh nginx|bridge|both' ;;
esac

trap 'ending=yes' TERM INT QUIT
trap 'signal www-data "$nginx" HUP' HUP

[ "$role" = nginx ] || start_bridge
[ "$role" = bridge ] || start_nginx

# until one of them ends, or a signal asks for it
while [ -z "$ending" ]; do
    ended=
    wait -n -p ended $nginx $bridge
    status=$?
    [ -z "${ended:-}" ] || break
    status=0
done

if [ -z "$ending" ]; then
    [ "$ended" = "$bridge" ] && name=bridge || name=nginx
    echo "$name ended by itself, with status $status" >&2
    [ $status != 0 ] || status=1
fi

# nginx first: what it still answers needs the bridge
signal www-data "$nginx" QUIT
wait_for $nginx
# workers of a master that was killed would keep these for ever
[ -z "$ending" ] || wait_for $loggers
signal claude-bridge "$bridge" TERM
wait_for $bridge

exit "$status"
