#!/usr/bin/env bash
# Writes the manual pages into a directory, which is made anew: `scripts/man.sh man`. They come from the tables that help reads.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:?the directory to put the pages into}

rm -rf "$out"
cargo run --locked --quiet --example man -- "$out"
echo "wrote $out/: $(ls "$out" | tr '\n' ' ')"
