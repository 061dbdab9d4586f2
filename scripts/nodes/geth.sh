#!/usr/bin/env bash
# geth in developer mode: chain id 1337, in memory. Its own account,
# eth_accounts[0], is unlocked and rich.
#
#   PORT         of the JSON-RPC; required
#   DEV_PERIOD   seconds for a block; 0 (default) mines one for each transaction
#
# More arguments go to geth.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${PORT:?choose a port}"
launch "$cache/bin/geth" --dev --dev.period "${DEV_PERIOD:-0}" --datadir "$data/chain" --ipcdisable \
  --nodiscover --maxpeers 0 --nat none --authrpc.port 0 --http --http.addr 127.0.0.1 --http.port "$PORT" \
  --http.api eth,net,web3,txpool,dev --cache 64 --verbosity 2 "$@"
await eth_chainId
echo "ready http://127.0.0.1:$PORT"
wait "$node"
