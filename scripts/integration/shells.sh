#!/usr/bin/env bash
# Completes command lines in real bash, zsh and fish, on terminals of their own, from the catalog of a toolbox that is stopped before:
# `scripts/integration/shells.sh bin`, after `make build`. The catalog is a hostile one.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:?the directory with the programs}" && pwd)
export PATH="$bin:$PATH"

# shellcheck source=scripts/processes.sh
source "$here/../processes.sh"

fail() {
    echo "shells: $*" >&2
    exit 1
}

for program in bash zsh fish python3; do
    command -v "$program" >/dev/null || fail "$program is missing; install it (Debian: $program)"
done
enter_scratch
cp "$here/shells/shop.yaml" .
cat > .cli.json <<'JSON'
{
  "cli": "1.0.0",
  "mode": { "default": "discover" },
  "sources": { "sh": { "type": "openapi", "uri": "shop.yaml" } },
  "services": { "sh": { "source": "sh", "alias": "shop" } },
  "curation": { "toolSets": { "some": { "allow": ["sh:listItems"] } } },
  "agents": { "profiles": { "clerk": { "mode": "curated", "toolSet": "some" } } }
}
JSON
mkdir files 'files/a directory' files/other
touch files/one.json 'files/two words.json' "files/it's.json" 'files/$(touch pwned)' files/.hidden
start toolbox open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id shells
export OPEN_CLI_RUNTIME_URL=$url
open-cli catalog list --format json > listed
open-cli --agent-profile clerk catalog list --format json > listed
kill -TERM "${pids[0]}"
wait "${pids[0]}" || fail "the toolbox did not stop cleanly"
unset 'pids[0]'

python3 "$here/shells/drive.py"
[[ -z $(find . -name pwned) ]] || fail "something of the catalog was run"
