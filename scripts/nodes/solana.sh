#!/usr/bin/env bash
# A Solana JSON-RPC server around the validator's own runtime (solana-rpc.mjs).
#
#   PORT   of the JSON-RPC; default 0, any free one
cache=${COLDSIGN_CACHE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.cache}
if [ ! -e "$cache/nodes/installed" ]; then
  echo "error: $cache/nodes is missing; run scripts/nodes/install.sh" >&2
  exit 1
fi
MODULES="$(cd "$cache" && pwd)/nodes" exec node "$(dirname "${BASH_SOURCE[0]}")/solana-rpc.mjs"
