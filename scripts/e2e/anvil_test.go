//go:build !soak

package e2e

import "coldsign/scripts/rig"

const (
	evmNode    = rig.KindAnvil
	evmNetwork = "local" // eip155:31337
)
