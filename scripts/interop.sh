#!/usr/bin/env bash
# Tests against what nobody here wrote: npm's `oidc-provider` as the issuer, and Chromium as the browser of a login.
# Arguments go to the tests: `scripts/interop.sh rotation`.
set -euo pipefail
cd "$(dirname "$0")/.."

missing() {
    echo "interop: $1 is missing; $2" >&2
    exit 1
}

chromium=${OPEN_CLI_TEST_CHROMIUM:-/usr/bin/chromium}
command -v node >/dev/null || missing "node" "install Node.js 20 or newer (Debian: nodejs)"
command -v npm >/dev/null || missing "npm" "install it (Debian: npm)"
[[ $(node --print 'Number(process.versions.node.split(".")[0]) >= 20') == true ]] ||
    missing "a new enough node" "this is $(node --version), and 20 or newer is needed"
[[ -x $chromium ]] ||
    missing "$chromium" "install Chromium (Debian: chromium), or name the program in OPEN_CLI_TEST_CHROMIUM"

npm ci --prefix tests/interop --ignore-scripts --no-audit --no-fund --loglevel=error
cargo test --locked --test interop -- "$@"
