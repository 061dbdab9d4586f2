package hd

import (
	"fmt"
	"io"

	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Private is a BIP-32 extended private key. It is made by NewMaster, Child and
// Derive; the zero value, and what Wipe leaves, derives nothing.
// It never changes but by Wipe, so goroutines may share it.
type Private struct {
	header
	key    secp256k1.ModNScalar // 1 to n-1
	public Public
}

// NewMaster makes the master key of a seed of 16 to 64 bytes (BIP-32, "Master
// key generation"). Errors: hd.seed. The seed stays the caller's to clear.
func NewMaster(seed []byte) (*Private, error) {
	if err := checkSeed(seed); err != nil {
		return nil, err
	}
	n := mac([]byte("Bitcoin seed"), seed)
	defer clear(n[:])
	var key secp256k1.ModNScalar
	defer key.Zero()
	if overflow := key.SetBytes(n.left()); overflow != 0 || key.IsZero() {
		return nil, fault.New("hd.seed", "use another seed", "the seed has no valid master key")
	}
	return newPrivate(&key, header{chainCode: *n.right()})
}

func newPrivate(key *secp256k1.ModNScalar, h header) (*Private, error) {
	k := secp256k1.PrivateKey{Key: *key}
	defer k.Zero()
	public, err := newPublic(k.PubKey(), h)
	if err != nil {
		return nil, err
	}
	return &Private{header: h, key: *key, public: *public}, nil
}

// Child derives child i, hardened when i has the bit chain.Hardened (BIP-32,
// CKDpriv). Errors: hd.depth, hd.empty, and hd.child for an index that BIP-32
// skips.
func (k *Private) Child(i uint32) (*Private, error) {
	if k.key.IsZero() {
		return nil, errEmpty()
	}
	h, err := k.next(i, k.Fingerprint())
	if err != nil {
		return nil, err
	}
	parent := k.public.key.Bytes()
	if i >= chain.Hardened {
		parent[0] = 0
		k.key.PutBytesUnchecked(parent[1:])
	}
	defer clear(parent)
	n := step(k.chainCode[:], parent, i)
	defer clear(n[:])
	key, ok := addScalar(n.left(), &k.key)
	defer key.Zero()
	if !ok {
		return nil, errChild(i)
	}
	h.chainCode = *n.right()
	return newPrivate(&key, h)
}

// addScalar gives left + key mod n; false when left >= n or the sum is 0.
func addScalar(left *[32]byte, key *secp256k1.ModNScalar) (sum secp256k1.ModNScalar, ok bool) {
	overflow := sum.SetBytes(left)
	sum.Add(key)
	return sum, overflow == 0 && !sum.IsZero()
}

// Derive follows a path from k and wipes the keys on the way. The empty path
// gives a copy of k. Errors are those of Child.
func (k *Private) Derive(path []uint32) (*Private, error) {
	if k.key.IsZero() {
		return nil, errEmpty()
	}
	at := new(Private)
	*at = *k
	for _, i := range path {
		child, err := at.Child(i)
		at.Wipe()
		if err != nil {
			return nil, err
		}
		at = child
	}
	return at, nil
}

// Public is the extended public key ("neuter" in BIP-32).
func (k *Private) Public() *Public {
	p := k.public
	return &p
}

// Secret is a copy of the 32-byte big-endian private key, for the caller to
// sign with and clear; nil when k is empty.
func (k *Private) Secret() []byte {
	if k.key.IsZero() {
		return nil
	}
	b := k.key.Bytes()
	defer clear(b[:])
	return append([]byte(nil), b[:]...)
}

// Fingerprint is the first four bytes of the public key's HASH160.
func (k *Private) Fingerprint() [4]byte { return k.public.Fingerprint() }

// Encode writes the whole secret as an xprv, or a tprv for a testnet; "" when k
// is empty. A string cannot be wiped: for export on a person's order only.
func (k *Private) Encode(testnet bool) string {
	if k.key.IsZero() {
		return ""
	}
	var b [33]byte
	defer clear(b[:])
	k.key.PutBytesUnchecked(b[1:])
	if testnet {
		return k.encode(tprv, b[:])
	}
	return k.encode(xprv, b[:])
}

// Wipe clears k, which then derives nothing.
func (k *Private) Wipe() { *k = Private{} }

// Format keeps the key out of every print, whatever the verb.
func (k Private) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "hd.Private(redacted)") }
