#!/usr/bin/env bash
# A private PostgreSQL server for tests: its own folder and a free port, on loopback only, no unix socket.
# It never touches a server that runs already, nor Debian's service. Nothing in it survives a power cut: fsync is off.
#
#   postgres-server.sh start DIR     make a cluster in DIR where there is none, and run it; prints its URL
#   postgres-server.sh stop DIR      stop it at once, as an operator in a hurry would (`-m fast`)
#   postgres-server.sh kill DIR      stop it as a crash would (`-m immediate`); `start DIR` brings it back, same port
#   postgres-server.sh hold DIR      start, then live until stdin ends, then stop the server and remove DIR
#
# BINDERY_POSTGRES_BIN names the folder of `initdb` and `pg_ctl` where they are not Debian's. DIR/extra.conf is appended
# to postgresql.conf when the cluster is made.
#
# PostgreSQL refuses to run as root: then it runs as `postgres`, or as `nobody` where there is no such user.
#
# `start` exits with 3, and says why, where no server can be had.
set -euo pipefail

readonly START_SECONDS=60   # it takes less than one; this is for a loaded machine

usage() { sed -n '2,16s/^# \{0,1\}//p' "$0"; }
say() { echo "postgres-server: $*" >&2; }
fail() { say "$*"; exit 3; }

main() {
    local verb=${1:-help} dir=
    case $verb in
    start | stop | kill | hold)
        [[ -n ${2:-} ]] || { say "$verb: which DIR?"; exit 2; }
        dir=$(mkdir -p "$2" && cd "$2" && pwd)
        [[ $dir == /?* ]] || { say "$verb: not in ${dir:-there}"; exit 2; }
        find_server || fail "PostgreSQL is not installed. On Debian or Ubuntu: sudo apt-get install postgresql"
        ;;
    esac
    case $verb in
    start) start "$dir" ;;
    stop) stop "$dir" fast ;;
    kill) stop "$dir" immediate ;;
    hold) hold "$dir" ;;
    help | -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
    esac
}

start() {
    local dir=$1 try
    [[ -f $dir/data/PG_VERSION ]] || make "$dir"
    for try in 1 2 3; do
        if as_owner "$BIN/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t "$START_SECONDS" -s start \
            </dev/null >/dev/null 2>&1; then
            echo "postgres://bindery@127.0.0.1:$(<"$dir/port")/postgres"
            return
        fi
        # Somebody else has the port: only a cluster that nobody knows yet may take another.
        [[ ! -f $dir/known ]] && grep -q "could not bind\|Address already in use" "$dir/server.log" || break
        pick_port "$dir"
    done
    tail -n 20 "$dir/server.log" >&2
    fail "the server did not start"
}

make() {
    local dir=$1
    owned "$dir"
    as_owner "$BIN/initdb" -D "$dir/data" -U bindery -A trust -E UTF8 --locale=C --no-sync --no-instructions \
        >"$dir/initdb.log" 2>&1 || { tail -n 20 "$dir/initdb.log" >&2; fail "no cluster could be made"; }
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = ''"
        echo "fsync = off"
        echo "full_page_writes = off"
        echo "max_connections = 300"
        echo "shared_buffers = 64MB"
        echo "autovacuum_naptime = 10min"
        [[ -f $dir/extra.conf ]] && cat "$dir/extra.conf"
        true
    } >>"$dir/data/postgresql.conf"
    pick_port "$dir"
}

# Below the range from which the kernel takes ports for outgoing connections.
pick_port() {
    local dir=$1 port
    while port=$((2000 + (RANDOM * 32768 + RANDOM) % 6000)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port" >"$dir/port"
    sed -i '/^port = /d' "$dir/data/postgresql.conf"
    echo "port = $port" >>"$dir/data/postgresql.conf"
}

stop() {
    local dir=$1 how=$2
    touch "$dir/known"
    as_owner "$BIN/pg_ctl" -D "$dir/data" -m "$how" -w -s stop </dev/null >/dev/null 2>&1 || true
}

# Runs a server for as long as somebody holds our stdin open. A test process that dies, however it dies, closes it.
hold() {
    local dir=$1
    # It will be removed: nothing but a server's own files may be in it.
    [[ -z $(find "$dir" -mindepth 1 -maxdepth 1 ! -name extra.conf -print -quit) ]] ||
        { say "hold: $dir is not empty"; exit 2; }
    trap '' INT TERM HUP
    start "$dir"
    exec >/dev/null
    cat >/dev/null || true
    stop "$dir" immediate
    rm -rf "$dir"
}

# Root hands the folder to whom the server runs as.
owned() {
    [[ $(id -u) -ne 0 ]] || chown -R "$(owner)" "$1"
}

owner() { id -u postgres >/dev/null 2>&1 && echo postgres || echo nobody; }

# A session of its own keeps a Ctrl-C in the terminal from the server.
as_owner() {
    if [[ $(id -u) -eq 0 ]]; then
        (cd / && exec setsid setpriv --reuid "$(owner)" --regid "$(id -g "$(owner)")" --clear-groups "$@")
    else
        setsid "$@"
    fi
}

# The newest one of Debian's, or the one on the path.
find_server() {
    local found
    for BIN in "${BINDERY_POSTGRES_BIN:-}" $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn); do
        [[ -x $BIN/initdb && -x $BIN/pg_ctl ]] && return
    done
    found=$(command -v pg_ctl) || return 1
    BIN=$(dirname "$(readlink -f "$found")")
    [[ -x $BIN/initdb ]]
}

main "$@"
