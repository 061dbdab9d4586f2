package bitcoin

import (
	"slices"

	"coldsign/shared/chain"
)

// Partial gives the PSBT of u with one signature for each request of its Tx, in
// the same order, put in as BIP-174 and BIP-371 say: what a coordinator that
// sent a PSBT expects back. All else stays byte for byte. Errors are those of
// Decode and Seal.
func Partial(u chain.Unsigned, sigs []chain.Signature) ([]byte, error) {
	decoded, err := New().Decode(u)
	if err != nil {
		return nil, err
	}
	if _, err := decoded.Seal(sigs); err != nil { // verifies every one
		return nil, err
	}
	p, err := parsePacket(slices.Clone(u.Payload))
	if err != nil {
		return nil, err
	}
	t := decoded.(*tx)
	for n, s := range sigs {
		at := t.owner[n]
		wire, _ := t.in[at].wireSignature(s.Key, s.Bytes)
		if t.in[at].kind == p2tr {
			p.in[at].add(inTapKeySig, nil, wire)
		} else {
			p.in[at].add(inPartialSig, s.Key.Bytes(), wire)
		}
	}
	return p.encode(), nil
}

func (ps *pairs) add(typ byte, data, value []byte) {
	*ps = append(*ps, pair{typ: uint64(typ), key: append([]byte{typ}, data...), data: data, value: value})
}
