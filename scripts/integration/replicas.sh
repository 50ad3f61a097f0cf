#!/usr/bin/env bash
# Three toolboxes behind nginx as `examples/replicas` sets them up: one is killed, all are restarted one after the other, under load.
set -euo pipefail
cd "$(dirname "$0")/../.."

PATH=$PATH:/usr/sbin
command -v nginx >/dev/null || {
    echo "replicas: nginx is missing; install it (Debian: nginx-light)" >&2
    exit 1
}
exec cargo test --locked --test replicas
