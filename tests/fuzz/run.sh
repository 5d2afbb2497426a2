#!/usr/bin/env bash
# Runs every fuzzer of build/fuzz for some seconds each, as many at once as there are processors:
# [JOBS=N] run.sh SECONDS [NAME…]. Ends with 1 if one found something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export seconds=${1:?usage: [JOBS=N] run.sh SECONDS [NAME…]}
shift
[ $# -gt 0 ] || set -- $(cd tests/fuzz/corpus && ls)
found=$(mktemp -d)
export found
trap 'rm -rf "$found"' EXIT

fuzz() {
  local name=$1 status=0
  mkdir "$found/$name"
  build/fuzz/"${name}_fuzz" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=25 \
    -artifact_prefix="build/fuzz/$name-" "$found/$name" "tests/fuzz/corpus/$name" \
    >"$found/$name.log" 2>&1 || status=1
  printf '%s: %s\n' "$name" "$(tail -n 1 "$found/$name.log")"
  return "$status"
}
export -f fuzz
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'fuzz {}' || exit 1
