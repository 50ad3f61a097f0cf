#!/usr/bin/env bash
# Shows a real API called through a governed runtime: `scripts/demo.sh bin`, after `make build`.
#
# Starts the demo API and a toolbox on free loopback ports in a scratch directory, runs commands, and fails loudly when one
# does not do what it should. Stops and removes everything at the end, also when it fails.
set -euo pipefail

bin=$(cd "${1:?the directory with the programs}" && pwd)
export PATH="$bin:$PATH"

scratch=$(mktemp -d)
pids=()

clean_up() {
    local pid
    for pid in ${pids[@]+"${pids[@]}"}; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Nothing of the person's own configuration, caches or state is read or written.
cd "$scratch"
export HOME=$scratch XDG_CONFIG_HOME=$scratch/config XDG_STATE_HOME=$scratch/state XDG_CACHE_HOME=$scratch/cache
unset "${!OPEN_CLI_@}"

fail() {
    echo "demo failed: $*" >&2
    for log in "$scratch"/*.log; do
        echo "--- ${log##*/}" >&2
        cat "$log" >&2
    done
    exit 1
}

# Starts a program in the background and sets `url` to the address it prints.
start() {
    local name=$1
    shift
    echo "\$ $* &"
    "$@" >"$name.log" 2>&1 &
    pids+=("$!")
    for _ in {1..100}; do
        url=$(grep -Eo -m1 'http://127\.0\.0\.1:[0-9]+' "$name.log" || true)
        if [[ -n $url ]]; then echo "$name is at $url"; return; fi
        kill -0 "$!" 2>/dev/null || fail "$name ended before it was ready"
        sleep 0.05
    done
    fail "$name did not say where it listens"
}

# The words of a command as a person types them.
typed() {
    local word
    for word in "$@"; do
        if [[ $word =~ ^[A-Za-z0-9_./:=@,-]+$ ]]; then printf ' %s' "$word"; else printf " '%s'" "$word"; fi
    done
}

# show EXIT PATTERN COMMAND..: prints the command, runs it, prints its output, and checks the exit code and that some line
# of the output has the pattern. Long output is cut for reading; the check sees all of it.
show() {
    local expected=$1 pattern=$2 output code=0
    shift 2
    echo
    echo "\$$(typed "$@")"
    output=$("$@" 2>&1) || code=$?
    if [[ -n $output ]]; then head -n 24 <<<"$output"; fi
    if (($(wc -l <<<"$output") > 24)); then echo "..."; fi
    if ((expected != 0)); then echo "(exit code $code)"; fi
    if ((code != expected)); then fail "exit code $code instead of $expected: $*"; fi
    grep -Eq -- "$pattern" <<<"$output" || fail "no line of the output has '$pattern': $*"
}

start demo-api open-cli-eval demo-api
cat > .cli.json <<JSON
{
  "cli": "1.0.0",
  "mode": { "default": "discover" },
  "sources": { "demo": { "type": "openapi", "uri": "$url/openapi.json" } },
  "services": { "demo": { "source": "demo" } },
  "policy": { "deny": ["demo:replaceItem"], "approvalRequired": ["demo:deleteItem"] },
  "curation": { "toolSets": { "reading": { "allow": ["demo:list*", "demo:get*"], "deny": ["**"] } } },
  "agents": { "profiles": { "reader": { "mode": "curated", "toolSet": "reading" } } }
}
JSON
echo
echo '$ cat .cli.json'
cat .cli.json
echo
start toolbox open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id demo
export OPEN_CLI_RUNTIME_URL=$url

show 0 'demo items list +read-only' open-cli catalog list --service demo --group items --format table
show 0 '"maximum": *100' open-cli tool schema demo:listItems --format pretty
show 0 'anvil' open-cli demo items list --limit 3 --format table
show 0 '"name": *"compass"' open-cli demo items get item-4 --format pretty
show 0 '"id": *"item-6"' open-cli demo items create --body '{"name":"lantern","quantity":2}' --format pretty

echo
echo 'What policy.deny names is in no catalog, and so no command of anybody:'
show 2 'has no command .replace.' open-cli demo items replace item-6 --body '{"name":"torch"}' --format table
echo
echo 'What a profile does not include is denied to whoever acts in it:'
show 6 'curated_deny' open-cli --agent-profile reader demo items update item-6 --body '{"quantity":0}' --format table
echo
echo 'What needs approval runs only with it:'
show 7 'approval_required' open-cli demo items delete item-6 --format table
show 0 '' open-cli demo items delete item-6 --approval
show 8 'answered 404' open-cli demo items get item-6 --format table

echo
echo 'Each call left a record, on disk before its answer:'
show 0 'authz_denial .*demo:updateItem .*curated_deny' open-cli audit list --format table

echo
echo 'The runtime stops, and takes its runtime.json along:'
show 0 '' open-cli runtime stop
wait "${pids[1]}" || fail "the toolbox did not stop cleanly"
unset 'pids[1]'
if [[ -e state/open-cli/instances/demo/runtime.json ]]; then fail "runtime.json outlived the toolbox"; fi
echo
echo 'demo: everything did what it should'
