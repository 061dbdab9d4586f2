#!/usr/bin/env bash
# anvil: an EVM chain that mines a block for each transaction.
#
#   PORT       of the JSON-RPC; required
#   CHAIN_ID   default 31337
#
# More arguments go to anvil, e.g. --block-time 1 or --no-mining.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${PORT:?choose a port}"
launch "$cache/bin/anvil" --host 127.0.0.1 --port "$PORT" --chain-id "${CHAIN_ID:-31337}" --silent "$@"
await eth_chainId
echo "ready http://127.0.0.1:$PORT"
wait "$node"
