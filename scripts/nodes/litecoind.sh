#!/usr/bin/env bash
# litecoind, which is Bitcoin Core's code, on a private regtest chain, as node and as
# coordinator with wallets. User and password are both "e2e".
#
#   PORT          of the JSON-RPC; required
#
# More arguments go to litecoind. It has no peers and listens for none.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${PORT:?choose a port}"
AUTH=$(printf e2e:e2e | base64)
launch "$(command -v litecoind || echo litecoind)" -regtest -datadir="$data" -server -listen=0 -dnsseed=0 -discover=0 -rpcport="$PORT" -rpcuser=e2e -rpcpassword=e2e \
  -rpcbind=127.0.0.1 -rpcallowip=127.0.0.1 -fallbackfee=0.0001 -txindex=1 -printtoconsole=0 "$@"
await getblockcount
for _ in $(seq 1200); do # it answers before it is ready
  rpc getblockcount '[]' | grep -q '"error":null' && break
  sleep 0.05
done
echo "ready http://127.0.0.1:$PORT"
wait "$node"
