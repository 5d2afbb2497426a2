#!/usr/bin/env bash
# Installs what stands in the named lists and is not there yet: install.sh build run test
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

missing=()
for list in "$@"; do
  wanted=()
  while read -r package; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      wanted+=("$package")
  done < <(grep -v '^#' "$here/$list.txt")
  [ ${#wanted[@]} -gt 0 ] || continue
  # The list's first line tells why.
  printf '%s\n  to install with apt: %s\n' "$(sed -n '1s/^# //p' "$here/$list.txt")" "${wanted[*]}"
  missing+=("${wanted[@]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  printf 'cleave: apt-get is not here; install what these packages hold, then start again.\n' >&2
  exit 3
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    printf 'cleave: as root, run: apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
    exit 4
  fi
  sudo=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}
if ! install >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  printf 'cleave: apt could not install the packages above.\n' >&2
  exit 3
fi
