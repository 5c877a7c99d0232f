#!/usr/bin/env bash
# Checks metrics in Prometheus text, from stdin, with `promtool check metrics`. Where there is no promtool, Debian's
# package `prometheus` is installed (its service is not started), if we are root. BINDERY_PROMTOOL names another one.
set -euo pipefail

say() { echo "promtool.sh: $*" >&2; }

find_tool() {
    TOOL=${BINDERY_PROMTOOL:-$(command -v promtool || true)}
    [[ -n $TOOL && -x $TOOL ]]
}

# As in rabbitmq-node.sh: Debian starts a service with the package, and `policy-rc.d` is its way to say no.
install_package() {
    [[ $(id -u) -eq 0 ]] || { say "to have promtool, install the package prometheus, or set BINDERY_PROMTOOL"; return 1; }
    command -v apt-get >/dev/null || { say "no apt-get here: install Prometheus and set BINDERY_PROMTOOL"; return 1; }
    say "installing Debian's prometheus for its promtool (its service is not started)"
    local policy=/usr/sbin/policy-rc.d ours=
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && ours=yes
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    local installed=yes
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends prometheus; } >&2 ||
        installed=
    [[ -z $ours ]] || { rm -f "$policy"; trap - EXIT; }
    [[ -n $installed ]] || { say "apt-get could not install prometheus"; return 1; }
}

find_tool || { install_package && find_tool; } || exit 69
exec "$TOOL" check metrics
