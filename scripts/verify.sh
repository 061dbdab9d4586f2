#!/usr/bin/env bash
# Build both binaries twice, from two folders with separate caches, and compare.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp" && rm -rf "$tmp"' EXIT
for copy in one "two with a space"; do
  mkdir -p "$tmp/$copy"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$tmp/$copy"
  GOCACHE="$tmp/cache-${copy%% *}" make -s -C "$tmp/$copy" build
done
status=0
for name in coldsign-offline coldsign-online; do
  a=$(sha256sum <"$tmp/one/bin/$name") b=$(sha256sum <"$tmp/two with a space/bin/$name")
  if [ "$a" = "$b" ]; then echo "same bytes: $name ${a%% *}"; else echo "DIFFERENT: $name" >&2; status=1; fi
done
if file -b "$tmp/one/bin/coldsign-offline" 2>/dev/null | grep -q 'dynamically linked'; then echo "not static" >&2; status=1; fi
exit $status
