#!/usr/bin/env bash
# Stops the stack and removes its containers, its database and its secrets. Audit trail and logs stay.
set -euo pipefail
# shellcheck source=examples/local-authentik/compose/settings.sh
source "$(dirname "$0")/settings.sh"

for name in toolbox demo-api; do
    if runs "$dir/$name.pid"; then kill "$(<"$dir/$name.pid")"; fi
    rm -f "$dir/$name.pid" "$dir/$name.port"
done
if [[ -e $env_file ]]; then
    require_engine
    compose down --volumes --remove-orphans
    rm -f "$env_file" "$dir/client.env"
fi
echo "the stack is down; $dir keeps the audit trail and logs"
