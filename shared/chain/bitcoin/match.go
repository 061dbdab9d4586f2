package bitcoin

import "coldsign/shared/chain"

// MatchPartial gives those of the candidates whose signatures the PSBT wants, in the
// order of their first request, each once: the signers that Decode accepts of an
// Unsigned that is Partial. None is wanted when the PSBT is fully signed. Errors are
// those of Decode, for it reads and judges all that Decode does but the network:
// psbt.signers when the candidates are too few.
func MatchPartial(payload []byte, candidates []chain.PublicKey) ([]chain.PublicKey, error) {
	return match(payload, candidates, true)
}

func match(payload []byte, candidates []chain.PublicKey, partial bool) ([]chain.PublicKey, error) {
	t, err := read(payload, candidates, partial, maxDoge)
	if err != nil {
		return nil, err
	}
	// A Taproot request names the key with even y; the candidate may be odd.
	even := map[chain.PublicKey]chain.PublicKey{}
	for _, key := range candidates {
		if _, ok := even[key.Even()]; !ok {
			even[key.Even()] = key
		}
	}
	var keys []chain.PublicKey
	seen := map[chain.PublicKey]bool{}
	for _, r := range t.ToSign() {
		key := r.Key
		if r.Scheme == chain.Taproot {
			key = even[key]
		}
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// PayloadOrigins gives the key origins that a PSBT claims, of its inputs and
// outputs, before anybody knows who is to sign it.
func PayloadOrigins(payload []byte) ([]chain.Origin, error) {
	p, err := parsePacket(payload)
	if err != nil {
		return nil, err
	}
	return p.origins(), nil
}
