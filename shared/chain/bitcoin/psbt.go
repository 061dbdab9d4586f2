package bitcoin

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/btcec/v2"

	"coldsign/shared/fault"
)

// magic opens every PSBT (BIP-174).
const magic = "psbt\xff"

// Types of the key-value pairs that we read (BIP-174, BIP-371).
const (
	globalTx      = 0x00
	globalXpub    = 0x01
	globalVersion = 0xfb

	inPrevTx       = 0x00 // PSBT_IN_NON_WITNESS_UTXO
	inPrevOutput   = 0x01 // PSBT_IN_WITNESS_UTXO
	inPartialSig   = 0x02
	inSighash      = 0x03
	inRedeem       = 0x04
	inWitness      = 0x05
	inDerivation   = 0x06
	inFinalScript  = 0x07
	inFinalWitness = 0x08
	inTapKeySig    = 0x13
	inTapScriptSig = 0x14
	inTapLeaf      = 0x15
	inTapOrigin    = 0x16
	inTapKey       = 0x17
	inTapRoot      = 0x18

	outRedeem     = 0x00
	outWitness    = 0x01
	outDerivation = 0x02
	outTapKey     = 0x05
	outTapTree    = 0x06
	outTapOrigin  = 0x07
)

// field says what a known pair must look like.
type field struct {
	name  string
	key   func([]byte) bool // the key after its type
	value func([]byte) bool
}

// The known fields. Types in none of these tables, proprietary ones (0xfc)
// included, are kept byte for byte and never read.
var (
	globalFields = map[uint64]field{
		globalTx:      {"unsigned transaction", size(0), anything},
		globalXpub:    {"global xpub", size(78), isOrigin},
		globalVersion: {"version", size(0), size(4)},
	}
	inputFields = map[uint64]field{
		inPrevTx:       {"previous transaction", size(0), anything},
		inPrevOutput:   {"previous output", size(0), isOutput},
		inPartialSig:   {"partial signature", isPubKey, between(9, 73)},
		inSighash:      {"sighash type", size(0), size(4)},
		inRedeem:       {"redeem script", size(0), between(0, maxScript)},
		inWitness:      {"witness script", size(0), between(0, maxScript)},
		inDerivation:   {"BIP-32 derivation", isPubKey, isOrigin},
		inFinalScript:  {"final script", size(0), anything},
		inFinalWitness: {"final witness", size(0), anything},
		inTapKeySig:    {"taproot signature", size(0), between(64, 65)},
		inTapScriptSig: {"taproot script signature", size(64), between(64, 65)},
		inTapLeaf:      {"taproot leaf script", isControlBlock, between(1, maxScript+1)},
		inTapOrigin:    {"taproot BIP-32 derivation", size(32), isTapOrigin},
		inTapKey:       {"taproot internal key", size(0), size(32)},
		inTapRoot:      {"taproot merkle root", size(0), size(32)},
	}
	outputFields = map[uint64]field{
		outRedeem:     {"redeem script", size(0), between(0, maxScript)},
		outWitness:    {"witness script", size(0), between(0, maxScript)},
		outDerivation: {"BIP-32 derivation", isPubKey, isOrigin},
		outTapKey:     {"taproot internal key", size(0), size(32)},
		outTapTree:    {"taproot tree", size(0), isTapTree},
		outTapOrigin:  {"taproot BIP-32 derivation", size(32), isTapOrigin},
	}
)

// versionTwo tells the fields that BIP-370 adds, and forbids in version 0: they
// would say again, and perhaps otherwise, what the unsigned transaction says.
func versionTwo(fields map[uint64]field, typ uint64) bool {
	if _, global := fields[globalVersion]; global {
		return typ >= 0x02 && typ <= 0x06
	}
	if _, input := fields[inTapRoot]; input {
		return typ >= 0x0e && typ <= 0x12
	}
	return typ == 0x03 || typ == 0x04
}

func anything([]byte) bool { return true }

func size(n int) func([]byte) bool { return between(n, n) }

func between(least, most int) func([]byte) bool {
	return func(b []byte) bool { return len(b) >= least && len(b) <= most }
}

func isPubKey(b []byte) bool {
	_, err := btcec.ParsePubKey(b)
	return err == nil && (len(b) == 33 || b[0] == 4)
}

// isOrigin: a fingerprint and a path, each index 4 bytes.
func isOrigin(b []byte) bool {
	return len(b) >= 4 && len(b)%4 == 0 && len(b) <= 4+4*maxPath
}

// isTapOrigin: leaf hashes, then an origin.
func isTapOrigin(b []byte) bool {
	r := &reader{b: b}
	r.take(32 * uint64(r.count(32)))
	return !r.bad && isOrigin(r.b)
}

func isOutput(b []byte) bool {
	r := &reader{b: b}
	r.output()
	return r.done()
}

func isControlBlock(b []byte) bool {
	return len(b) >= 33 && (len(b)-33)%32 == 0 && len(b) <= 33+32*128
}

func isTapTree(b []byte) bool {
	r := &reader{b: b}
	for len(r.b) > 0 {
		r.take(2) // depth, leaf version
		r.varbytes()
	}
	return r.done() && len(b) > 0
}

// pair is one key-value pair.
type pair struct {
	typ   uint64
	key   []byte // whole, with its type
	data  []byte // the key after its type
	value []byte
}

// pairs is one map of a PSBT, in wire order.
type pairs []pair

// get gives the value of a field that has no key data.
func (ps pairs) get(typ uint64) ([]byte, bool) {
	for _, p := range ps {
		if p.typ == typ {
			return p.value, true
		}
	}
	return nil, false
}

func (ps pairs) has(typ uint64) bool {
	_, ok := ps.get(typ)
	return ok
}

// signatures counts those that an input has already.
func (ps pairs) signatures() (n int) {
	for _, p := range ps {
		if p.typ == inPartialSig || p.typ == inTapKeySig {
			n++
		}
	}
	return n
}

// packet is a parsed PSBT. It refers to the bytes that it was parsed from.
type packet struct {
	tx     *transaction
	global pairs
	in     []pairs
	out    []pairs
	count  int // pairs read
	sigs   int // signatures among them
}

// parsePacket reads a version 0 PSBT, form only: each known field is well
// formed, no key occurs twice, and no byte is left over.
func parsePacket(b []byte) (*packet, error) {
	if len(b) > maxPayload {
		return nil, overLimit("the PSBT has %d bytes, the most is %d", len(b), maxPayload)
	}
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return nil, fault.New("psbt.malformed", "give a binary PSBT, not base64 or hex", "not a PSBT: the magic bytes are missing")
	}
	r := &reader{b: b[len(magic):]}
	p := &packet{}
	var err error
	if p.global, err = p.pairs(r, globalFields, "the global map"); err != nil {
		return nil, err
	}
	if v, ok := p.global.get(globalVersion); ok && binary.LittleEndian.Uint32(v) != 0 {
		return nil, badVersion("PSBT version %d", binary.LittleEndian.Uint32(v))
	}
	if err := p.parseTx(); err != nil {
		return nil, err
	}
	p.in, p.out = make([]pairs, len(p.tx.in)), make([]pairs, len(p.tx.out))
	for i := range p.in {
		if p.in[i], err = p.pairs(r, inputFields, fmt.Sprintf("input %d", i)); err != nil {
			return nil, err
		}
		if p.sigs += p.in[i].signatures(); p.sigs > maxSigs {
			return nil, overLimit("the PSBT has more than %d signatures", maxSigs)
		}
	}
	for i := range p.out {
		if p.out[i], err = p.pairs(r, outputFields, fmt.Sprintf("output %d", i)); err != nil {
			return nil, err
		}
	}
	if !r.done() {
		return nil, fault.New("psbt.trailing", "", "%d bytes follow the end of the PSBT", len(r.b))
	}
	return p, nil
}

// parseTx reads the unsigned transaction: never the witness form, and no
// scriptSig filled. The transaction refers to a copy of its own.
func (p *packet) parseTx() error {
	raw, ok := p.global.get(globalTx)
	if !ok {
		return fault.New("psbt.unsigned-tx", "", "the PSBT has no unsigned transaction")
	}
	if len(raw) > maxBase {
		return overLimit("the unsigned transaction has %d bytes, the most that nodes relay is %d", len(raw), maxBase)
	}
	r := &reader{b: slices.Clone(raw)}
	p.tx = r.transaction(false)
	if !r.done() {
		return fault.New("psbt.unsigned-tx", "", "the unsigned transaction is malformed")
	}
	if len(p.tx.in) > maxInputs || len(p.tx.out) > maxOutputs {
		return overLimit("%d inputs and %d outputs, the most are %d and %d", len(p.tx.in), len(p.tx.out), maxInputs, maxOutputs)
	}
	for i, in := range p.tx.in {
		if len(in.script) > 0 {
			return fault.New("psbt.unsigned-tx", "", "input %d of the unsigned transaction has a script already", i)
		}
	}
	for i, o := range p.tx.out {
		if len(o.Script) > maxScript {
			return overLimit("the script of output %d has %d bytes, the most is %d", i, len(o.Script), maxScript)
		}
	}
	return nil
}

// pairs reads one map up to its separator.
func (p *packet) pairs(r *reader, fields map[uint64]field, place string) (pairs, error) {
	var ps pairs
	seen := map[string]bool{}
	for {
		key := r.varbytes()
		if !r.bad && len(key) == 0 {
			return ps, nil
		}
		k := &reader{b: key}
		kv := pair{typ: k.compact(), key: key, data: k.b, value: r.varbytes()}
		if r.bad || k.bad {
			return nil, fault.New("psbt.malformed", "", "%s of the PSBT is cut short or malformed", place)
		}
		if p.count++; len(key) > maxKey || p.count > maxPairs {
			return nil, overLimit("%s has a key of more than %d bytes, or the PSBT more than %d pairs", place, maxKey, maxPairs)
		}
		if seen[string(key)] {
			return nil, fault.New("psbt.duplicate-key", "", "%s has the key %.80x twice", place, key)
		}
		seen[string(key)] = true
		if versionTwo(fields, kv.typ) {
			return nil, badVersion("%s has field 0x%02x of PSBT version 2", place, kv.typ)
		}
		if f, known := fields[kv.typ]; known && (!f.key(kv.data) || !f.value(kv.value)) {
			return nil, fault.New("psbt.field", "", "%s has a malformed field: %s", place, f.name)
		}
		ps = append(ps, kv)
	}
}

// encode writes the PSBT. What parsePacket read comes out byte for byte.
func (p *packet) encode() []byte {
	var b bytes.Buffer
	b.WriteString(magic)
	for _, ps := range append(append([]pairs{p.global}, p.in...), p.out...) {
		for _, kv := range ps {
			b.Write(appendBytes(appendBytes(nil, kv.key), kv.value))
		}
		b.WriteByte(0)
	}
	return b.Bytes()
}

func overLimit(format string, args ...any) error {
	return fault.New("psbt.limits", "split the payment", format, args...)
}

func badVersion(format string, args ...any) error {
	return fault.New("psbt.version", "export it as a version 0 PSBT (BIP-174)", format, args...)
}
