# shellcheck shell=bash disable=SC2034
# What setup.sh, up.sh and down.sh share; sourced by them.
#
# Sets `dir`, where the stack keeps its files, and `eval_program`. With OPEN_CLI_LOCAL_BROKER=authentik the script of the same
# name in compose/ takes over.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

case ${OPEN_CLI_LOCAL_BROKER:-evaluation} in
    evaluation) ;;
    authentik) exec "$here/compose/$(basename "$0")" "$@" ;;
    *)
        echo "${0##*/}: OPEN_CLI_LOCAL_BROKER is 'evaluation' or 'authentik', not '$OPEN_CLI_LOCAL_BROKER'" >&2
        exit 2
        ;;
esac

# From the root of the repository paths are shown as the documentation writes them.
dir=$root/.open-cli-local/authentik
if [[ $PWD -ef $root ]]; then dir=.open-cli-local/authentik; fi
dir=${OPEN_CLI_EVAL_DIR:-$dir}

find_program() {
    local candidate
    for candidate in "${OPEN_CLI_BIN:-$root/bin}/$1" "$(command -v "$1" || true)" "$root"/target/{release,debug}/"$1"; do
        if [[ -n $candidate && -x $candidate ]]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    echo "${0##*/}: there is no $1 in ./bin, on PATH or in ./target; 'make build' makes it" >&2
    return 1
}

eval_program=$(find_program open-cli-eval)
