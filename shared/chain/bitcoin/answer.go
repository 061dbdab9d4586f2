package bitcoin

import (
	"bytes"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2/ecdsa"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// maxTries bounds the signatures of an answer that are verified.
const maxTries = 4 * maxSigs

// answered is an unsigned transaction and, for each input, everything in an
// answer to it that may be a signature.
type answered struct {
	tx   *transaction
	sigs [][][]byte
}

// Signatures takes the signatures that u wants, in the order of its Tx's
// requests, out of what another wallet gave back: the PSBT with signatures in
// it, the finalized PSBT, or the network transaction. Nothing else in the answer
// is believed: it must be of the same unsigned transaction (psbt.answer), and
// each signature is verified (psbt.answer-signature).
func Signatures(u chain.Unsigned, answer []byte) ([][]byte, error) {
	n, _ := networkOf(u.Network) // Decode tells if there is none
	decoded, err := Codec{n.coin.name}.Decode(u)
	if err != nil {
		return nil, err
	}
	a, err := readAnswer(answer)
	if err != nil {
		return nil, err
	}
	t := decoded.(*tx)
	if !bytes.Equal(a.tx.encode(false), t.unsigned.encode(false)) {
		return nil, fault.New("psbt.answer", "scan the answer to this very request", "the answer is for another transaction")
	}
	tries, sigs := 0, [][]byte(nil)
	for n, r := range t.ToSign() {
		at := t.owner[n]
		var found []byte
		for _, s := range a.sigs[at] {
			if tries++; tries > maxTries {
				return nil, overLimit("the answer has more than %d signatures to try", maxTries)
			}
			if found = t.in[at].plainSignature(r.Key, s); found != nil {
				break
			}
		}
		if found == nil {
			return nil, fault.New("psbt.answer-signature", "let the wallet that holds it sign too", "the answer has no valid signature of key %s for input %d", r.Key, at)
		}
		sigs = append(sigs, found)
	}
	return sigs, nil
}

// Unsigned gives the id of the unsigned transaction that a PSBT or a network
// transaction is of: what an answer is found by.
func Unsigned(answer []byte) (Hash, error) {
	a, err := readAnswer(answer)
	if err != nil {
		return Hash{}, err
	}
	return a.tx.id(), nil
}

func readAnswer(b []byte) (*answered, error) {
	if len(b) > maxPayload {
		return nil, overLimit("the answer has %d bytes, the most is %d", len(b), maxPayload)
	}
	if !bytes.HasPrefix(b, []byte(magic)) {
		return readFinal(slices.Clone(b))
	}
	p, err := parsePacket(slices.Clone(b))
	if err != nil {
		return nil, err
	}
	a := &answered{tx: p.tx, sigs: make([][][]byte, len(p.in))}
	for n, ps := range p.in {
		for _, kv := range ps {
			switch kv.typ {
			case inPartialSig, inTapKeySig:
				a.sigs[n] = append(a.sigs[n], kv.value)
			case inFinalScript:
				a.sigs[n] = append(a.sigs[n], pushes(kv.value)...)
			case inFinalWitness:
				a.sigs[n] = append(a.sigs[n], items(kv.value)...)
			}
		}
	}
	return a, nil
}

// readFinal reads a network transaction and takes the signatures out of it.
func readFinal(b []byte) (*answered, error) {
	r := &reader{b: b}
	t := r.transaction(true)
	if !r.done() {
		return nil, fault.New("psbt.answer", "scan the signed PSBT", "the answer is neither a PSBT nor a transaction")
	}
	a := &answered{tx: t, sigs: make([][][]byte, len(t.in))}
	for n := range t.in {
		in := &t.in[n]
		a.sigs[n] = append(pushes(in.script), items(in.witness)...)
		in.script, in.witness = nil, nil
	}
	return a, nil
}

// pushes gives what a scriptSig pushes by single-byte opcodes: signatures are.
func pushes(script []byte) (list [][]byte) {
	for r := (&reader{b: script}); len(r.b) > 0; {
		if n := r.uint(1); n <= 75 {
			list = append(list, r.take(n))
		}
	}
	return list
}

// items gives the items of a witness stack.
func items(stack []byte) (list [][]byte) {
	r := &reader{b: stack}
	for range r.count(1) {
		list = append(list, r.varbytes())
	}
	return list
}

// plainSignature is the reverse of wireSignature; nil when sig is not a valid
// signature of the key for this input.
func (i *input) plainSignature(key chain.PublicKey, sig []byte) []byte {
	if len(sig) < schnorrSize {
		return nil
	}
	if i.kind == p2tr {
		if plain := sig[:schnorrSize]; len(sig) == schnorrSize+int(i.hashType) && (len(sig) == schnorrSize || sig[schnorrSize] == i.hashType) && verifySchnorr(i.output, i.digest, plain) {
			return slices.Clone(plain)
		}
		return nil
	}
	der, hashType := sig[:len(sig)-1], sig[len(sig)-1]
	if hashType != sighashAll || !verifyDER(key, i.digest, der) {
		return nil
	}
	parsed, _ := ecdsa.ParseDERSignature(der)
	r, s := parsed.R(), parsed.S()
	rb, sb := r.Bytes(), s.Bytes()
	compact := append(append(make([]byte, 0, 65), rb[:]...), sb[:]...)
	for v := byte(0); v <= 1; v++ {
		if c := append(compact[:64:64], v); i.verifies(key, c) {
			return c
		}
	}
	return nil
}

func (i *input) verifies(key chain.PublicKey, compact []byte) bool {
	_, _, ok := verifyCompact(key, i.digest, compact)
	return ok
}
