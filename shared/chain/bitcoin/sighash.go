package bitcoin

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// The signature hash types that we sign. All cover every input and output.
const (
	sighashDefault = 0x00 // Taproot alone: the signature has no type byte
	sighashAll     = 0x01
	sighashForkID  = 0x41 // Bitcoin Cash alone: ALL, for no chain but its own
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
	bare      []byte // the transaction without scripts of inputs, and the hash type
}

func newSighasher(tx *transaction, spent []Output) *sighasher {
	var prevouts, sequences, outputs, amounts, scripts []byte
	bare := *tx
	bare.in = slices.Clone(tx.in)
	for n, in := range tx.in {
		bare.in[n].script = nil
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
		bare: binary.LittleEndian.AppendUint32(bare.encode(false), sighashAll),
	}
}

// legacy is the digest of an input before SegWit: the transaction with the
// script that is spent in place of this input's own, hash type ALL. It hashes the
// whole transaction for each input, which maxBase and maxInputs bound to 200 MB;
// the bytes are written once, by newSighasher.
func (s *sighasher) legacy(index int, script []byte) Hash {
	const each = 32 + 4 + 1 + 4 // outpoint, empty script, sequence
	at := 4 + len(appendCompact(nil, len(s.tx.in))) + each*index + 36
	h := sha256.New()
	h.Write(s.bare[:at])
	h.Write(appendBytes(nil, script))
	h.Write(s.bare[at+1:])
	return sha256.Sum256(h.Sum(nil))
}

// segwit is the digest of a witness version 0 input (BIP-143), hash type ALL. With
// FORKID it is that of every input of Bitcoin Cash: its fork id is 0.
func (s *sighasher) segwit(index int, scriptCode []byte, amount uint64, hashType byte) Hash {
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
	return doubleHash(binary.LittleEndian.AppendUint32(b, uint32(hashType)))
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
