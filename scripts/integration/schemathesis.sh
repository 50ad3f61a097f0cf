#!/usr/bin/env bash
# Asks a toolbox with auth on for everything that its own description allows, and for much that it does not, and fails on any answer
# that the description does not have: `scripts/integration/schemathesis.sh bin`, after `make build`. The asking is schemathesis's, which
# comes from PyPI into an environment that is thrown away; its seed is fixed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:?the directory with the programs}" && pwd)
export PATH="$bin:$PATH"

# shellcheck source=scripts/processes.sh
source "$here/../processes.sh"

fail() {
    echo "schemathesis: $*" >&2
    tail -n 20 "$scratch/toolbox.log" >&2 || true
    exit 1
}

python_with schemathesis==4.32.5 openapi-spec-validator==0.9.0

enter_scratch
umask 077

head -c 32 /dev/urandom | base64 | tr -d '\n=+/' > secret
start demo-api open-cli-eval demo-api
demo=$url
start broker open-cli-eval broker --client-secret-file secret --audience toolbox --token-seconds 1200 \
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
    "validationProfile": "oidc_jwks", "issuer": "$broker", "audience": "toolbox", "browserClientId": "open-cli-browser"
  } } }
}
JSON
start toolbox open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id described
toolbox=$url

# token SCOPES: of the agent, by client credentials.
token() {
    python/bin/python - "$broker/token" "$1" <<'PY'
import json, sys, urllib.parse, urllib.request
form = {"grant_type": "client_credentials", "client_id": "open-cli-agent", "client_secret": open("secret").read(), "scope": sys.argv[2]}
print(json.load(urllib.request.urlopen(sys.argv[1], urllib.parse.urlencode(form).encode()))["access_token"])
PY
}

# asks WHAT SCOPES [OPTION..]: one run.
asks() {
    local what=$1 scopes=$2
    shift 2
    echo "-- $what"
    python/bin/schemathesis --config-file settings.toml run "$toolbox/openapi.json" \
        --header "Authorization: Bearer $(token "$scopes")" --seed 5 --generation-database none \
        --no-color "$@" || fail "$what: see above"
}

cp "$here/schemathesis.toml" settings.toml

python/bin/python - "$toolbox/openapi.json" <<'PY'
import json, sys, urllib.request
from openapi_spec_validator import OpenAPIV31SpecValidator
OpenAPIV31SpecValidator(json.load(urllib.request.urlopen(sys.argv[1]))).validate()
PY
echo "the description is a valid OpenAPI 3.1 document"

# Stopping the runtime would end the test, so nobody who may asks for it.
asks 'an administrator' 'bundle:demo runtime:admin' --max-examples 30 --exclude-path /v1/runtime/stop
asks 'an administrator who reads JSON' 'bundle:demo runtime:admin' --max-examples 10 --exclude-path /v1/runtime/stop \
    --header 'Accept: application/json'
asks 'somebody who may not stop it' 'bundle:demo' --max-examples 10 --include-path /v1/runtime/stop --include-path /metrics

# Being refused well is not enough: every path was answered with what it is there for, too.
python/bin/python - "$toolbox" "$(token 'runtime:admin')" <<'PY' || fail "some paths only ever refused"
import json, sys, urllib.request
toolbox, token = sys.argv[1:]
def get(path):
    request = urllib.request.Request(toolbox + path, headers={"Authorization": "Bearer " + token})
    return urllib.request.urlopen(request).read().decode()
lines = [line for line in get("/metrics").splitlines() if line.startswith("open_cli_requests_total") and 'status="200"' in line]
print("\n".join(lines))
answered = {line.split('"')[1] for line in lines if not line.endswith(" 0")}
# Nobody stops the runtime here, and no service of this one has logins; tests/it/upstream_login.rs goes through those.
elsewhere = {"/v1/runtime/stop"} | {"/v1/auth/upstream/" + step for step in ("start", "finish", "logout")}
missing = set(json.loads(get("/openapi.json"))["paths"]) - answered - elsewhere
sys.exit(f"never answered 200: {missing}" if missing else 0)
PY

kill -TERM "${pids[2]}"
wait "${pids[2]}" || fail "the toolbox did not stop cleanly"
unset 'pids[2]'
if grep -E '^[^ ]+ error |panicked' toolbox.log; then fail "the toolbox logged an error"; fi
