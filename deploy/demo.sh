#!/usr/bin/env bash
# `make demo`: builds, finds a RabbitMQ, tells the product's story over it, and leaves nothing running.
#
# The broker is the first that can be had of: BINDERY__AMQP__URL where it is set; a container (docker compose, where an
# engine runs); a private node of Debian's rabbitmq-server, installed where it is missing and we are root. Without any
# a shorter story goes through `bindery pipe`, which needs none.
set -euo pipefail
cd "$(dirname "$0")/.."

# Warnings alone: the story has its own words for the rest.
export RUST_LOG=${RUST_LOG:-error}

say() { echo "demo: $*" >&2; }

work=$(mktemp -d "${TMPDIR:-/tmp}/bindery-demo.XXXXXX")
stop_broker=:
clean_up() {
    trap '' INT TERM HUP
    "$stop_broker" >&2 || say "could not stop the broker"
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

main() {
    say "building (the first time takes a minute or two)"
    # Without optimisation: built in a fraction of the time, and fast enough for a story.
    cargo build --quiet --locked --bin bindery
    local bindery
    bindery=$(target_folder)/debug/bindery
    if find_broker; then
        "$bindery" demo
    elif "$bindery" pipe --help >/dev/null 2>&1; then
        say "no RabbitMQ can be had here: a shorter story goes through \`bindery pipe\`, without a broker"
        through_pipe "$bindery"
    else
        say "no RabbitMQ can be had here: set BINDERY__AMQP__URL, run docker, or install rabbitmq-server"
        return 3
    fi
}

target_folder() {
    echo "${CARGO_TARGET_DIR:-target}"
}

find_broker() {
    if [[ -n ${BINDERY__AMQP__URL:-} ]]; then
        say "using the broker of BINDERY__AMQP__URL, under names of our own that are deleted at the end"
        return 0
    fi
    container || node
}

container() {
    docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1 || return 1
    say "starting RabbitMQ in a container"
    export BINDERY_RABBITMQ_PORT=$((20000 + RANDOM % 10000))
    stop_broker=stop_container
    if compose up --detach --wait --quiet-pull rabbitmq >&2; then
        export BINDERY__AMQP__URL="amqp://guest:guest@127.0.0.1:$BINDERY_RABBITMQ_PORT/%2f"
        return 0
    fi
    say "the container did not start"
    stop_container >&2 || true
    stop_broker=:
    return 1
}

compose() { docker compose --project-name "bindery-demo-$$" --file deploy/compose.yaml "$@"; }
stop_container() { compose down --volumes --timeout 5; }

node() {
    say "starting a private RabbitMQ node"
    stop_broker=stop_node
    local url
    url=$(deploy/rabbitmq-node.sh start "$work/node") || return 1
    export BINDERY__AMQP__URL=$url
}

stop_node() { deploy/rabbitmq-node.sh stop "$work/node"; }

# No broker: commands as lines in, events as lines out, with the simulator beside. Shorter, and checked by its events.
through_pipe() {
    local bindery=$1 events=$work/events.jsonl sim port=
    "$bindery" graph-sim --listen 127.0.0.1:0 >"$work/sim.out" 2>"$work/sim.log" &
    sim=$!
    # shellcheck disable=SC2064
    trap "kill $sim 2>/dev/null || true; clean_up" EXIT
    # The port is the one that it says it has: a guessed one may belong to somebody else's simulator.
    until port=$(sed -n 's|^graph-sim listens on http://127.0.0.1:\([0-9]*\),.*|\1|p' "$work/sim.out") && [[ -n $port ]]; do
        kill -0 "$sim" 2>/dev/null || { cat "$work/sim.log" >&2; return 1; }
        sleep 0.1
    done
    local page='"business":"2001","asset":{"kind":"page"' commands=$work/commands.jsonl
    cat >"$commands" <<JSON
{"id":"pipe-1","command":"claim",$page,"id":"1009"},"access":"agency","permitted_tasks":["ADVERTISE"]}
{"id":"pipe-2","command":"claim",$page,"id":"1015"},"access":"owner"}
{"id":"pipe-3","command":"unbind",$page,"id":"1013"}}
{"id":"pipe-4","command":"claim","business":2001}
JSON
    sim_control "$port" page '{"page":"1009","reaction":{"verdict":"approve","after_seconds":1}}'
    sed 's/^/  → /' "$commands"
    BINDERY__GRAPH__BASE_URL=http://127.0.0.1:$port BINDERY__JOURNAL__URL=sqlite://$work/journal.db \
        BINDERY__CREDENTIALS__SIM__ACCESS_TOKEN=sim-token BINDERY__CREDENTIALS__SIM__BUSINESSES='["*"]' \
        BINDERY__POLL__FIRST=300ms BINDERY__POLL__MAX=1s \
        timeout 60 "$bindery" pipe <"$commands" >"$events" || true
    sed 's/^/  ← /' "$events"
    local wanted
    for wanted in claim.confirmed unbind.completed rejected; do
        grep -q "bindery\.[a-z.]*$wanted" "$events" || { say "✗ no event $wanted came"; return 1; }
        echo "  ✓ $wanted"
    done
}

sim_control() {
    exec 4<>"/dev/tcp/127.0.0.1/$1"
    printf 'POST /_sim/%s HTTP/1.1\r\nHost: sim\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
        "$2" "${#3}" "$3" >&4
    grep -q '200 OK' <&4 || { say "the simulator refused $2"; return 1; }
    exec 4>&-
}

main "$@"
