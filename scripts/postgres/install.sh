#!/usr/bin/env bash
# Install Debian's PostgreSQL, which tests and benches run as a server of their
# own (scripts/postgres). Running it again changes nothing. No cluster is made on
# the machine, and none is started.
set -euo pipefail
if compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "error: PostgreSQL is missing; run: sudo apt-get install postgresql" >&2
  exit 1
fi
install_packages() { apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" >&2; }
install_packages postgresql-common || { apt-get update >&2 && install_packages postgresql-common; }
conf=/etc/postgresql-common/createcluster.conf
if [ -e "$conf" ] && ! grep -q '^create_main_cluster = false' "$conf"; then
  echo 'create_main_cluster = false' >>"$conf"
fi
install_packages postgresql
