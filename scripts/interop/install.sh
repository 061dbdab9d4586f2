#!/usr/bin/env bash
# Install other people's UR, BBQr, SLIP-39 and Bitcoin Cash VM into $COLDSIGN_CACHE (default: .cache at the
# top of the repository), and as root the programs of Debian that tests and the
# bench compare with or watch ours with. Running it again changes nothing. Needs node with npm.
#
#   scripts/interop/install.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${COLDSIGN_CACHE:-$here/../../.cache}
mkdir -p "$cache/interop"
cache=$(cd "$cache" && pwd)
exec 9>"$cache/interop.lock"
flock 9

# missing COMMAND PACKAGE...: what to install for those that are not there.
packages=()
missing() { command -v "$1" >/dev/null || packages+=("${@:2}"); }
missing zbarimg zbar-tools
missing ZXingReader zxing-cpp-tools
missing tmux tmux
missing minisign minisign
missing strace strace
missing electrum electrum
missing ip iproute2
missing node nodejs
missing npm npm
if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    install() { apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${packages[@]}" >&2; }
    install || { apt-get -o DPkg::Lock::Timeout=300 update >&2 && install; } # a new machine has no package lists
  else
    echo "error: programs are missing; run: sudo apt-get install ${packages[*]}" >&2
    exit 1
  fi
fi
want=$(sha256sum <"$here/package-lock.json")
if [ "$(cat "$cache/interop/installed" 2>/dev/null)" != "$want" ]; then
  cp "$here/package.json" "$here/package-lock.json" "$cache/interop/"
  npm ci --prefix "$cache/interop" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  echo "$want" >"$cache/interop/installed"
fi
