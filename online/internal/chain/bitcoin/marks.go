package bitcoin

import (
	"strings"

	"coldsign/shared/chain"
)

// mark is a block that a node of the network has, or that only another network has.
type mark struct {
	height int
	hash   string // or how it begins
	ours   bool
}

// marks tell a network from all others. Block 0 does where no chain has parted; a
// CAIP-2 reference is how its hash begins. Bitcoin Cash and Bitcoin have one block 0.
// Those who left Bitcoin Cash later (BSV, eCash) have its first own block, too, so
// its nodes must have one that came after.
func marks(network chain.ID) []mark {
	const (
		first, firstTest = "000000000000000000651ef99cb9fcbe0dadde1d424bd9f15ff20136191a5eec", "00000000000e38fef93ed9582a7df43815d5c2ba9fd37ef70c9a0ea4a285b8f5"
		later, laterTest = "0000000000000000029e471c41818d24b8b74c911071c4ef0b4a0509f9b5a8ce", "0000000023e0680a8a062b3cc289a4a341124ce7fcb6340ede207e194d73b60a"
	)
	zero := mark{0, strings.TrimPrefix(string(network), "bip122:"), true}
	switch network {
	case "bip122:000000000019d6689c085ae165831e93": // Bitcoin
		return []mark{zero, {478559, first, false}}
	case "bip122:000000000933ea01ad0ee984209779ba": // its testnet3
		return []mark{zero, {1155876, firstTest, false}}
	case "bip122:000000000000000000651ef99cb9fcbe": // Bitcoin Cash
		return []mark{{478559, first, true}, {661648, later, true}}
	case "bip122:00000000000e38fef93ed9582a7df438": // its testnet3
		return []mark{{1155876, firstTest, true}, {1421482, laterTest, true}}
	}
	return []mark{zero}
}
