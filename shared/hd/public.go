package hd

import (
	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Public is a BIP-32 extended public key: it gives the addresses of a wallet
// and cannot spend. The zero value derives nothing. It never changes.
type Public struct {
	header
	key   chain.PublicKey
	point secp256k1.PublicKey // the same key, decompressed once
}

// NewPublic makes an extended public key of its parts: depth 0 has neither
// parent nor index. Errors: hd.key.
func NewPublic(key chain.PublicKey, chainCode [32]byte, depth uint8, parent [4]byte, index uint32) (*Public, error) {
	if key.Curve() != chain.Secp256k1 {
		return nil, badKey("an extended public key is a secp256k1 key")
	}
	h := header{chainCode: chainCode, parent: parent, index: index, depth: depth}
	if err := h.check(); err != nil {
		return nil, err
	}
	return publicOf(key.Bytes(), h)
}

// ParsePublic reads an xpub or tpub strictly: what parses encodes to the same
// text. Errors: hd.key, which never shows the text, since it may be an xprv.
func ParsePublic(text string) (*Public, error) {
	h, b, err := decode(text, xpub, tpub)
	defer clear(b[:])
	if err != nil {
		return nil, err
	}
	return publicOf(b[:], h)
}

// publicOf takes a 33-byte compressed point.
func publicOf(b []byte, h header) (*Public, error) {
	point, err := secp256k1.ParsePubKey(b)
	if err != nil {
		return nil, badKey("the public key is not a point of secp256k1")
	}
	return newPublic(point, h)
}

func newPublic(point *secp256k1.PublicKey, h header) (*Public, error) {
	key, err := chain.NewPublicKey(chain.Secp256k1, point.SerializeCompressed())
	if err != nil {
		return nil, err
	}
	return &Public{header: h, key: key, point: *point}, nil
}

// Child derives the normal child i (BIP-32, CKDpub). Errors: hd.hardened,
// hd.depth, hd.empty, and hd.child for an index that BIP-32 skips.
func (p *Public) Child(i uint32) (*Public, error) {
	if p.key == (chain.PublicKey{}) {
		return nil, errEmpty()
	}
	if i >= chain.Hardened {
		return nil, fault.New("hd.hardened", "derive it from the private key",
			"a public key has no hardened child %d'", i&^chain.Hardened)
	}
	h, err := p.next(i, p.Fingerprint())
	if err != nil {
		return nil, err
	}
	n := step(p.chainCode[:], p.key.Bytes(), i)
	point, ok := addPoint(n.left(), &p.point)
	if !ok {
		return nil, errChild(i)
	}
	h.chainCode = *n.right()
	return newPublic(point, h)
}

// addPoint gives left*G + point; false when left >= n or the sum is at
// infinity.
func addPoint(left *[32]byte, point *secp256k1.PublicKey) (*secp256k1.PublicKey, bool) {
	var scalar secp256k1.ModNScalar
	if overflow := scalar.SetBytes(left); overflow != 0 {
		return nil, false
	}
	var a, b, sum secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(&scalar, &a)
	point.AsJacobian(&b)
	secp256k1.AddNonConst(&a, &b, &sum)
	if sum.Z.Normalize().IsZero() {
		return nil, false
	}
	sum.ToAffine()
	return secp256k1.NewPublicKey(&sum.X, &sum.Y), true
}

// Key is the public key itself.
func (p *Public) Key() chain.PublicKey { return p.key }

// ChainCode is the 32-byte chain code, which with the key makes every child.
func (p *Public) ChainCode() [32]byte { return p.chainCode }

// Parent is the fingerprint of the parent, zero for a master key.
func (p *Public) Parent() [4]byte { return p.parent }

// Index is the number of this child of its parent, with chain.Hardened.
func (p *Public) Index() uint32 { return p.index }

// Fingerprint is the first four bytes of the key's HASH160 (BIP-32, "Key
// identifiers"); zero when p is empty.
func (p *Public) Fingerprint() [4]byte { return fingerprint(p.key) }

// Testnet tells whether p was parsed from a tpub, or derived from such a key.
func (p *Public) Testnet() bool { return p.testnet }

// Encode writes an xpub, or a tpub for a testnet; "" when p is empty.
func (p *Public) Encode(testnet bool) string {
	if testnet {
		return p.EncodeAs(tpub)
	}
	return p.EncodeAs(xpub)
}

// EncodeAs is Encode with other version bytes, e.g. 0x019da462 for Ltub.
func (p *Public) EncodeAs(version uint32) string {
	if p.key == (chain.PublicKey{}) {
		return ""
	}
	return p.encode(version, p.key.Bytes())
}

// String is Encode in the form that p was parsed from, else an xpub.
func (p *Public) String() string { return p.Encode(p.testnet) }
