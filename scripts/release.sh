# How programs are built for release; sourced by the scripts beside this one.
# shellcheck shell=bash
#
# On Linux they are linked statically. That needs an explicit target, without which procedural macros cannot be built, and
# the flags must come through --config: as a RUSTFLAGS variable they would have to be repeated by everybody, and a stray
# one would quietly win and yield dynamic programs, so it is removed here.

# shellcheck disable=SC2034 # used by those who source this
programs=(open-cli open-cli-toolbox open-cli-eval)

on_linux() {
    [[ $(uname -s) == Linux ]]
}

host_triple() {
    rustc --version --verbose | sed -n 's/^host: //p'
}

# Runs a cargo command (`build`, `bench`, ..) with the settings of a release.
release_cargo() {
    local command=$1
    shift
    if ! on_linux; then
        cargo "$command" --locked "$@"
        return
    fi
    local triple
    triple=$(host_triple)
    env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_RUSTFLAGS cargo "$command" --locked --target "$triple" \
        --config "target.$triple.rustflags=['-C', 'target-feature=+crt-static']" "$@"
}

# Where release_cargo leaves the programs.
release_dir() {
    local target=${CARGO_TARGET_DIR:-target}
    if on_linux; then echo "$target/$(host_triple)/release"; else echo "$target/release"; fi
}

# Fails unless a program is static. `readelf` is exact; `ldd` does where binutils are missing.
require_static() {
    local program=$1
    if command -v readelf >/dev/null; then
        if readelf --program-headers "$program" | grep -q INTERP; then
            echo "$program is dynamic: it names an interpreter" >&2
            return 1
        fi
    elif ! ldd "$program" 2>&1 | grep -Eq 'statically linked|not a dynamic executable'; then
        echo "$program is dynamic: ldd finds libraries" >&2
        return 1
    fi
}
