#!/usr/bin/env bash
# Runs every fuzzer of build/fuzz for some seconds each: run.sh SECONDS [NAME…]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:?usage: run.sh SECONDS [NAME…]}
shift
[ $# -gt 0 ] || set -- $(cd tests/fuzz/corpus && ls)
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
for name in "$@"; do
  printf '%s: ' "$name"
  mkdir "$found/$name"
  build/fuzz/"${name}_fuzz" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 \
    -artifact_prefix="build/fuzz/$name-" "$found/$name" "tests/fuzz/corpus/$name" 2>&1 |
    tail -n 1
done
