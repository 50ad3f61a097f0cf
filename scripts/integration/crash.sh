#!/usr/bin/env bash
# Kills a toolbox under load, again and again, and compares its audit trail with what clients and upstream have seen.
set -euo pipefail
cd "$(dirname "$0")/../.."

exec cargo test --locked --test crash -- --nocapture
