package bitcoin

import (
	"crypto/sha256"
	"encoding/binary"
)

// The signature hash types that we sign. Both cover every input and output.
const (
	sighashDefault = 0x00 // Taproot alone: the signature has no type byte
	sighashAll     = 0x01
)

// sighasher makes the digests of one transaction's inputs. What all digests
// share is hashed once.
type sighasher struct {
	tx        *transaction
	prevouts  [32]byte // single SHA-256, each: BIP-143 hashes them again
	sequences [32]byte
	outputs   [32]byte
	amounts   [32]byte
	scripts   [32]byte
}

func newSighasher(tx *transaction, spent []Output) *sighasher {
	var prevouts, sequences, outputs, amounts, scripts []byte
	for _, in := range tx.in {
		prevouts = appendOutpoint(prevouts, in.prev)
		sequences = binary.LittleEndian.AppendUint32(sequences, in.sequence)
	}
	for _, o := range tx.out {
		outputs = appendOutput(outputs, o)
	}
	for _, o := range spent {
		amounts = binary.LittleEndian.AppendUint64(amounts, o.Amount)
		scripts = appendBytes(scripts, o.Script)
	}
	return &sighasher{
		tx: tx, prevouts: sha256.Sum256(prevouts), sequences: sha256.Sum256(sequences),
		outputs: sha256.Sum256(outputs), amounts: sha256.Sum256(amounts), scripts: sha256.Sum256(scripts),
	}
}

// legacy is the digest of an input before SegWit: the transaction with the
// script that is spent in place of this input's own, hash type ALL.
func (s *sighasher) legacy(index int, script []byte) Hash {
	t := *s.tx
	t.in = make([]txInput, len(s.tx.in))
	for i, in := range s.tx.in {
		t.in[i] = txInput{prev: in.prev, sequence: in.sequence}
	}
	t.in[index].script = script
	return doubleHash(binary.LittleEndian.AppendUint32(t.encode(false), sighashAll))
}

// segwit is the digest of a witness version 0 input (BIP-143), hash type ALL.
func (s *sighasher) segwit(index int, scriptCode []byte, amount uint64) Hash {
	again := func(b, h []byte) []byte {
		twice := sha256.Sum256(h)
		return append(b, twice[:]...)
	}
	in := s.tx.in[index]
	b := binary.LittleEndian.AppendUint32(nil, s.tx.version)
	b = again(b, s.prevouts[:])
	b = again(b, s.sequences[:])
	b = appendOutpoint(b, in.prev)
	b = appendBytes(b, scriptCode)
	b = binary.LittleEndian.AppendUint64(b, amount)
	b = binary.LittleEndian.AppendUint32(b, in.sequence)
	b = again(b, s.outputs[:])
	b = binary.LittleEndian.AppendUint32(b, s.tx.locktime)
	return doubleHash(binary.LittleEndian.AppendUint32(b, sighashAll))
}

// taproot is the digest of a Taproot key path (BIP-341): no annex, hash type
// DEFAULT or ALL. It covers every input's amount and script.
func (s *sighasher) taproot(index int, hashType byte) Hash {
	b := []byte{0, hashType} // epoch
	b = binary.LittleEndian.AppendUint32(b, s.tx.version)
	b = binary.LittleEndian.AppendUint32(b, s.tx.locktime)
	for _, h := range [][32]byte{s.prevouts, s.amounts, s.scripts, s.sequences, s.outputs} {
		b = append(b, h[:]...)
	}
	b = append(b, 0) // spend type: key path, no annex
	return taggedHash("TapSighash", binary.LittleEndian.AppendUint32(b, uint32(index)))
}
