#!/usr/bin/env bash
# Install what drives a browser (playwright-core, axe-core) into $COLDSIGN_CACHE
# (default: .cache at the top of the repository), and as root Debian's Chromium.
# Running it again changes nothing. Needs node with npm.
#
#   scripts/desk/install.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${COLDSIGN_CACHE:-$here/../../.cache}
mkdir -p "$cache/desk"
cache=$(cd "$cache" && pwd)
exec 9>"$cache/desk.lock"
flock 9

packages=()
missing() { command -v "$1" >/dev/null || packages+=("$2"); }
missing chromium chromium
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
if [ "$(cat "$cache/desk/installed" 2>/dev/null)" != "$want" ]; then
  cp "$here/package.json" "$here/package-lock.json" "$cache/desk/"
  npm ci --prefix "$cache/desk" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  echo "$want" >"$cache/desk/installed"
fi
