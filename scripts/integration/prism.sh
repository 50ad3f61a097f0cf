#!/usr/bin/env bash
# Lets Prism judge the requests of every tool of some descriptions: `scripts/integration/prism.sh`. It comes from npm into a directory that
# is thrown away; Node.js has to be there.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v npm >/dev/null || {
    echo "prism: npm is missing; install Node.js (Debian: nodejs, npm)" >&2
    exit 1
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
npm install --silent --no-audit --no-fund --prefix "$scratch" @stoplight/prism-cli@5.16.0
PRISM=$scratch/node_modules/.bin/prism cargo test --locked --test prism -- --nocapture
