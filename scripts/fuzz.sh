#!/usr/bin/env bash
# Fuzzes the framing of requests for FUZZ seconds, 60 by default. New inputs go to fuzz/corpus, which is not committed.
# Needs cargo-fuzz and a C++ compiler. The sanitizer is an unstable flag, which RUSTC_BOOTSTRAP lets the stable compiler take.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fuzz --version >/dev/null 2>&1 || { echo "fuzz: there is no cargo-fuzz here; cargo install cargo-fuzz --locked" >&2; exit 1; }
mkdir -p fuzz/corpus/framing
export RUSTC_BOOTSTRAP=1
exec cargo fuzz run framing fuzz/corpus/framing testdata/fuzz/framing -- \
  -max_total_time="${FUZZ:-60}" -max_len=20480 -timeout=10 -dict=fuzz/framing.dict
