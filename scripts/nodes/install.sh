#!/usr/bin/env bash
# Install the nodes that the tests run into $COLDSIGN_CACHE (default: .cache at
# the top of the repository). Running it again changes nothing. Needs go and
# node with npm (on Debian, as root: apt-get install nodejs npm).
#
#   scripts/nodes/install.sh [--geth]    --geth: also geth, which takes minutes to build
set -euo pipefail

btcd=v0.26.2 geth=v1.16.9
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${COLDSIGN_CACHE:-$here/../../.cache}
mkdir -p "$cache/bin" "$cache/nodes"
cache=$(cd "$cache" && pwd)
exec 9>"$cache/install.lock"
flock 9

# program NAME VERSION PACKAGE: build it, then put it in place in one step.
program() {
  if [ -e "$cache/bin/$1-$2" ]; then return; fi
  GOBIN="$cache/bin/tmp" go install "$3@$2"
  mv "$cache/bin/tmp/$1" "$cache/bin/$1-$2"
  ln -sfn "$1-$2" "$cache/bin/$1"
}
program btcd "$btcd" github.com/btcsuite/btcd
if [ "${1:-}" = --geth ]; then program geth "$geth" github.com/ethereum/go-ethereum/cmd/geth; fi

if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends nodejs npm >&2
  else
    echo "error: node and npm are missing; run: sudo apt-get install nodejs npm" >&2
    exit 1
  fi
fi
if ! command -v litecoind >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends litecoind >&2
  else
    echo "error: litecoind is missing; run: sudo apt-get install litecoind" >&2
    exit 1
  fi
fi
want=$(sha256sum <"$here/package-lock.json")
if [ "$(cat "$cache/nodes/installed" 2>/dev/null)" != "$want" ]; then
  cp "$here/package.json" "$here/package-lock.json" "$cache/nodes/"
  npm ci --prefix "$cache/nodes" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  ln -sfn ../nodes/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil "$cache/bin/anvil"
  echo "$want" >"$cache/nodes/installed"
fi
