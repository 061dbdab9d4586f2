package bitcoin

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// inputKind is how an input is spent. The zero value is invalid.
type inputKind uint8

const (
	p2pkh    inputKind = 1
	p2wpkh   inputKind = 2 // bare or in P2SH
	multiSig inputKind = 3 // P2WSH multisig, bare or in P2SH
	p2tr     inputKind = 4 // key path
)

// input is one input, with what is known of the output that it spends.
type input struct {
	Outpoint
	sequence uint32
	spent    Output
	proven   bool // the previous transaction is at hand, or a signature of ours commits to the amount
	kind     inputKind
	nested   []byte // the witness program, where it is in P2SH
	keyHash  []byte // P2PKH, P2WPKH
	script   []byte // P2WSH: the witness script
	need     int    // signatures
	keys     []chain.PublicKey
	output   [32]byte // P2TR: the key that signatures are verified with
	root     []byte   // P2TR: merkle root
	hashType byte
	digest   Hash
	slots    []slot // the signatures, in the order of the script
	missing  int    // signatures that others must still make
}

// slot is one signature that an input needs: already there, or to be made.
type slot struct {
	key chain.PublicKey
	sig []byte // as it goes on the wire, type byte included; nil when to be made
}

// read finds what an input spends and how, and refuses what we cannot sign.
func (i *input) read(index int, in txInput, ps pairs, ring *keyring) error {
	i.Outpoint, i.sequence = in.prev, in.sequence
	switch {
	case ps.has(inFinalScript) || ps.has(inFinalWitness):
		return fault.New("psbt.final", "give the PSBT as it was before it was finalized", "input %d is final already", index)
	case ps.has(inTapLeaf) || ps.has(inTapScriptSig):
		return fault.New("psbt.taproot-script", "spend by the key path", "input %d spends a Taproot script", index)
	}
	if err := i.readSpent(index, ps); err != nil {
		return err
	}
	if err := i.readKind(index, ps, ring); err != nil {
		return err
	}
	return i.readHashType(index, ps)
}

// detach copies what refers to the PSBT's bytes, so that they can be freed.
func (i *input) detach() {
	for _, b := range []*[]byte{&i.spent.Script, &i.nested, &i.keyHash, &i.script, &i.root} {
		*b = slices.Clone(*b)
	}
	for n := range i.slots {
		i.slots[n].sig = slices.Clone(i.slots[n].sig)
	}
}

// readSpent finds the amount and script that the input spends: in the previous
// transaction, whose id the outpoint names, or else as the PSBT claims them
// (CVE-2020-14199: a claim is no proof, except to a Taproot signature).
func (i *input) readSpent(index int, ps pairs) error {
	bad := func(format string, args ...any) error {
		return fault.New("psbt.previous-transaction", "give the PSBT the whole previous transaction",
			"input %d: %s", index, fmt.Sprintf(format, args...))
	}
	claim, claimed := ps.get(inPrevOutput)
	if claimed {
		i.spent = (&reader{b: claim}).output()
	}
	raw, ok := ps.get(inPrevTx)
	if !ok {
		if !claimed {
			return bad("the previous transaction is missing, and so is the amount")
		}
		return checkAmount(i.spent.Amount)
	}
	r := &reader{b: raw}
	prev := r.transaction(true)
	switch {
	case !r.done():
		return bad("the previous transaction is malformed")
	case prev.id() != i.TxID:
		return bad("the previous transaction is %s, the input spends %s", prev.id(), i.TxID)
	case uint64(i.Index) >= uint64(len(prev.out)):
		return bad("the previous transaction has %d outputs, the input spends number %d", len(prev.out), i.Index)
	}
	out := prev.out[i.Index]
	if claimed && (out.Amount != i.spent.Amount || !bytes.Equal(out.Script, i.spent.Script)) {
		return bad("the amount or script claimed differs from the previous transaction's")
	}
	i.spent, i.proven = out, true
	return checkAmount(out.Amount)
}

// readKind tells the kind of input by the script it spends.
func (i *input) readKind(index int, ps pairs, ring *keyring) error {
	bad := func(code, what string) error { return fault.New(code, "", "input %d: %s", index, what) }
	script := i.spent.Script
	redeem, hasRedeem := ps.get(inRedeem)
	if hash, ok := p2shHash(script); ok {
		if !hasRedeem { // some wallets leave it out
			redeem = ring.nested[[20]byte(hash)]
		}
		if redeem == nil {
			return bad("psbt.redeem-script", "the redeem script is missing")
		}
		if !bytes.Equal(hash160(redeem), hash) {
			return bad("psbt.redeem-script", "the redeem script is not the one of the output spent")
		}
		script, i.nested = redeem, redeem
	} else if hasRedeem {
		return bad("psbt.redeem-script", "there is a redeem script, but no P2SH output is spent")
	}
	witness, hasWitness := ps.get(inWitness)
	version, program, isProgram := witnessProgram(script)
	if hasWitness && !(isProgram && version == 0 && len(program) == 32) {
		return bad("psbt.witness-script", "there is a witness script, but no P2WSH output is spent")
	}
	hash, isP2PKH := p2pkhHash(script)
	switch {
	case isP2PKH && i.nested == nil:
		i.kind, i.keyHash, i.need = p2pkh, hash, 1
	case isProgram && version == 0 && len(program) == 20:
		i.kind, i.keyHash, i.need = p2wpkh, program, 1
	case isProgram && version == 0 && len(program) == 32:
		if h := sha256.Sum256(witness); !hasWitness || !bytes.Equal(h[:], program) {
			return bad("psbt.witness-script", "the witness script is missing, or not the one of the output spent")
		}
		var ok bool
		if i.need, i.keys, ok = multisig(witness); !ok {
			return bad("psbt.input-type", "the witness script is not a plain multisig with different compressed keys")
		}
		i.kind, i.script = multiSig, witness
	case isProgram && version == 1 && len(program) == 32 && i.nested == nil:
		i.kind, i.need, i.output = p2tr, 1, [32]byte(program)
		return i.readTaproot(index, ps, ring)
	default:
		return bad("psbt.input-type", "the kind of output spent is not one we sign: P2PKH, P2WPKH, P2SH-P2WPKH, P2WSH multisig, P2TR key path")
	}
	return nil
}

// readTaproot finds the internal key: as the PSBT has it, or the signer that
// makes the output key. Without one the input can only be signed already.
func (i *input) readTaproot(index int, ps pairs, ring *keyring) error {
	i.root, _ = ps.get(inTapRoot)
	if internal, ok := ps.get(inTapKey); ok {
		if key, ok := outputKey(internal, i.root); !ok || key != i.output {
			return fault.New("psbt.taproot-key", "", "input %d: the internal key and merkle root do not make the output key", index)
		}
		i.keys = []chain.PublicKey{chain.XOnly([32]byte(internal))}
		return nil
	}
	if key, ok := ring.byOutput(i.output); ok && i.root == nil {
		i.keys = []chain.PublicKey{key}
	}
	return nil
}

// readHashType takes ALL, and for Taproot DEFAULT, which is meant when nothing
// is said. Other types would leave a part of the transaction open to change.
func (i *input) readHashType(index int, ps pairs) error {
	want := uint32(sighashAll)
	if i.kind == p2tr {
		want = sighashDefault
	}
	if v, ok := ps.get(inSighash); ok {
		want = binary.LittleEndian.Uint32(v)
	}
	switch {
	case want == sighashAll, want == sighashDefault && i.kind == p2tr:
	case want == sighashForkID && i.kind == p2pkh: // Bitcoin Cash: checkCoin knows the coin
	default:
		return badHashType(index, want)
	}
	i.hashType = byte(want)
	return nil
}

func badHashType(index int, t uint32) error {
	return fault.New("psbt.sighash", "sign with SIGHASH_ALL, or SIGHASH_DEFAULT for Taproot",
		"input %d wants signature hash type 0x%02x, which does not cover the whole transaction", index, t)
}

// sighash makes the digest that the input's signatures sign.
func (i *input) sighash(index int, s *sighasher) Hash {
	switch i.kind {
	case p2tr:
		return s.taproot(index, i.hashType)
	case p2pkh:
		if i.cash() {
			return s.segwit(index, i.spent.Script, i.spent.Amount, sighashForkID)
		}
		return s.legacy(index, i.spent.Script)
	case p2wpkh:
		return s.segwit(index, p2pkhScript(i.keyHash), i.spent.Amount, sighashAll)
	}
	return s.segwit(index, i.script, i.spent.Amount, sighashAll)
}

// cash tells an input of Bitcoin Cash. The PSBT says it, not the network: what is
// read and signed is the same before a network is known, and no default of ours
// makes a signature that holds on another chain.
func (i *input) cash() bool { return i.hashType == sighashForkID }

// checkAmount bounds an amount, so that no sum overflows, before it is known of
// which coin it is; Decode knows.
func checkAmount(n uint64) error { return checkMoney(n, maxDoge) }

func checkMoney(n, most uint64) error {
	if n > most {
		return fault.New("bitcoin.amount", "", "an amount of %d base units is more than there are", n)
	}
	return nil
}
