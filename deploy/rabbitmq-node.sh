#!/usr/bin/env bash
# A private RabbitMQ node for demos and tests: its own folder, ports, cookie and epmd, on loopback only.
# It never touches a node that runs already, nor Debian's service (port 5672, /var/lib/rabbitmq).
#
#   rabbitmq-node.sh start DIR     boot a node that keeps everything in DIR; prints its AMQP URL
#   rabbitmq-node.sh stop DIR      stop it in order; its epmd ends too
#   rabbitmq-node.sh kill DIR      stop it as a power cut would (SIGKILL); `start DIR` brings it back, same URL
#   rabbitmq-node.sh ctl DIR ...   rabbitmqctl for that node
#   rabbitmq-node.sh hold DIR      start, then live until stdin ends, then kill the node and remove DIR
#   rabbitmq-node.sh install       only the Debian package (root; `start` does this too where it is missing)
#
# DIR/extra.conf is appended to the node's rabbitmq.conf, DIR/definitions.json is loaded at its first boot.
# BINDERY_RABBITMQ_BIN names the folder of `rabbitmq-server` and `rabbitmqctl` where they are not Debian's.
#
# `start` exits with 3, and says why, where no node can be had: `make demo` then tells its story without a broker.
set -euo pipefail

readonly BOOT_SECONDS=60   # a boot takes about 3 s; this is for a loaded machine
readonly STOP_SECONDS=20   # after that SIGTERM becomes SIGKILL

usage() { sed -n '2,15s/^# \{0,1\}//p' "$0"; }
say() { echo "rabbitmq-node: $*" >&2; }
fail() { say "$*"; exit 3; }

main() {
    local verb=${1:-help} dir=
    shift || true
    case $verb in
    start | stop | kill | hold | ctl)
        [[ -n ${1:-} ]] || { say "$verb: which DIR?"; exit 2; }
        # Absolute, because the node changes its working folder.
        dir=$(mkdir -p "$1" && cd "$1" && pwd)
        [[ $dir == /?* ]] || { say "$verb: not in ${dir:-there}"; exit 2; }
        shift
        ;;
    esac
    case $verb in
    start) start "$dir" ;;
    stop) stop "$dir" TERM ;;
    kill) stop "$dir" KILL ;;
    hold) hold "$dir" ;;
    ctl) ctl "$dir" "$@" ;;
    install) install_package ;;
    help | -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
    esac
}

start() {
    local dir=$1
    find_server || { install_package && find_server; } || fail "RabbitMQ is not installed"
    [[ -f $dir/ports ]] || pick_ports >"$dir/ports"
    environment "$dir"
    if alive "$dir"; then
        say "a node is running in $dir already"
    else
        settings "$dir"
        boot "$dir"
    fi
    echo "amqp://guest:guest@127.0.0.1:$RABBITMQ_NODE_PORT/%2f"
}

# Runs a node for as long as somebody holds our stdin open. A test process that dies, however it dies, closes it.
hold() {
    local dir=$1
    # It will be removed: nothing but a node's own files may be in it.
    [[ -z $(find "$dir" -mindepth 1 -maxdepth 1 ! -name extra.conf ! -name definitions.json -print -quit) ]] ||
        { say "hold: $dir is not empty"; exit 2; }
    trap '' INT TERM HUP
    start "$dir"
    exec >/dev/null
    cat >/dev/null || true
    stop "$dir" KILL
    rm -rf "$dir"
}

boot() {
    local dir=$1 deadline=$((SECONDS + BOOT_SECONDS))
    # `detached` makes Debian's script exec the VM, so that the pid we see is the node's. A session of its own keeps
    # a Ctrl-C in the terminal from reaching it before its owner has said goodbye.
    detached=1 setsid "$BIN/rabbitmq-server" <&- >"$dir/log/boot.log" 2>&1 &
    echo $! >"$dir/pid"
    disown
    until accepts_amqp; do
        alive "$dir" || { tail -n 20 "$dir/log/boot.log" >&2; stop "$dir" KILL; fail "the node did not start"; }
        ((SECONDS < deadline)) || { stop "$dir" KILL; fail "the node did not accept AMQP within $BOOT_SECONDS s"; }
        sleep 0.1
    done
}

# Asks as a client does: the protocol header goes out, a method frame (octet 1) comes back.
accepts_amqp() {
    local octet
    octet=$( { exec 3<>"/dev/tcp/127.0.0.1/$RABBITMQ_NODE_PORT" && printf 'AMQP\0\0\011\001' >&3 &&
        LC_ALL=C head -c 1 <&3 | od -An -tu1; } 2>/dev/null) && [[ $octet -eq 1 ]]
}

stop() {
    local dir=$1 signal=$2 pid deadline=$((SECONDS + STOP_SECONDS))
    [[ -f $dir/ports ]] || return 0
    environment "$dir"
    if alive "$dir"; then
        pid=$(<"$dir/pid")
        kill "-$signal" "$pid"
        # Its ports are free only when it is gone: a start before that would fail.
        while alive "$dir"; do
            ((SECONDS < deadline)) || kill -KILL "$pid" 2>/dev/null || true
            sleep 0.05
        done
    fi
    rm -f "$dir/pid"
    end_epmd
}

# Not a zombie, and still a node of ours: pids come round again. Between two `exec` the command line is empty.
alive() {
    local pid stat command
    pid=$(cat "$1/pid" 2>/dev/null) && stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
    [[ ${stat##*) } != [ZX]* ]] || return 1
    command=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) || return 1
    [[ -z $command || $command == *beam* || $command == *erl* || $command == *rabbitmq* ]]
}

# Our epmd alone: it listens on this node's own port.
end_epmd() {
    local epmd
    epmd=$(command -v epmd || ls -d /usr/lib/erlang/erts-*/bin/epmd 2>/dev/null | tail -n 1) || return 0
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        "$epmd" -port "$ERL_EPMD_PORT" -names >/dev/null 2>&1 || return 0
        "$epmd" -port "$ERL_EPMD_PORT" -kill >/dev/null 2>&1 || true
        sleep 0.1
    done
}

ctl() {
    local dir=$1
    shift
    [[ -f $dir/ports ]] || fail "no node in $dir"
    find_server || fail "RabbitMQ is not installed"
    environment "$dir"
    "$BIN/rabbitmqctl" --quiet "$@"
}

# Below the range from which the kernel takes ports for outgoing connections, so that none is lost between the
# choice and the boot, nor while a killed node is down.
pick_ports() {
    local name port
    for name in NODE_PORT DIST_PORT EPMD_PORT; do
        while port=$((16000 + (RANDOM * 32768 + RANDOM) % 16000)); do
            (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
        done
        echo "$name=$port"
    done
}

# All that a node shares with others by default is turned to DIR.
environment() {
    local dir=$1 NODE_PORT DIST_PORT EPMD_PORT
    # shellcheck disable=SC1091
    . "$dir/ports"
    mkdir -p "$dir/log" "$dir/home" "$dir/data"
    export HOME=$dir/home
    export RABBITMQ_NODENAME=bindery-$NODE_PORT@localhost
    export RABBITMQ_NODE_PORT=$NODE_PORT RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
    export RABBITMQ_DIST_PORT=$DIST_PORT ERL_CRASH_DUMP=$dir/log/erl_crash.dump
    export ERL_EPMD_PORT=$EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_MNESIA_BASE=$dir/data RABBITMQ_LOG_BASE=$dir/log RABBITMQ_LOGS=$dir/log/node.log
    export RABBITMQ_PID_FILE=$dir/node.pid
    export RABBITMQ_CONF_ENV_FILE=$dir/env.conf RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
    export RABBITMQ_ADVANCED_CONFIG_FILE=$dir/advanced.config RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
    export RABBITMQ_CTL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
}

settings() {
    local dir=$1
    : >"$dir/env.conf"
    [[ -f $dir/enabled_plugins ]] || echo '[].' >"$dir/enabled_plugins"
    {
        echo "listeners.tcp.local = 127.0.0.1:$RABBITMQ_NODE_PORT"
        echo "disk_free_limit.absolute = 50MB"
        echo "log.file.level = info"
        [[ -f $dir/definitions.json ]] && echo "load_definitions = $dir/definitions.json"
        [[ -f $dir/extra.conf ]] && cat "$dir/extra.conf"
        true
    } >"$dir/rabbitmq.conf"
}

# Debian's own wrapper in /usr/sbin would switch to the user `rabbitmq`, who cannot write to DIR.
find_server() {
    for BIN in "${BINDERY_RABBITMQ_BIN:-}" /usr/lib/rabbitmq/bin; do
        [[ -x $BIN/rabbitmq-server && -x $BIN/rabbitmqctl ]] && return
    done
    return 1
}

# Debian starts a service with the package. `policy-rc.d` (exit 101: "action forbidden") is Debian's way to say no;
# ours is put there for this one call, and only where the machine has none of its own.
install_package() {
    find_server && return
    [[ $(id -u) -eq 0 ]] || { say "to install rabbitmq-server, run as root: $0 install"; return 1; }
    command -v apt-get >/dev/null || { say "no apt-get here: install RabbitMQ and set BINDERY_RABBITMQ_BIN"; return 1; }
    say "installing Debian's rabbitmq-server (its service is not started)"
    local policy=/usr/sbin/policy-rc.d ours=
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && ours=yes
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    local installed=yes
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends rabbitmq-server; } >&2 ||
        installed=
    [[ -z $ours ]] || { rm -f "$policy"; trap - EXIT; }
    [[ -n $installed ]] || { say "apt-get could not install rabbitmq-server"; return 1; }
}

main "$@"
