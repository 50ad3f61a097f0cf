# What the scripts of this directory share; sourced by them.
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those who source this

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
dir=${OPEN_CLI_EVAL_DIR:-$root/.open-cli-local/authentik}
[[ $dir == /* ]] || dir=$PWD/$dir
env_file=$dir/compose.env

# Where the demo API and the toolbox run. In Compose they need the host's network, which is there on Linux.
if [[ $(uname -s) == Linux ]]; then programs_default=compose; else programs_default=host; fi
programs_in=${OPEN_CLI_LOCAL_PROGRAMS_IN:-$programs_default}

fail() {
    echo "error: $*" >&2
    exit 1
}

# Runs Compose on this stack.
compose() {
    docker compose --project-name open-cli-local --env-file "$env_file" --file "$here/compose.yaml" --profile image "$@"
}

require_engine() {
    command -v docker >/dev/null || fail "there is no docker; without OPEN_CLI_LOCAL_BROKER=authentik nothing needs it"
    docker compose version >/dev/null 2>&1 || fail "docker has no compose command (version 2 or newer)"
    docker info >/dev/null 2>&1 || fail "no Docker engine answers; without OPEN_CLI_LOCAL_BROKER=authentik nothing needs one"
}

# Whether the process whose id a file holds is the one that was started for this directory.
runs() {
    local file=$1 pid
    [[ -s $file ]] || return 1
    pid=$(<"$file")
    [[ $pid =~ ^[0-9]+$ ]] && ps -p "$pid" -o args= 2>/dev/null | grep -qF -- "$dir"
}
