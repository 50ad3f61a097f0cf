#!/usr/bin/env bash
# Has systemd read the units of `examples/systemd`: no complaint, and an exposure of 1.5 at most. Nothing is started.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v systemd-analyze >/dev/null || {
    echo "units: systemd-analyze is missing; install it (Debian: systemd)" >&2
    exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for unit in examples/systemd/*.service; do
    # The program need not be installed here.
    sed 's#^ExecStart=[^ ]*#ExecStart=/bin/true#' "$unit" >"$scratch/${unit##*/}"
done
for unit in open-cli-toolbox.service open-cli-toolbox@.service; do
    complaints=$(cd "$scratch" && systemd-analyze verify "./$unit" 2>&1) || {
        echo "$unit: $complaints" >&2
        exit 1
    }
    if [[ -n $complaints ]]; then
        echo "$unit: $complaints" >&2
        exit 1
    fi
    (cd "$scratch" && systemd-analyze security --offline=true --no-pager --threshold=15 "./$unit" | tail -n 1)
done
