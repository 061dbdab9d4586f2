package hd

import (
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// DeriveEd25519 gives the 32-byte Ed25519 seed (RFC 8032's private key) at a
// path of hardened levels, from a seed of 16 to 64 bytes (SLIP-10). Errors:
// hd.seed, hd.depth, and hd.hardened for a level that is not hardened: Ed25519
// has no other children.
func DeriveEd25519(seed []byte, path []uint32) ([32]byte, error) {
	if err := checkSeed(seed); err != nil {
		return [32]byte{}, err
	}
	if len(path) > maxDepth {
		return [32]byte{}, fault.New("hd.depth", "", "a key cannot be derived more than %d levels deep", maxDepth)
	}
	at := mac([]byte("ed25519 seed"), seed)
	defer clear(at[:])
	var parent [33]byte // 0x00 and the key
	defer clear(parent[:])
	for _, i := range path {
		if i < chain.Hardened {
			return [32]byte{}, fault.New("hd.hardened", "write every level with '",
				"an Ed25519 path has hardened levels only, and %s has others", chain.PathString(path))
		}
		copy(parent[1:], at.left()[:])
		at = step(at.right()[:], parent[:], i)
	}
	return *at.left(), nil
}
