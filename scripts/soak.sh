#!/usr/bin/env bash
# Long runs, with figures: every fuzz target for a while, and the EVM payment
# against geth as a second opinion. FUZZTIME sets the time for each target.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${FUZZTIME:-60s}
found=0
while IFS=: read -r file name; do
  found=$((found + 1))
  echo "== $(dirname "$file") $name ($time)"
  go test "./$(dirname "$file")" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 1x | tail -n 2
done < <(git grep -E '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed -E 's/^([^:]+):func (Fuzz[A-Za-z0-9_]+).*/\1:\2/')
[ "$found" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
echo "fuzzed $found targets"
echo "== every write of export, sign and import fails in turn"
COLDSIGN_SOAK=1 go test -count=1 -timeout 60m -v ./scripts/faults | grep -E 'faults$|^(--- |    --- |ok|FAIL|PASS)'
echo "== the offline half's own tests, each passphrase stretched as it is for operators"
GOEXPERIMENT=runtimesecret go test -count=1 -timeout 60m ./offline
bash scripts/nodes/install.sh --geth
go test -count=1 -tags soak -v ./scripts/rig ./scripts/e2e | grep -E '^(=== RUN|--- |ok|FAIL|PASS)'
