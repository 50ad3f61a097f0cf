#!/usr/bin/env bash
# Measures the programs in ./bin, which `make build` puts there, and the library built with the same settings.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/release.sh
source scripts/release.sh

# Whether one of these subjects is asked for; without any, all are.
is_asked_for() {
    local subjects=$1 name
    shift
    for name in "${@:-all}"; do
        [[ " $subjects all " == *" $name "* ]] && return
    done
    return 1
}

# The peer and the load generator of `proxy`, `audit`, `execute` and `batch`; without them these subjects say so and are left out.
needs_nginx() {
    is_asked_for "proxy audit execute batch" "$@" && ! { command -v nginx && command -v wrk; } >/dev/null
}

if needs_nginx "$@" && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    # This run level keeps the package from starting a server.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends nginx wrk ||
        echo "nginx and wrk could not be installed" >&2
fi

# The peer of `audit`: a toolbox that writes no trail.
if is_asked_for audit "$@"; then
    release_cargo build --release --bin open-cli-toolbox --features measure-without-audit
    mkdir -p bin/without-audit
    cp "$(release_dir)/open-cli-toolbox" bin/without-audit/
fi

release_cargo bench --bench bench -- "$@"
