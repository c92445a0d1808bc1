#!/bin/bash
# packages.sh COMMAND:PACKAGE...: have these commands (or files, if it starts with /); on Debian as root, install them.
set -euo pipefail
missing=()
for pair; do
  what=${pair%%:*}
  if [[ $what == /* ]]; then [[ -e $what ]]; else command -v "$what" >/dev/null; fi || missing+=("${pair##*:}")
done
[[ ${#missing[@]} == 0 ]] && exit 0
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]} (names of Debian packages); install them, or run this as root on Debian" >&2
  exit 1
fi
echo "installing ${missing[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends "${missing[@]}" >/dev/null
