package bitcoin

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// outpoint makes the n-th of as many different outpoints as are wanted.
func outpoint(n int) Outpoint {
	o := Outpoint{TxID: Hash{31: 1}}
	binary.LittleEndian.PutUint32(o.TxID[:], uint32(n))
	return o
}

// many makes inputs that claim 1,000 satoshi each.
func many(n int, script []byte) []Input {
	in := make([]Input, n)
	for i := range in {
		in[i] = Input{Outpoint: outpoint(i), Sequence: uint32(i), Claimed: &Output{1000, script}}
	}
	return in
}

// unsigned makes a PSBT of any size, which BuildPSBT might refuse to make.
func unsigned(in []Input, out []Output) []byte {
	p, x := &packet{out: make([]pairs, len(out))}, &transaction{version: 2, out: out}
	for _, i := range in {
		x.in = append(x.in, txInput{prev: i.Outpoint, sequence: i.Sequence})
		p.in = append(p.in, i.pairs())
	}
	p.global.add(globalTx, nil, x.encode(false))
	return p.encode()
}

// fill makes outputs of a transaction with n inputs so that it has size bytes.
func fill(n, size int) []Output {
	left := size - (4 + len(appendCompact(nil, n)) + 41*n + 1 + 4)
	var out []Output
	for left > 0 {
		size := 1000
		if left < 2*size {
			size = left
		}
		out = append(out, Output{1, append([]byte{opReturn}, make([]byte, size-8-3-1)...)})
		left -= size
	}
	return out
}

// The legacy digest reads the whole transaction for each input: the worst that
// is allowed allocates no more than in proportion to the payload, and its digests
// are btcd's.
func TestLegacyWorst(t *testing.T) {
	script := p2pkhScript(hash160(key(1).Bytes()))
	payload := unsigned(many(maxInputs, script), fill(maxInputs, maxBase))
	var x *tx
	if n := allocated(func() { x = decode(t, payload, 1) }); n > 50*uint64(len(payload)) {
		t.Errorf("%d bytes of payload made us allocate %d", len(payload), n)
	}
	var m wire.MsgTx
	raw := x.unsigned.encode(false)
	if err := m.DeserializeNoWitness(bytes.NewReader(raw)); err != nil || len(raw) != maxBase {
		t.Fatalf("%d bytes: %v", len(raw), err)
	}
	for _, n := range []int{0, 1, 252, 253, maxInputs / 2, maxInputs - 1} {
		want, err := txscript.CalcSignatureHash(script, txscript.SigHashAll, &m, n)
		if err != nil || !bytes.Equal(x.in[n].digest[:], want) {
			t.Errorf("input %d: digest %x, btcd's is %x: %v", n, x.in[n].digest, want, err)
		}
	}
	in := many(1, script)
	decode(t, unsigned(in, fill(1, maxBase)), 1)
	refuse(t, "a byte too many", "psbt.limits", unsigned(in, fill(1, maxBase+1)), 1)
	refuse(t, "380 scripts of 10,000 bytes", "psbt.limits",
		unsigned(many(maxInputs, script), slices.Repeat([]Output{{1, make([]byte, maxScript)}}, 380)), 1)
}

// The most inputs that are allowed decode, with every field that is usual and as
// many signatures as are allowed, made and to be made; see limits.go.
func TestMostInputs(t *testing.T) {
	script := multisigScript(2, 4, 5, 6)
	program := sha256.Sum256(script)
	redeem := witnessScript(0, program[:])
	in := many(maxInputs, p2shScript(hash160(redeem)))
	for i := range in {
		in[i].RedeemScript, in[i].WitnessScript = redeem, script
		for k := range 3 {
			in[i].Origins = append(in[i].Origins, chain.Origin{Key: key(4 + k), Path: make([]uint32, 5)})
		}
	}
	p, err := parsePacket(build(t, 2, 0, in, []Output{pay(maxInputs * 900)}))
	if err != nil {
		t.Fatal(err)
	}
	refuse(t, "as many signatures to be made as wanted", "psbt.limits", p.encode(), 4, 5)
	fake := slices.Repeat([]byte{1}, 71)
	for n := range p.in {
		p.in[n].add(inSighash, nil, []byte{sighashAll, 0, 0, 0})
		p.in[n].add(inPartialSig, key(5).Bytes(), fake)
	}
	refuse(t, "as many signatures as allowed, all of them wrong", "psbt.partial-signature", p.encode(), 4)
	p.in[7].add(inPartialSig, key(4).Bytes(), fake)
	refuse(t, "one more", "psbt.limits", p.encode(), 4)
	p.in[7] = p.in[7][:len(p.in[7])-1]
	ring, err := newKeyring(signers(4))
	if err != nil {
		t.Fatal(err)
	}
	x := &tx{unsigned: p.tx}
	if err := x.readInputs(p, ring); err != nil {
		t.Fatal(err)
	}
	for n := range p.in {
		sig := sign(chain.SignRequest{Key: key(5), Scheme: chain.ECDSA, Message: x.in[n].digest[:]})
		value, ok := x.in[n].wireSignature(key(5), sig.Bytes)
		if !ok {
			t.Fatal("the signature does not verify")
		}
		p.in[n][len(p.in[n])-1].value = value
	}
	x = decode(t, p.encode(), 4)
	origins, err := PayloadOrigins(p.encode())
	if err != nil || len(x.ToSign()) != maxInputs || len(origins) != 3*maxInputs {
		t.Errorf("%d requests, %d origins: %v", len(x.ToSign()), len(origins), err)
	}
	warned := slices.ContainsFunc(x.Review().Warnings, func(w chain.Warning) bool { return w.Code == "bitcoin.size" })
	if !warned {
		t.Error("no warning that the signed transaction is too large for nodes")
	}
}

// All signatures of all inputs are counted, before any is verified.
func TestMostSignatures(t *testing.T) {
	keys := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	script := multisigScript(15, keys...)
	program := sha256.Sum256(script)
	in := many(500, witnessScript(0, program[:]))
	for i := range in {
		in[i].WitnessScript = script
	}
	p, err := parsePacket(build(t, 2, 0, in, []Output{pay(1000)}))
	if err != nil {
		t.Fatal(err)
	}
	refuse(t, "all to be made", "psbt.limits", p.encode(), keys...)
	for n := range p.in {
		for _, k := range keys[1:] {
			p.in[n].add(inPartialSig, key(k).Bytes(), make([]byte, 71))
		}
	}
	refuse(t, "all but one made", "psbt.limits", p.encode(), 1)
}

// Pairs are counted over all maps; unknown ones are not kept once decoded.
func TestMostPairs(t *testing.T) {
	p, err := parsePacket(build(t, 2, 0, many(600, pay(0).Script), slices.Repeat([]Output{pay(1)}, 600)))
	if err != nil {
		t.Fatal(err)
	}
	left := maxPairs - p.count
	for n := range left {
		ps := slices.Concat(p.in, p.out)[n%1200 : n%1200+1]
		ps[0].add(0xfc, binary.LittleEndian.AppendUint32(nil, uint32(n)), nil)
		if n%1200 < 600 {
			p.in[n%1200] = ps[0]
		} else {
			p.out[n%1200-600] = ps[0]
		}
	}
	if again, err := parsePacket(p.encode()); err != nil || again.count != maxPairs {
		t.Fatalf("as many as allowed: %v", err)
	}
	p.out[599].add(0xfc, []byte("last"), nil)
	if _, err := parsePacket(p.encode()); !fault.Is(err, "psbt.limits") {
		t.Errorf("one more: %v", err)
	}
}

// A decoded transaction keeps neither the payload nor what was parsed from it.
func TestRetains(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*packet)
	}{
		{"previous transaction", func(*packet) {}},
		{"unknown pairs", func(p *packet) {
			for n := range 1000 {
				p.in[0].add(0xfc, binary.LittleEndian.AppendUint32(nil, uint32(n)), make([]byte, 40))
			}
		}},
	} {
		for _, k := range kinds {
			in := k.input(1, 9000)
			if in.Previous != nil { // pad it with outputs
				r := &reader{b: in.Previous}
				x := r.transaction(true)
				x.out = append(x.out, slices.Repeat([]Output{pay(1)}, 2000)...)
				in.Previous, in.Outpoint.TxID = x.encode(true), x.id()
			}
			p, err := parsePacket(build(t, 2, 0, []Input{in}, []Output{pay(8000)}))
			if err != nil {
				t.Fatal(err)
			}
			c.change(p)
			payload := p.encode()
			kept := make([]*tx, 50)
			before := heap()
			for n := range kept {
				kept[n] = decode(t, payload, k.signers...)
			}
			if each := (int64(heap()) - int64(before)) / int64(len(kept)); each > 4000 {
				t.Errorf("%s, %s: %d bytes of payload retain %d", c.name, k.name, len(payload), each)
			}
			runtime.KeepAlive(kept)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// allocated gives how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
