#!/usr/bin/env bash
# Fuzzes TARGET, a name in fuzz/fuzz_targets, for FUZZ seconds, 60 by default; without TARGET all of them in turn. New inputs go to
# fuzz/corpus, which is not committed.
# Needs cargo-fuzz and a C++ compiler. The sanitizer is an unstable flag, which RUSTC_BOOTSTRAP lets the stable compiler take.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fuzz --version >/dev/null 2>&1 || { echo "fuzz: there is no cargo-fuzz here; cargo install cargo-fuzz --locked" >&2; exit 1; }
export RUSTC_BOOTSTRAP=1

# Longer inputs say nothing new and cost time.
max_len() {
  case "$1" in
    framing) echo 20480 ;;
    description) echo 8192 ;;
    config | merge) echo 4096 ;;
    jwks) echo 3072 ;;
    *) echo 2048 ;;
  esac
}

fuzz() {
  local target=$1
  mkdir -p "fuzz/corpus/$target"
  cargo fuzz run "$target" "fuzz/corpus/$target" "testdata/fuzz/$target" -- \
    -max_total_time="${FUZZ:-60}" -max_len="$(max_len "$target")" -timeout=10 -rss_limit_mb=1024 -dict="fuzz/$target.dict"
}

if [ -n "${TARGET:-}" ]; then
  fuzz "$TARGET"
else
  for file in fuzz/fuzz_targets/*.rs; do
    target=$(basename "$file" .rs)
    echo "fuzz: $target"
    fuzz "$target"
  done
fi
