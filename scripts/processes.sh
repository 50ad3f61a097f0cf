# A scratch directory and programs in the background, which all end with the script; sourced by the scripts that need some.
# shellcheck shell=bash
#
# The script defines `fail`, which says what went wrong and exits.

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

# Goes into the scratch directory. Nothing of the person's own configuration, caches or state is read or written from here on.
enter_scratch() {
    cd "$scratch" || exit
    export HOME=$scratch XDG_CONFIG_HOME=$scratch/config XDG_STATE_HOME=$scratch/state XDG_CACHE_HOME=$scratch/cache
    unset "${!OPEN_CLI_@}"
}

# Installs packages of PyPI for `python/bin/python` in the scratch directory; before it is entered, since pip's own settings are wanted.
python_with() {
    python3 -c 'import venv, ensurepip' 2>/dev/null || fail "Python's venv is missing; install it (Debian: python3-venv)"
    python3 -m venv "$scratch/python"
    "$scratch/python/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# Starts a program in the background, with its output in NAME.log, and sets `url` to the address it prints.
start() {
    local name=$1
    shift
    : >"$name.log"
    "$@" >"$name.log" 2>&1 &
    pids+=("$!")
    for _ in {1..200}; do
        url=$(grep -Eo -m1 'http://127\.0\.0\.1:[0-9]+' "$name.log" || true)
        if [[ -n $url ]]; then return; fi
        kill -0 "$!" 2>/dev/null || fail "$name ended before it was ready"
        sleep 0.05
    done
    fail "$name did not say where it listens"
}
