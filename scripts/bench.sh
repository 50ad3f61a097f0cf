#!/usr/bin/env bash
# Measures the programs in ./bin, which `make build` puts there, and the library built with the same settings.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/release.sh
source scripts/release.sh

release_cargo bench --bench bench -- "$@"
