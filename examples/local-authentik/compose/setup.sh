#!/usr/bin/env bash
# Makes the secrets and configurations of the Compose stack: `OPEN_CLI_LOCAL_BROKER=authentik ../setup.sh`. Starts nothing.
set -euo pipefail
# shellcheck source=examples/local-authentik/compose/settings.sh
source "$(dirname "$0")/settings.sh"
umask 077

# The database keeps the password that it was made with, so new secrets need a new database.
[[ ! -e $env_file ]] || fail "$env_file is there: run down.sh first, which removes the stack and its database"

# The port of an address that somebody chose.
port_of() {
    [[ $1 =~ ^127\.0\.0\.1:([1-9][0-9]{0,4})$ ]] || fail "\`$1\` is no address like 127.0.0.1:9100"
    echo "${BASH_REMATCH[1]}"
}
broker=$(port_of "${OPEN_CLI_EVAL_BROKER_ADDR:-127.0.0.1:9100}")
demo=$(port_of "${OPEN_CLI_EVAL_DEMO_ADDR:-127.0.0.1:9000}")
toolbox=$(port_of "${OPEN_CLI_EVAL_TOOLBOX_ADDR:-127.0.0.1:8765}")

secret() {
    od -An -tx1 -N32 /dev/urandom | tr -d ' \n'
}

# Prints a configuration of this directory with the chosen ports; by way of marks, since one's default may be another's choice.
with_ports() {
    sed -e 's#127\.0\.0\.1:9100#@broker#g' -e 's#127\.0\.0\.1:9000#@demo#g' -e 's#127\.0\.0\.1:8765#@toolbox#g' \
        -e "s#@broker#127.0.0.1:$broker#g" -e "s#@demo#127.0.0.1:$demo#g" -e "s#@toolbox#127.0.0.1:$toolbox#g" "$here/$1"
}

mkdir -p "$dir/state"
chmod 700 "$dir" "$dir/state"
for file in runtime client browser; do
    with_ports "$file.cli.json" >"$dir/$file.cli.json"
done

agent_secret=$(secret)
user=$(id -u):$(id -g)
if [[ $(id -u) -eq 0 && $programs_in == compose ]]; then
    # The programs in the containers are nobody's root; give them what they read and write.
    user=65532:65532
    chown -R 65532:65532 "$dir/state" "$dir/runtime.cli.json"
fi
cat >"$env_file" <<ENV
OPEN_CLI_LOCAL_DIR=$dir
OPEN_CLI_LOCAL_USER=$user
OPEN_CLI_LOCAL_BROKER_PORT=$broker
OPEN_CLI_LOCAL_DEMO_PORT=$demo
OPEN_CLI_LOCAL_TOOLBOX_PORT=$toolbox
OPEN_CLI_POSTGRES_PASSWORD=$(secret)
OPEN_CLI_AUTHENTIK_SECRET_KEY=$(secret)
OPEN_CLI_AKADMIN_PASSWORD=$(secret)
OPEN_CLI_AGENT_SECRET=$agent_secret
OPEN_CLI_ADA_PASSWORD=$(secret)
OPEN_CLI_BEN_PASSWORD=$(secret)
ENV
cat >"$dir/client.env" <<ENV
export OPEN_CLI_CLIENT_ID=open-cli-agent
export OPEN_CLI_CLIENT_SECRET=$agent_secret
ENV
chmod 600 "$env_file" "$dir/client.env" "$dir"/*.cli.json

echo "made $dir: new secrets in compose.env (also the passwords of akadmin, ada and ben), client.env for your shell"
