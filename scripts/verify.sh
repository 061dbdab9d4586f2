#!/usr/bin/env bash
# Anyone can check a release with this: the modules are those of go.sum, a build in
# another folder, with cold caches and modules fetched anew, gives the same bytes as
# dist, which is made here; the audit finds no way to talk in the offline binaries,
# and it does find each of the planted ones. Compare a download with dist/SHA256SUMS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
go mod verify
go run ./scripts/release -out dist >/dev/null
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp" && rm -rf "$tmp"' EXIT
copy="$tmp/another folder"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
(cd "$copy" && env HOME="$tmp" GOCACHE="$tmp/cache" GOMODCACHE="$tmp/modules" GOFLAGS=-modcacherw TZ=Pacific/Kiritimati LC_ALL=C \
  go run ./scripts/release -out dist) >/dev/null
(cd dist && sha256sum --strict -c SHA256SUMS)
diff -r dist "$copy/dist"
echo "same bytes: a build in another folder, with cold caches and modules fetched anew, gives all of dist again"
go run ./scripts/audit dist/coldsign-offline-linux-amd64 dist/coldsign-offline-linux-arm64
go run ./scripts/audit -controls
