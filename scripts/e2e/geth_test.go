//go:build soak

package e2e

import "coldsign/scripts/rig"

// The second opinion: the same tests, with geth as the EVM node.
const (
	evmNode    = rig.KindGeth
	evmNetwork = "local-geth" // eip155:1337
)
