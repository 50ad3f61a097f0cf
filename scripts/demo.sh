#!/usr/bin/env bash
# Shows a real API called through a governed runtime that lets in only whom its issuer vouches for: `scripts/demo.sh bin`, after
# `make build`.
#
# Starts the demo API, the evaluation broker and a toolbox on free loopback ports in a scratch directory, runs commands, and fails loudly when one
# does not do what it should. Stops and removes everything at the end, also when it fails.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:?the directory with the programs}" && pwd)
export PATH="$bin:$PATH"

# shellcheck source=scripts/processes.sh
source "$here/processes.sh"
enter_scratch

fail() {
    echo "demo failed: $*" >&2
    for log in "$scratch"/*.log; do
        echo "--- ${log##*/}" >&2
        cat "$log" >&2
    done
    exit 1
}

# As `start`, for everybody to see.
begin() {
    local name=$1
    echo "\$ ${*:2} &"
    start "$@"
    echo "$name is at $url"
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

# ask WHO TOOL: runs a tool over HTTP as any client can, with the token of WHO.cli.json (or, as `nobody`, with an unsigned one), and
# prints the status line, the challenge and the body. The command line itself knows no command for what a token does not reach, so
# what the runtime says to others is shown this way.
ask() {
    local body="{\"toolId\":\"$2\"}" host=${OPEN_CLI_RUNTIME_URL#http://} token=eyJhbGciOiJub25lIn0.e30. line
    if [[ $1 != nobody ]]; then token=$(open-cli --config "$1.cli.json" auth token); fi
    exec 3<>"/dev/tcp/${host%:*}/${host#*:}"
    printf 'POST /v1/tools/execute HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n' \
        "$host" "$token" >&3
    printf 'Content-Length: %s\r\nConnection: close\r\n\r\n%s' "${#body}" "$body" >&3
    while IFS= read -r line || [[ -n $line ]]; do
        line=${line%$'\r'}
        if [[ $line =~ ^(HTTP|WWW-Authenticate|[a-z_]+$) ]]; then printf '%s\n' "$line"; fi
    done <&3
    exec 3>&-
}

# client FILE SCOPES [CHILD SCOPES]: a configuration for the command line; with child scopes its token is exchanged for a narrower one.
client() {
    local delegation=
    if (($# > 2)); then
        delegation=", \"delegation\": { \"enabled\": true, \"tokenExchangeURL\": \"$broker/token\", \"scopes\": [$3] }"
    fi
    cat > "$1" <<JSON
{
  "runtime": { "remote": {
    "url": "$OPEN_CLI_RUNTIME_URL",
    "oauth": {
      "mode": "oauthClient",
      "client": {
        "tokenURL": "$broker/token",
        "clientId": { "type": "literal", "value": "open-cli-agent" },
        "clientSecret": { "type": "file", "value": "secret" }
      },
      "scopes": [$2]$delegation
    }
  } }
}
JSON
}

umask 077
head -c 32 /dev/urandom | base64 | tr -d '\n=+/' > secret
begin demo-api open-cli-eval demo-api
demo=$url
begin broker open-cli-eval broker --client-secret-file secret --audience demo-toolbox \
    --agent-scopes 'bundle:demo runtime:admin'
broker=$url
cat > .cli.json <<JSON
{
  "cli": "1.0.0",
  "mode": { "default": "discover" },
  "sources": { "demo": { "type": "openapi", "uri": "$demo/openapi.json" } },
  "services": { "demo": { "source": "demo" } },
  "policy": { "deny": ["demo:replaceItem"], "approvalRequired": ["demo:deleteItem"] },
  "curation": { "toolSets": { "reading": { "allow": ["demo:list*", "demo:get*"], "deny": ["**"] } } },
  "agents": { "profiles": { "reader": { "mode": "curated", "toolSet": "reading" } } },
  "runtime": { "server": { "auth": {
    "validationProfile": "oidc_jwks", "issuer": "$broker", "audience": "demo-toolbox"
  } } }
}
JSON
echo
echo '$ cat .cli.json'
cat .cli.json
echo
begin toolbox open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id demo
export OPEN_CLI_RUNTIME_URL=$url

items='"bundle:demo", "tool:demo:listItems", "tool:demo:getItem", "tool:demo:createItem", "tool:demo:updateItem", "tool:demo:deleteItem"'
client operator.cli.json '"bundle:demo", "runtime:admin"'
client agent.cli.json "$items"
client child.cli.json "$items" '"tool:demo:listItems"'
operator=(open-cli --config operator.cli.json)
agent=(open-cli --config agent.cli.json)
child=(open-cli --config child.cli.json)

echo
echo 'Nobody gets in without a token, or with one that the issuer did not sign (ask posts to /v1/tools/execute):'
show 5 'authn_failed' open-cli catalog list --format table
show 0 '^HTTP/1.1 401 ' ask nobody demo:listItems

echo
echo 'An agent gets a token by client credentials; its scopes decide what there is:'
show 0 'principal +open-cli-agent' "${agent[@]}" auth status --format table
show 0 'demo items list +read-only' "${agent[@]}" catalog list --format table
if "${agent[@]}" catalog list --format table | grep -q 'demo search'; then fail 'the catalog is not filtered'; fi
show 0 'demo search items' "${operator[@]}" catalog list --format table
show 0 '"maximum": *100' "${agent[@]}" tool schema demo:listItems --format pretty

echo
echo 'What the scopes reach can be called:'
show 0 'anvil' "${agent[@]}" demo items list --limit 3 --format table
show 0 '"name": *"compass"' "${agent[@]}" demo items get item-4 --format pretty
show 0 '"id": *"item-6"' "${agent[@]}" demo items create --body '{"name":"lantern","quantity":2}' --format pretty

echo
echo 'What they do not reach is no command, and 403 for whoever asks all the same:'
show 2 'demo has no group or command .search.' "${agent[@]}" demo search items --format table
show 0 '^HTTP/1.1 403 ' ask agent demo:searchItems

echo
echo 'What policy.deny names is in no catalog, and so no command of anybody:'
show 2 'has no command .replace.' "${operator[@]}" demo items replace item-6 --body '{"name":"torch"}' --format table
echo
echo 'What a profile does not include is denied to whoever acts in it:'
show 6 'curated_deny' "${agent[@]}" --agent-profile reader demo items update item-6 --body '{"quantity":0}' --format table
echo
echo 'What needs approval runs only with it:'
show 7 'approval_required' "${agent[@]}" demo items delete item-6 --format table
show 0 '' "${agent[@]}" demo items delete item-6 --approval
show 8 'answered 404' "${agent[@]}" demo items get item-6 --format table

echo
echo 'A sub-agent gets a child token, exchanged at the broker, that sees less:'
show 0 'scopes +\["tool:demo:listItems"\]' "${child[@]}" auth status --format table
show 0 '^demo items list' "${child[@]}" catalog list --format table
if [[ $("${child[@]}" catalog list --format table | wc -l) -ne 2 ]]; then fail 'the child sees more than one tool'; fi
show 0 'anvil' "${child[@]}" demo items list --limit 1 --format table
show 0 '^HTTP/1.1 403 ' ask child demo:createItem

echo
echo 'Each of these left a record, on disk before its answer; all of them are for the operator to read:'
show 0 'authz_denial .*open-cli-agent .*demo:searchItems .*authz_denied' "${operator[@]}" audit list --limit 100 --format table
records=state/open-cli/instances/demo/audit.log
for event in authn_failure authenticated_connect catalog_filtered tool_execution execution_started authz_denial; do
    grep -q "\"eventType\":\"$event\"" "$records" || fail "the audit trail has no $event"
done
echo
echo 'And the child acted on behalf of somebody:'
show 0 'demo:listItems.*"decision":"allowed"' grep -E '"eventType":"tool_execution".*"delegatedBy"' "$records"

echo
echo 'Stopping the runtime takes the scope runtime:admin. It takes its runtime.json along:'
show 6 'runtime:admin' "${agent[@]}" runtime stop --format table
show 0 '' "${operator[@]}" runtime stop
wait "${pids[2]}" || fail "the toolbox did not stop cleanly"
unset 'pids[2]'
if [[ -e state/open-cli/instances/demo/runtime.json ]]; then fail "runtime.json outlived the toolbox"; fi
if grep -rqF "$(cat secret)" state broker.log toolbox.log; then fail "a secret was written down"; fi
echo
echo 'demo: everything did what it should'
