#!/usr/bin/env bash
# From a fresh machine to a VM with a picture on a virtual GPU. Arguments go to `cleave up --demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Runs quietly; what it printed is shown only if it fails.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    exit 3
  fi
  rm -f "$log"
}

data/packages/install.sh build run
[ -f build/release/build.ninja ] || quietly cmake --preset release
printf 'Building cleave…\n'
quietly ninja -C build/release

exec build/release/cleave up --demo --picture build/cleave-demo.png "$@"
