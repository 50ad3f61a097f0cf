#!/usr/bin/env bash
# Checks what is handed out and writes SHA256SUMS: `scripts/check-dist.sh dist`. Fails if a program is dynamic, or does
# not run where there is nothing but itself.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/release.sh
source scripts/release.sh

dist=${1:?the directory with the programs}

if ! on_linux; then
    echo "static programs are made on Linux only; this is $(uname -s)" >&2
    exit 1
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

for program in "${programs[@]}"; do
    require_static "$dist/$program"
    if [[ $(id -u) -eq 0 ]]; then
        cp "$dist/$program" "$root/"
        version=$(chroot "$root" "/$program" --version)
        echo "$program: static, runs in an empty root: $version"
    else
        echo "$program: static; not run in an empty root, because that takes root"
    fi
done

cd "$dist"
sha256sum "${programs[@]}" man/* > SHA256SUMS
cat SHA256SUMS
