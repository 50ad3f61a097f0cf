#!/usr/bin/env bash
# Holds a toolbox of ./bin under mixed load for SOAK seconds, 1,800 by default, and says whether what it holds stays flat.
set -euo pipefail
cd "$(dirname "$0")/.."

exec scripts/bench.sh soak
