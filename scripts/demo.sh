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

# show EXIT PATTERN COMMAND..: prints the command, runs it, prints its output, and checks the exit code and that some line
# of the output has the pattern. Long output is cut for reading; the check sees all of it.
show() {
    local expected=$1 pattern=$2 output code=0
    shift 2
    echo
    printf '$'
    printf ' %q' "$@"
    echo
    output=$("$@" 2>&1) || code=$?
    head -n 24 <<<"$output"
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
  "policy": { "deny": ["demo:replaceItem"], "approvalRequired": ["demo:deleteItem"] }
}
JSON
echo
echo '$ cat .cli.json'
cat .cli.json
echo
start toolbox open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id demo
export OPEN_CLI_RUNTIME_URL=$url

show 0 'demo:listItems' open-cli catalog list --service demo --group items --format table
show 0 '"maximum": *100' open-cli tool schema demo:listItems --format pretty
show 0 'anvil' open-cli demo items list --limit 3 --format table
show 0 '"name": *"compass"' open-cli demo items get item-4 --format pretty
show 0 '"id": *"item-6"' open-cli demo items create --body '{"name":"lantern","quantity":2}' --format pretty
show 6 'policy_deny|policy denies' open-cli demo items replace item-6 --body '{"name":"torch"}'
show 7 'approval' open-cli demo items delete item-6
show 0 '' open-cli demo items delete item-6 --approval
show 8 '404' open-cli demo items get item-6

echo
echo 'The audit trail, one record for each of these calls:'
show 0 '"decision":"denied".*policy_deny|policy_deny.*"decision":"denied"' \
    grep -hE 'tool_execution|authz_denial|execution_started' state/open-cli/instances/demo/audit.log

echo
show 0 '' open-cli runtime stop
wait "${pids[1]}" || fail "the toolbox did not stop cleanly"
unset 'pids[1]'
if [[ -e state/open-cli/instances/demo/runtime.json ]]; then fail "runtime.json outlived the toolbox"; fi
echo
echo 'demo: everything did what it should'
