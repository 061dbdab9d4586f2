# Shared by the start scripts; sourced, never run. Each script
# - listens on 127.0.0.1:$PORT only,
# - keeps its data in a fresh folder, $data, and removes it at the end; with DATA set,
#   in that one, which stays,
# - prints one line on stdout, "ready URL", when the node answers,
# - ends its node when it gets TERM or INT, and also when it dies itself.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${COLDSIGN_CACHE:-$here/../../.cache}
data=${DATA:-$(mktemp -d)}
node=

die() { echo "error: $*" >&2; exit 1; }

cleanup() {
  rc=$?
  trap - EXIT
  trap '' INT TERM PIPE # a dying parent may send TERM once for each of its threads
  if [ -n "$node" ]; then
    kill -TERM "$node" 2>/dev/null || true
    for _ in $(seq 600); do kill -0 "$node" 2>/dev/null || break; sleep 0.05; done
    kill -KILL "$node" 2>/dev/null || true
    wait "$node" 2>/dev/null || true
  fi
  [ -n "${DATA:-}" ] || rm -rf "$data"
  exit "$rc"
}
trap cleanup EXIT
trap 'exit 0' INT TERM

# launch COMMAND...: the node, killed by the kernel if this script is.
launch() {
  [ -x "$1" ] || die "$1 is missing; run scripts/nodes/install.sh"
  HOME=$data setpriv --pdeathsig KILL "$@" >"$data/log" 2>&1 &
  node=$!
}

# rpc METHOD PARAMS: one JSON-RPC call; prints the answer with its headers.
rpc() {
  local body="{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}"
  exec 3<>"/dev/tcp/127.0.0.1/$PORT" || return 1
  printf 'POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
    "${AUTH:-}" "${#body}" "$body" >&3
  cat <&3
  exec 3>&-
}

# await METHOD: until the node answers it, for at most 60 s.
await() {
  for _ in $(seq 1200); do
    kill -0 "$node" 2>/dev/null || { tail -n 20 "$data/log" >&2; die "the node ended"; }
    if (rpc "$1" '[]' | grep -q '"result"') 2>/dev/null; then return; fi
    sleep 0.05
  done
  die "the node does not answer"
}
