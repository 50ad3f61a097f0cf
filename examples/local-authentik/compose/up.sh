#!/usr/bin/env bash
# Starts Authentik and PostgreSQL in Compose, then the demo API and the toolbox, and waits until all of it answers.
set -euo pipefail
# shellcheck source=examples/local-authentik/compose/settings.sh
source "$(dirname "$0")/settings.sh"

[[ -e $env_file ]] || fail "$env_file is not there: run setup.sh first"
require_engine
command -v curl >/dev/null || fail "curl is needed to wait for Authentik"
setting() {
    sed -n "s/^$1=//p" "$env_file"
}
broker=$(setting OPEN_CLI_LOCAL_BROKER_PORT)
demo=$(setting OPEN_CLI_LOCAL_DEMO_PORT)
toolbox=$(setting OPEN_CLI_LOCAL_TOOLBOX_PORT)

echo "starting PostgreSQL and Authentik; the first time takes some minutes"
compose up --detach --wait --wait-timeout 600 postgresql server worker

# Until the blueprint is applied there is no such application. A client without a signing key has no keys here, and its
# tokens would be signed with a shared secret, which the toolbox refuses.
jwks=http://127.0.0.1:$broker/application/o/open-cli-agent/jwks/
for _ in {1..60}; do
    if curl --silent --fail --max-time 5 "$jwks" | grep -q '"kty"'; then ready=yes; break; fi
    sleep 5
done
[[ ${ready:-} == yes ]] || fail "no key at $jwks: is the blueprint applied? see \`docker logs\` of the worker"

case $programs_in in
    compose)
        compose up --detach --build --wait --wait-timeout 1800 demo-api toolbox
        ;;
    host)
        bin=${OPEN_CLI_BIN:-$root/bin}
        [[ -x $bin/open-cli-toolbox ]] || fail "there is no $bin/open-cli-toolbox: run \`make build\` first"
        if runs "$dir/demo-api.pid" || runs "$dir/toolbox.pid"; then fail "programs of $dir run: down.sh stops them"; fi
        umask 077
        nohup "$bin/open-cli-eval" demo-api --addr "127.0.0.1:$demo" --port-file "$dir/demo-api.port" \
            >"$dir/demo-api.log" 2>&1 &
        echo $! >"$dir/demo-api.pid"
        for _ in {1..100}; do
            [[ ! -s $dir/demo-api.port ]] || break
            sleep 0.1
        done
        nohup "$bin/open-cli-toolbox" --config "$dir/runtime.cli.json" --addr "127.0.0.1:$toolbox" \
            --state-dir "$dir/state" >"$dir/toolbox.log" 2>&1 &
        echo $! >"$dir/toolbox.pid"
        for _ in {1..100}; do
            if curl --silent --fail --max-time 5 "http://127.0.0.1:$toolbox/readyz" >/dev/null; then up=yes; break; fi
            sleep 0.2
        done
        [[ ${up:-} == yes ]] || fail "the toolbox does not answer; see $dir/toolbox.log"
        ;;
    *)
        fail "OPEN_CLI_LOCAL_PROGRAMS_IN is \`$programs_in\`; it may be compose or host"
        ;;
esac

echo "Authentik is at http://127.0.0.1:$broker/, the toolbox at http://127.0.0.1:$toolbox. Next:"
echo "  source $dir/client.env"
echo "  open-cli --config $dir/client.cli.json catalog list --format pretty"
