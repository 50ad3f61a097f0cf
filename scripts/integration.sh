#!/usr/bin/env bash
# Tests of the built programs against programs of others: `scripts/integration.sh [STEP..]`, after `make build`. Without arguments every
# step runs, in this order. Each is a script of its own, `scripts/integration/STEP.sh`, which gets the directory of the programs.
set -euo pipefail
cd "$(dirname "$0")/.."

steps=(
    schemathesis # the description of the HTTP API holds, whatever is asked
    replicas     # three toolboxes behind nginx lose nothing in a rolling restart
    prism        # a judge of others takes every request
    servers      # two servers of others do what they are asked, for whom they should
    man          # groff and mandoc read the manual pages without a warning
    units        # systemd reads the units
    shells       # bash, zsh and fish complete what they should, whatever a catalog says
    terminal     # a terminal shows what it should while somebody is asked
    crash        # no kill under load loses what was answered
)

if (($#)); then wanted=("$@"); else wanted=("${steps[@]}"); fi
for step in "${wanted[@]}"; do
    [[ " ${steps[*]} " == *" $step "* ]] || { echo "integration: there is no step '$step'; there are: ${steps[*]}" >&2; exit 2; }
done
for step in "${wanted[@]}"; do
    echo "== $step"
    "scripts/integration/$step.sh" bin
done
echo "integration: every step did what it should"
