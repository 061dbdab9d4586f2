package bitcoin

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// keyring is the signers, to be found by what a script has of them.
type keyring struct {
	list   []chain.PublicKey
	held   map[chain.PublicKey]bool     // the keys
	even   map[chain.PublicKey]bool     // the keys with even y instead
	hashes map[[20]byte]chain.PublicKey // by HASH160
	nested map[[20]byte][]byte          // by P2SH hash: the P2WPKH program in it
	output map[[32]byte]chain.PublicKey // by BIP-86 output key; see byOutput
}

// byOutput finds the signer whose BIP-86 output key is out. The keys are tweaked
// on first use: most transactions have no Taproot input, and a tweak costs as
// much as a signature.
func (k *keyring) byOutput(out [32]byte) (chain.PublicKey, bool) {
	if k.output == nil {
		k.output = make(map[[32]byte]chain.PublicKey, len(k.list))
		for _, key := range k.list {
			if tweaked, ok := outputKey(key.Bytes()[1:], nil); ok {
				k.output[tweaked] = key.Even()
			}
		}
	}
	key, ok := k.output[out]
	return key, ok
}

// newKeyring wants secp256k1 keys that are on the curve.
func newKeyring(signers []chain.PublicKey) (*keyring, error) {
	if len(signers) > maxSigners {
		return nil, overLimit("%d signers, the most is %d", len(signers), maxSigners)
	}
	k := &keyring{
		list: signers, held: map[chain.PublicKey]bool{}, even: map[chain.PublicKey]bool{},
		hashes: map[[20]byte]chain.PublicKey{}, nested: map[[20]byte][]byte{},
	}
	for _, key := range signers {
		if key.Curve() != chain.Secp256k1 || !isPubKey(key.Bytes()) {
			return nil, fault.New("psbt.signers", "", "the signer %s is not a secp256k1 key", key)
		}
		hash := hash160(key.Bytes())
		program := witnessScript(0, hash)
		k.held[key], k.even[key.Even()] = true, true
		k.hashes[[20]byte(hash)] = key
		k.nested[[20]byte(hash160(program))] = program
	}
	return k, nil
}

// plan fills the slots of an input: first the signatures that the PSBT has, each
// of them verified, then our signers, in the order of the script.
func (i *input) plan(index int, ps pairs, ring *keyring, partial bool) error {
	have, err := i.present(index, ps)
	if err != nil {
		return err
	}
	if i.keyHash != nil {
		i.keys = i.keysOfHash(have, ring)
	}
	if i.kind == p2tr && have != nil {
		i.slots = []slot{{sig: have[chain.XOnly(i.output)]}}
		return nil
	}
	chosen := map[chain.PublicKey]bool{}
	for _, key := range i.keys {
		if have[key] != nil && len(chosen) < i.need {
			chosen[key] = true
		}
	}
	var missing []string
	signs := false
	for _, key := range i.keys {
		switch {
		case have[key] != nil:
		case i.ours(key, ring) && len(chosen) < i.need:
			chosen[key], signs = true, true
		default:
			missing = append(missing, key.String())
		}
	}
	if i.missing = i.need - len(chosen); i.missing > 0 && !(partial && signs && i.kind == multiSig) {
		return i.tooFew(index, len(chosen), missing)
	}
	for _, key := range i.keys {
		if chosen[key] {
			i.slots = append(i.slots, slot{key: key, sig: have[key]})
		}
	}
	return nil
}

// ours reports whether a signer holds the key; a Taproot key has no sign of y.
func (i *input) ours(key chain.PublicKey, ring *keyring) bool {
	return i.kind == p2tr && ring.even[key] || ring.held[key]
}

func (i *input) tooFew(index, have int, missing []string) error {
	what := strings.Join(missing, ", ")
	switch {
	case i.keyHash != nil:
		what = "the key with hash " + hex.EncodeToString(i.keyHash)
	case what == "":
		what = "the internal key of output key " + hex.EncodeToString(i.output[:])
	}
	return fault.New("psbt.signers", "name the wallets that hold the missing keys, or have the others sign first",
		"input %d needs %d signatures and can get %d; missing: %s", index, i.need, have, what)
}

// keysOfHash finds the key that a P2PKH or P2WPKH script has only the hash of,
// among the signatures present and then our signers.
func (i *input) keysOfHash(have map[chain.PublicKey][]byte, ring *keyring) []chain.PublicKey {
	for key := range have {
		return []chain.PublicKey{key} // present saw to it that there is one, and the right one
	}
	if key, ok := ring.hashes[[20]byte(i.keyHash)]; ok {
		return []chain.PublicKey{key}
	}
	return nil
}

// present verifies the signatures that the PSBT already has for an input. Any
// that is wrong, or from a key that the script does not name, is refused.
func (i *input) present(index int, ps pairs) (map[chain.PublicKey][]byte, error) {
	var have map[chain.PublicKey][]byte
	for _, p := range ps {
		if p.typ != inPartialSig && p.typ != inTapKeySig {
			continue
		}
		bad := fault.New("psbt.partial-signature", "", "input %d has a wrong signature already, or one of a key that it does not name", index)
		if (p.typ == inTapKeySig) != (i.kind == p2tr) {
			return nil, bad
		}
		if have == nil {
			have = map[chain.PublicKey][]byte{}
		}
		if i.kind == p2tr {
			if len(p.value) == 65 && p.value[64] != sighashAll {
				return nil, badHashType(index, uint32(p.value[64]))
			}
			if (len(p.value) == 65) != (i.hashType == sighashAll) || !verifySchnorr(i.output, i.digest, p.value[:64]) {
				return nil, bad
			}
			have[chain.XOnly(i.output)] = p.value
			continue
		}
		key, err := chain.NewPublicKey(chain.Secp256k1, p.data)
		if err != nil || !i.names(key) {
			return nil, bad
		}
		body, hashType := p.value[:len(p.value)-1], p.value[len(p.value)-1]
		if hashType != i.hashType {
			return nil, badHashType(index, uint32(hashType))
		}
		if i.cash() && !VerifySchnorr(key, i.digest[:], body) || !i.cash() && !verifyDER(key, i.digest, body) {
			return nil, bad
		}
		have[key] = p.value
	}
	return have, nil
}

// names reports whether the script that the input spends wants the key.
func (i *input) names(key chain.PublicKey) bool {
	if i.keyHash != nil {
		return bytes.Equal(hash160(key.Bytes()), i.keyHash)
	}
	return slices.Contains(i.keys, key)
}
