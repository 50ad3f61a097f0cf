#!/usr/bin/env bash
# Builds the three programs for release into a directory: `scripts/build.sh bin`. On Linux each is checked to be static.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/release.sh
source scripts/release.sh

out=${1:?the directory to put the programs into}

release_cargo build --release --bins
mkdir -p "$out"
for program in "${programs[@]}"; do
    built=$(release_dir)/$program
    if on_linux; then require_static "$built"; fi
    # A running program cannot be written to, but it can be replaced.
    cp "$built" "$out/.$program.new"
    mv -f "$out/.$program.new" "$out/$program"
done
echo "built $out/: ${programs[*]}"
