package bitcoin

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// Hash is a transaction id in wire order, the reverse of what tools print.
type Hash [32]byte

// String gives the reversed hex that tools print.
func (h Hash) String() string {
	slices.Reverse(h[:])
	return hex.EncodeToString(h[:])
}

// Outpoint names an output of an earlier transaction.
type Outpoint struct {
	TxID  Hash
	Index uint32
}

// Output is an amount in satoshi and the script that locks it.
type Output struct {
	Amount uint64
	Script []byte
}

type txInput struct {
	prev     Outpoint
	script   []byte // scriptSig
	sequence uint32
	witness  []byte // the stack as on the wire: count, then items; may be nil
}

type transaction struct {
	version  uint32
	in       []txInput
	out      []Output
	locktime uint32
}

// reader takes bytes from the front of a slice. The first failure empties it,
// so that every later read fails too and a caller may look once, at the end.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() {
	r.b, r.bad = nil, true
}

// done reports whether all was read, and nothing is left.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uint(size int) uint64 {
	var b [8]byte
	copy(b[:], r.take(uint64(size)))
	return binary.LittleEndian.Uint64(b[:])
}

func (r *reader) u32() uint32 { return uint32(r.uint(4)) }

// compact reads a compact size and refuses longer forms than needed.
func (r *reader) compact() uint64 {
	n, least := r.uint(1), uint64(0)
	switch n {
	case 0xfd:
		n, least = r.uint(2), 0xfd
	case 0xfe:
		n, least = r.uint(4), 1<<16
	case 0xff:
		n, least = r.uint(8), 1<<32
	}
	if n < least {
		r.fail()
	}
	return n
}

// count reads how many items follow, each of at least size bytes.
func (r *reader) count(size int) int {
	n := r.compact()
	if n > uint64(len(r.b)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) varbytes() []byte { return r.take(r.compact()) }

func (r *reader) hash() (h Hash) {
	copy(h[:], r.take(32))
	return h
}

func (r *reader) output() Output { return Output{Amount: r.uint(8), Script: r.varbytes()} }

// stack reads a witness, and keeps it in its wire form.
func (r *reader) stack() []byte {
	whole := r.b
	for range r.count(1) {
		r.varbytes()
	}
	return whole[:len(whole)-len(r.b)]
}

func encodeStack(items ...[]byte) []byte {
	b := appendCompact(nil, len(items))
	for _, item := range items {
		b = appendBytes(b, item)
	}
	return b
}

// transaction reads a transaction. With segwit, the BIP-144 form is read where
// its marker is found; an empty witness in that form is refused, as nodes do.
func (r *reader) transaction(segwit bool) *transaction {
	t := &transaction{version: r.u32()}
	segwit = segwit && len(r.b) > 1 && r.b[0] == 0
	if segwit && r.uint(2) != 0x0100 {
		r.fail()
	}
	t.in = make([]txInput, r.count(32+4+1+4))
	for i := range t.in {
		t.in[i] = txInput{prev: Outpoint{r.hash(), r.u32()}, script: r.varbytes(), sequence: r.u32()}
	}
	t.out = make([]Output, r.count(8+1))
	for i := range t.out {
		t.out[i] = r.output()
	}
	if segwit {
		for i := range t.in {
			t.in[i].witness = r.stack()
		}
		if !t.hasWitness() {
			r.fail()
		}
	}
	t.locktime = r.u32()
	return t
}

func (t *transaction) hasWitness() bool {
	return slices.ContainsFunc(t.in, func(in txInput) bool { return len(in.witness) > 1 })
}

// encode writes the transaction, with its witness (BIP-144) if it has one and
// one is wanted.
func (t *transaction) encode(witness bool) []byte {
	witness = witness && t.hasWitness()
	b := binary.LittleEndian.AppendUint32(nil, t.version)
	if witness {
		b = append(b, 0, 1)
	}
	b = appendCompact(b, len(t.in))
	for _, in := range t.in {
		b = appendOutpoint(b, in.prev)
		b = appendBytes(b, in.script)
		b = binary.LittleEndian.AppendUint32(b, in.sequence)
	}
	b = appendCompact(b, len(t.out))
	for _, o := range t.out {
		b = appendOutput(b, o)
	}
	for _, in := range t.in {
		switch {
		case witness && in.witness == nil:
			b = append(b, 0)
		case witness:
			b = append(b, in.witness...)
		}
	}
	return binary.LittleEndian.AppendUint32(b, t.locktime)
}

// id is the double SHA-256 of the form without witness.
func (t *transaction) id() Hash { return doubleHash(t.encode(false)) }

func doubleHash(b []byte) Hash {
	h := sha256.Sum256(b)
	return sha256.Sum256(h[:])
}

func appendCompact(b []byte, n int) []byte {
	switch {
	case n < 0xfd:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
	}
	return binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(n))
}

func appendBytes(b, item []byte) []byte { return append(appendCompact(b, len(item)), item...) }

func appendOutpoint(b []byte, o Outpoint) []byte {
	return binary.LittleEndian.AppendUint32(append(b, o.TxID[:]...), o.Index)
}

func appendOutput(b []byte, o Output) []byte {
	return appendBytes(binary.LittleEndian.AppendUint64(b, o.Amount), o.Script)
}
