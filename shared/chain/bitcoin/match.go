package bitcoin

import (
	"slices"

	"coldsign/shared/chain"
)

// Match gives those of the candidates whose signatures the PSBT wants, in the
// order of their first input, each once: the signers that Decode accepts. It
// judges no amounts. Errors are those of Decode; psbt.signers when the
// candidates are too few.
func Match(payload []byte, candidates []chain.PublicKey) ([]chain.PublicKey, error) {
	ring, err := newKeyring(candidates)
	if err != nil {
		return nil, err
	}
	p, err := parsePacket(slices.Clone(payload))
	if err != nil {
		return nil, err
	}
	if err := checkForm(p.tx); err != nil {
		return nil, err
	}
	t := &tx{packet: p, unsigned: p.tx}
	if err := t.readInputs(ring); err != nil {
		return nil, err
	}
	var keys []chain.PublicKey
	for n, i := range t.in {
		if err := i.plan(n, p.in[n], ring); err != nil {
			return nil, err
		}
		for _, s := range i.slots {
			if s.sig != nil {
				continue
			}
			// A Taproot slot holds the key with even y, the candidate may be odd.
			at := slices.IndexFunc(candidates, func(k chain.PublicKey) bool {
				return k == s.key || i.kind == p2tr && k.Even() == s.key
			})
			if at >= 0 && !slices.Contains(keys, candidates[at]) {
				keys = append(keys, candidates[at])
			}
		}
	}
	return keys, nil
}

// PayloadOrigins gives the key origins that a PSBT claims, of its inputs and
// outputs, before anybody knows who is to sign it.
func PayloadOrigins(payload []byte) ([]chain.Origin, error) {
	p, err := parsePacket(slices.Clone(payload))
	if err != nil {
		return nil, err
	}
	return (&tx{packet: p}).Origins(), nil
}

// Outpoints gives the outputs that a PSBT spends, in the order of its inputs.
func Outpoints(payload []byte) ([]Outpoint, error) {
	p, err := parsePacket(slices.Clone(payload))
	if err != nil {
		return nil, err
	}
	var spent []Outpoint
	for _, in := range p.tx.in {
		spent = append(spent, in.prev)
	}
	return spent, nil
}
