// Package hd makes keys from seeds: BIP-32 for secp256k1, SLIP-10 for Ed25519,
// BIP-39 words for both, and the mixing of randomness and dice for new seeds.
//
//	entropy, err := hd.Entropy(hd.NewSource(), dice)
//	words, err := hd.NewMnemonic(entropy)
//	seed, err := words.Seed(nil)
//	master, err := hd.NewMaster(seed)
//	account, err := master.Derive(path) // path, err := hd.ParsePath("m/84'/0'/0'")
//	fmt.Println(account.Public())       // xpub6C...
//
// Secrets are passed by pointer, print as "redacted", never appear in an error,
// and end with Wipe. Wiping is best effort: copies that the standard library's
// HMAC and PBKDF2 make, and strings, stay until the garbage collector has them.
//
// The arithmetic is that of decred's secp256k1. Adding private scalars is
// constant time; multiplying the generator is not, here as in the library's own
// signing, so secrets belong on a machine where nobody else measures time.
package hd

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/btcsuite/btcd/address/v2/base58"
	//lint:ignore SA1019 BIP-32 defines fingerprints by RIPEMD-160
	"golang.org/x/crypto/ripemd160"
)

// The version bytes of BIP-32, which give a serialized key its first letters.
const (
	xpub uint32 = 0x0488b21e
	xprv uint32 = 0x0488ade4
	tpub uint32 = 0x043587cf
	tprv uint32 = 0x04358394
)

// node is an HMAC-SHA512: 32 bytes of key material, 32 of chain code.
type node [64]byte

func (n *node) left() *[32]byte  { return (*[32]byte)(n[:32]) }
func (n *node) right() *[32]byte { return (*[32]byte)(n[32:]) }

func mac(key, data []byte) (n node) {
	m := hmac.New(sha512.New, key)
	m.Write(data)
	m.Sum(n[:0])
	return n
}

// step is the HMAC of a child: of its 33-byte parent key and its index.
func step(chainCode, parent []byte, i uint32) node {
	var data [37]byte
	defer clear(data[:])
	copy(data[:33], parent)
	binary.BigEndian.PutUint32(data[33:], i)
	return mac(chainCode, data[:])
}

// header is what a private and a public extended key have in common.
type header struct {
	chainCode [32]byte
	parent    [4]byte // fingerprint of the parent, zero for a master key
	index     uint32
	depth     uint8
	testnet   bool // parsed from a tpub or tprv, or derived from such a key
}

// next is the header of child i, whose chain code is still to be set.
func (h *header) next(i uint32, parent [4]byte) (header, error) {
	if h.depth == maxDepth {
		return header{}, fault.New("hd.depth", "", "a key cannot be derived more than %d levels deep", maxDepth)
	}
	return header{parent: parent, index: i, depth: h.depth + 1, testnet: h.testnet}, nil
}

// check refuses what BIP-32 test vector 5 calls inconsistent.
func (h *header) check() error {
	if h.depth == 0 && (h.parent != [4]byte{} || h.index != 0) {
		return badKey("a key of depth 0 has no parent and no index")
	}
	return nil
}

// encode is the base58check form of BIP-32, "Serialization format".
func (h *header) encode(version uint32, key []byte) string {
	b := make([]byte, 0, rawLen+4)
	b = binary.BigEndian.AppendUint32(b, version)
	b = append(b, h.depth)
	b = append(b, h.parent[:]...)
	b = binary.BigEndian.AppendUint32(b, h.index)
	b = append(b, h.chainCode[:]...)
	b = append(b, key...)
	sum := checksum(b)
	b = append(b, sum[:]...)
	defer clear(b)
	return base58.Encode(b)
}

// decode reads what encode writes, with one of the two versions.
func decode(text string, mainnet, testnet uint32) (h header, key [33]byte, err error) {
	if len(text) != encodedLen {
		return h, key, badKey("an extended key has %d characters, not %d", encodedLen, len(text))
	}
	b := base58.Decode(text)
	defer clear(b)
	if len(b) != rawLen+4 {
		return h, key, badKey("the extended key is not base58")
	}
	if sum := checksum(b[:rawLen]); sum != [4]byte(b[rawLen:]) {
		return h, key, badKey("the extended key's checksum is wrong")
	}
	switch binary.BigEndian.Uint32(b) {
	case mainnet:
	case testnet:
		h.testnet = true
	default:
		return h, key, badKey("the extended key is of another kind: public ones start with xpub or tpub, private ones with xprv or tprv")
	}
	h.depth = b[4]
	h.parent = [4]byte(b[5:9])
	h.index = binary.BigEndian.Uint32(b[9:13])
	h.chainCode = [32]byte(b[13:45])
	key = [33]byte(b[45:rawLen])
	return h, key, h.check()
}

// checksum is the first four bytes of the double SHA-256.
func checksum(b []byte) [4]byte {
	once := sha256.Sum256(b)
	twice := sha256.Sum256(once[:])
	return [4]byte(twice[:4])
}

// fingerprint is the first four bytes of the key's HASH160; zero for no key.
func fingerprint(key chain.PublicKey) (f [4]byte) {
	if key == (chain.PublicKey{}) {
		return f
	}
	sum := sha256.Sum256(key.Bytes())
	m := ripemd160.New()
	m.Write(sum[:])
	copy(f[:], m.Sum(nil))
	return f
}

func checkSeed(seed []byte) error {
	if len(seed) < minSeed || len(seed) > maxSeed {
		return fault.New("hd.seed", "", "a seed has %d to %d bytes, not %d", minSeed, maxSeed, len(seed))
	}
	return nil
}

// badKey never shows the key: what was typed may be a secret.
func badKey(format string, args ...any) error {
	return fault.New("hd.key", "check that it was copied whole", format, args...)
}

func errEmpty() error {
	return fault.New("hd.empty", "", "the extended key is empty or was wiped")
}

// errChild is for the one index in 2^127 that has no key.
func errChild(i uint32) error {
	return fault.New("hd.child", "use the next index", "index %d has no valid key", i&^chain.Hardened)
}
