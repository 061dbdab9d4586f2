#!/usr/bin/env bash
# btcd on a private regtest chain. User and password are both "e2e".
#
#   PORT          of the JSON-RPC; required
#   MINING_ADDR   gets the coinbases (default: P2WPKH of the public test key 1)
#   BLOCKS        mined at the start (default 101: one coinbase can be spent)
#
# More arguments go to btcd. --rejectnonstd is the policy of the main network:
# without it dust is taken. The node has no peers and listens for none.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${PORT:?choose a port}"
AUTH=$(printf e2e:e2e | base64)
: >"$data/empty.conf"
launch "$cache/bin/btcd" --configfile="$data/empty.conf" --datadir="$data/chain" --logdir="$data/logs" \
  --regtest --nolisten --nodnsseed --rpclisten="127.0.0.1:$PORT" --notls --rpcuser=e2e --rpcpass=e2e \
  --txindex --addrindex --rejectnonstd --miningaddr="${MINING_ADDR:-bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080}" "$@"
await getblockcount
if [ "${BLOCKS:-101}" != 0 ]; then
  rpc generate "[${BLOCKS:-101}]" | grep -q '"error":null' || die "could not mine"
fi
echo "ready http://127.0.0.1:$PORT"
wait "$node"
