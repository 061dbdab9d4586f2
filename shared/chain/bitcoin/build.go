package bitcoin

import (
	"encoding/binary"
	"slices"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Input is one input of a PSBT to build. Previous proves the amount; Claimed
// only claims it, which is enough for Taproot alone. One of them is needed.
type Input struct {
	Outpoint      Outpoint
	Sequence      uint32
	Previous      []byte         // the whole previous transaction, as a node gives it
	Claimed       *Output        // the output spent, where Previous is not to be had
	RedeemScript  []byte         // of a P2SH output
	WitnessScript []byte         // of a P2WSH output
	InternalKey   []byte         // x-only key of a P2TR output, 32 bytes
	MerkleRoot    []byte         // of a P2TR output with a script tree, 32 bytes
	HashType      byte           // that signatures must have; 0 says nothing
	Origins       []chain.Origin // where its keys derive from
}

// BuildPSBT makes a version 0 PSBT, the same bytes each time for the same
// arguments: fields by type, origins by key. What it makes is parsed again
// before it is returned, but not reviewed: Decode does that.
func BuildPSBT(version, locktime uint32, in []Input, out []Output) ([]byte, error) {
	t := &transaction{version: version, locktime: locktime, out: out}
	p := &packet{out: make([]pairs, len(out))}
	for _, i := range in {
		t.in = append(t.in, txInput{prev: i.Outpoint, sequence: i.Sequence})
		p.in = append(p.in, i.pairs())
	}
	p.global.add(globalTx, nil, t.encode(false))
	b := p.encode()
	if _, err := parsePacket(b); err != nil {
		return nil, fault.New(fault.Code(err), "", "these parts make no PSBT: %w", err)
	}
	return b, nil
}

// ForkID is the hash type of Bitcoin Cash, ALL|FORKID.
const ForkID = sighashForkID

// ReadUnsigned reads a transaction that is not signed, in the form without witness.
func ReadUnsigned(raw []byte) (version, locktime uint32, in []Input, out []Output, err error) {
	bad := func(format string, args ...any) (uint32, uint32, []Input, []Output, error) {
		return 0, 0, nil, nil, fault.New("bitcoin.unsigned", "", format, args...)
	}
	if len(raw) > maxBase {
		return bad("the transaction has %d bytes, the most that nodes relay is %d", len(raw), maxBase)
	}
	r := &reader{b: raw}
	t := r.transaction(false)
	if !r.done() {
		return bad("the transaction is malformed")
	}
	for n, i := range t.in {
		if len(i.script) > 0 {
			return bad("input %d has a script already", n)
		}
		in = append(in, Input{Outpoint: i.prev, Sequence: i.sequence})
	}
	return t.version, t.locktime, in, t.out, nil
}

func (i Input) pairs() pairs {
	var ps pairs
	optional := func(typ byte, value []byte) {
		if value != nil {
			ps.add(typ, nil, value)
		}
	}
	optional(inPrevTx, i.Previous)
	if i.Claimed != nil {
		ps.add(inPrevOutput, nil, appendOutput(nil, *i.Claimed))
	}
	if i.HashType != 0 {
		ps.add(inSighash, nil, []byte{i.HashType, 0, 0, 0})
	}
	optional(inRedeem, i.RedeemScript)
	optional(inWitness, i.WitnessScript)
	origins := slices.Clone(i.Origins)
	slices.SortFunc(origins, func(a, b chain.Origin) int { return slices.Compare(a.Key.Bytes(), b.Key.Bytes()) })
	for _, o := range origins {
		ps = append(ps, origin(o, i.InternalKey))
	}
	optional(inTapKey, i.InternalKey)
	optional(inTapRoot, i.MerkleRoot)
	return ps
}

// WithOrigins gives the PSBT of u with the origin of each key that is to sign an
// input, where it is missing (BIP-174, BIP-371): a device finds its keys by them.
// All else stays byte for byte. An origin for no input is left out.
func WithOrigins(u chain.Unsigned, origins []chain.Origin) ([]byte, error) {
	decoded, err := New().Decode(u)
	if err != nil {
		return nil, err
	}
	p, err := parsePacket(slices.Clone(u.Payload))
	if err != nil {
		return nil, err
	}
	for n, i := range decoded.(*tx).in {
		ps := &p.in[n]
		for _, s := range i.slots {
			at := slices.IndexFunc(origins, func(o chain.Origin) bool {
				return o.Key == s.key || i.kind == p2tr && o.Key.Even() == s.key.Even()
			})
			if s.sig != nil || at < 0 {
				continue
			}
			internal, known := ps.get(inTapKey)
			if i.kind == p2tr && !known {
				internal = s.key.Bytes()[1:]
				ps.add(inTapKey, nil, internal)
			}
			if kv := origin(origins[at], internal); !slices.ContainsFunc(*ps, func(have pair) bool { return string(have.key) == string(kv.key) }) {
				*ps = append(*ps, kv)
			}
		}
	}
	return p.encode(), nil
}

// origin is the field that says where a key derives from; internal is the internal
// key of a Taproot input, else nil.
func origin(o chain.Origin, internal []byte) pair {
	path := slices.Clone(o.Fingerprint[:])
	for _, index := range o.Path {
		path = binary.LittleEndian.AppendUint32(path, index)
	}
	var ps pairs
	if internal == nil {
		ps.add(inDerivation, o.Key.Bytes(), path)
	} else {
		ps.add(inTapOrigin, o.Key.Bytes()[1:], append([]byte{0}, path...))
	}
	return ps[0]
}
