#!/usr/bin/env bash
# Measures the programs in ./bin, which `make build` puts there, and the library built with the same settings.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/release.sh
source scripts/release.sh

# The peer and the load generator of `proxy`; without them that subject says so and is left out.
needs_nginx() {
    [[ " ${*:-proxy} " == *" proxy "* ]] && ! { command -v nginx && command -v wrk; } >/dev/null
}

if needs_nginx "$@" && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    # This run level keeps the package from starting a server.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends nginx wrk ||
        echo "nginx and wrk could not be installed" >&2
fi

release_cargo bench --bench bench -- "$@"
