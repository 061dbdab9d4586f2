package hd

import "github.com/decred/dcrd/dcrec/secp256k1/v4"

// ParsePrivate reads an xprv or tprv strictly: what parses encodes to the same
// text. Errors: hd.key, which never shows the text.
func ParsePrivate(text string) (*Private, error) {
	h, b, err := decode(text, xprv, tprv)
	defer clear(b[:])
	if err != nil {
		return nil, err
	}
	var key secp256k1.ModNScalar
	defer key.Zero()
	if overflow := key.SetByteSlice(b[1:]); b[0] != 0 || overflow || key.IsZero() {
		return nil, badKey("the private key is out of range")
	}
	return newPrivate(&key, h)
}

// Testnet tells whether k was parsed from a tprv, or derived from one that was.
func (k *Private) Testnet() bool { return k.testnet }

// Depth is the number of levels below the master key.
func (p *Public) Depth() uint8 { return p.depth }
