package bitcoin

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// raw makes a PSBT that BuildPSBT might refuse to make.
func raw(t *transaction) []byte {
	p := &packet{in: make([]pairs, len(t.in)), out: make([]pairs, len(t.out))}
	p.global.add(globalTx, nil, t.encode(false))
	return p.encode()
}

func TestRefusesForm(t *testing.T) {
	good := build(t, 2, 0, []Input{kinds[1].input(1, 9000)}, []Output{pay(8000)})
	decode(t, good, 2)
	mod := func(change func(*packet)) []byte {
		p, err := parsePacket(good)
		if err != nil {
			t.Fatal(err)
		}
		change(p)
		return p.encode()
	}
	withTx := func(change func(*transaction)) []byte {
		return mod(func(p *packet) {
			change(p.tx)
			p.global = nil
			p.global.add(globalTx, nil, p.tx.encode(false))
			p.in, p.out = slices.Grow(p.in, 9)[:len(p.tx.in)], slices.Grow(p.out, 9)[:len(p.tx.out)]
		})
	}
	two := func(amounts ...uint64) []byte {
		return withTx(func(x *transaction) {
			x.out = nil
			for _, a := range amounts {
				x.out = append(x.out, pay(a))
			}
		})
	}
	u32 := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	many := &transaction{version: 2, in: make([]txInput, maxInputs+1), out: []Output{pay(1)}}
	for _, c := range []struct {
		name, code string
		payload    []byte
	}{
		{"nothing", "psbt.malformed", nil},
		{"magic", "psbt.malformed", append([]byte("psbt\xfe"), good[5:]...)},
		{"trailing byte", "psbt.trailing", append(slices.Clone(good), 0)},
		{"second PSBT", "psbt.trailing", append(slices.Clone(good), good...)},
		{"4 MiB and more", "psbt.limits", append(slices.Clone(good), make([]byte, maxPayload)...)},
		{"no transaction", "psbt.unsigned-tx", []byte(magic + "\x00")},
		{"duplicate global key", "psbt.duplicate-key", mod(func(p *packet) { p.global = append(p.global, p.global[0]) })},
		{"duplicate input key", "psbt.duplicate-key", mod(func(p *packet) { p.in[0] = append(p.in[0], p.in[0][0]) })},
		{"duplicate unknown key", "psbt.duplicate-key", mod(func(p *packet) { p.out[0].add(0xfc, nil, nil); p.out[0].add(0xfc, nil, nil) })},
		{"long compact size", "psbt.malformed", append([]byte(magic+"\xfd\x01\x00\x00"), good[7:]...)},
		{"long key type", "psbt.malformed", mod(func(p *packet) { p.in[0].add(0xfd, []byte{3, 0}, u32(1)) })},
		{"4 MB key claimed", "psbt.malformed", []byte(magic + "\xfe\x00\x00\x40\x00\xfc")},
		{"long key", "psbt.limits", mod(func(p *packet) { p.in[0].add(0xfc, make([]byte, maxKey), nil) })},
		{"many pairs", "psbt.limits", mod(func(p *packet) {
			for n := range uint32(maxPairs) {
				p.in[0].add(0xfc, u32(n), nil)
			}
		})},
		{"2^32 inputs claimed", "psbt.unsigned-tx", []byte(magic + "\x01\x00\x0d\x02\x00\x00\x00\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00")},
		{"too many inputs", "psbt.limits", raw(many)},
		{"too many outputs", "psbt.limits", raw(&transaction{version: 2, in: make([]txInput, 1), out: make([]Output, maxOutputs+1)})},
		{"version 2", "psbt.version", mod(func(p *packet) { p.global.add(globalVersion, nil, u32(2)) })},
		{"version 2 without a transaction", "psbt.version", mod(func(p *packet) { p.global = nil; p.global.add(globalVersion, nil, u32(2)) })},
		{"version 2 global field", "psbt.version", mod(func(p *packet) { p.global.add(0x03, nil, u32(5)) })},
		{"version 2 input field", "psbt.version", mod(func(p *packet) { p.in[0].add(0x10, nil, u32(5)) })},
		{"version 2 output amount", "psbt.version", mod(func(p *packet) { p.out[0].add(0x03, nil, make([]byte, 8)) })},
		{"scriptSig filled", "psbt.unsigned-tx", withTx(func(x *transaction) { x.in[0].script = []byte{op1} })},
		{"transaction version 0", "bitcoin.version", withTx(func(x *transaction) { x.version = 0 })},
		{"transaction version 4", "bitcoin.version", withTx(func(x *transaction) { x.version = 4 })},
		{"transaction version -1", "bitcoin.version", withTx(func(x *transaction) { x.version = 0xffffffff })},
		{"no inputs", "bitcoin.empty", withTx(func(x *transaction) { x.in = nil })},
		{"no outputs", "bitcoin.empty", withTx(func(x *transaction) { x.out = nil })},
		{"duplicate outpoint", "bitcoin.duplicate-input", withTx(func(x *transaction) { x.in = append(x.in, x.in[0]) })},
		{"coinbase", "bitcoin.coinbase", withTx(func(x *transaction) { x.in[0].prev = Outpoint{Index: 0xffffffff} })},
		{"more than there are", "bitcoin.amount", two(maxMoney + 1)},
		{"negative by 2^63", "bitcoin.amount", two(1<<63 + 1)},
		{"sum over 2^64", "bitcoin.amount", two(1<<63, 1<<63)},
		{"sum over the most", "bitcoin.amount", two(maxMoney, 1)},
		{"inputs below outputs", "bitcoin.inputs-below-outputs", two(9001)},
		{"inputs below sum of outputs", "bitcoin.inputs-below-outputs", two(9000, 1)},
		{"output script over the limit", "psbt.limits", withTx(func(x *transaction) { x.out[0].Script = make([]byte, maxScript+1) })},
	} {
		refuse(t, c.name, c.code, c.payload, 2)
	}
	if _, err := parsePacket(good[:len(good)-1]); !fault.Is(err, "psbt.malformed") {
		t.Errorf("cut short: %v", err)
	}
	for n := range good {
		if _, err := parsePacket(good[:n]); err == nil {
			t.Errorf("parsed the first %d of %d bytes", n, len(good))
		}
	}
	for _, c := range []struct {
		code string
		u    chain.Unsigned
	}{
		{"bitcoin.network", chain.Unsigned{Payload: good, Signers: signers(2)}},
		{"bitcoin.network", chain.Unsigned{Network: "bip122:12a765e31ffd4059bada1e25190f6e98", Payload: good, Signers: signers(2)}},
		{"bitcoin.evidence", chain.Unsigned{Network: mainnet, Payload: good, Signers: signers(2), Evidence: []byte{0}}},
		{"psbt.signers", chain.Unsigned{Network: mainnet, Payload: good, Signers: []chain.PublicKey{{}}}},
		{"psbt.signers", chain.Unsigned{Network: mainnet, Payload: good, Signers: []chain.PublicKey{chain.XOnly([32]byte{31: 5})}}},
		{"psbt.limits", chain.Unsigned{Network: mainnet, Payload: good, Signers: make([]chain.PublicKey, maxSigners+1)}},
	} {
		if _, err := New().Decode(c.u); !fault.Is(err, c.code) {
			t.Errorf("code %s, want %s", fault.Code(err), c.code)
		}
	}
}

// Every type of field: wrong lengths of key and value are refused; other types
// are kept, wherever they stand, and change nothing.
func TestFields(t *testing.T) {
	good := build(t, 2, 0, []Input{kinds[1].input(1, 9000)}, []Output{pay(8000)})
	text := decode(t, good, 2).Review().Text()
	for typ, f := range inputFields {
		for _, kv := range [][2][]byte{{{1}, {1}}, {{}, {}}, {make([]byte, 33), make([]byte, 33)}} {
			if f.key(kv[0]) && f.value(kv[1]) {
				continue
			}
			refuse(t, f.name, "psbt.field", withField(t, good, 0, byte(typ), kv[1], kv[0]...), 2)
		}
	}
	p, err := parsePacket(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, ps := range []*pairs{&p.global, &p.in[0], &p.out[0]} {
		ps.add(0xfc, []byte("\x05hello\x01"), []byte{1, 2, 3})
		ps.add(0xf0, nil, nil)
	}
	p.global.add(globalVersion, nil, make([]byte, 4))
	p.in[0].add(0x0a, make([]byte, 20), []byte("preimage"))
	if got := decode(t, p.encode(), 2).Review().Text(); got != text {
		t.Errorf("unknown fields changed the review:\n%s\nwas:\n%s", got, text)
	}
}

func TestRefusesInputs(t *testing.T) {
	psbtOf := func(in ...Input) []byte { return build(t, 2, 0, in, []Output{pay(5000)}) }
	pkh, wpkh, sh, wsh, tr := kinds[0].input(1, 9000), kinds[1].input(2, 9000), kinds[2].input(3, 9000), kinds[3].input(4, 9000), kinds[5].input(5, 9000)
	with := func(in Input, change func(*Input)) []byte {
		change(&in)
		return psbtOf(in)
	}
	typed := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	claim := func(in Input, amount uint64) *Output {
		r := &reader{b: in.Previous}
		return &Output{amount, r.transaction(true).out[1].Script}
	}
	other := kinds[1].input(77, 9000)
	for _, c := range []struct {
		name, code string
		payload    []byte
		signers    []int
	}{
		{"CVE-2020-14199: claim above the previous transaction", "psbt.previous-transaction", with(wpkh, func(i *Input) { i.Claimed = claim(*i, 9001) }), []int{2}},
		{"other previous transaction", "psbt.previous-transaction", with(wpkh, func(i *Input) { i.Previous = other.Previous }), []int{2}},
		{"no such output", "psbt.previous-transaction", with(wpkh, func(i *Input) { i.Outpoint.Index = 2 }), []int{2}},
		{"previous transaction with a byte more", "psbt.previous-transaction", with(wpkh, func(i *Input) { i.Previous = append(slices.Clone(i.Previous), 0) }), []int{2}},
		{"no amount", "psbt.previous-transaction", with(wpkh, func(i *Input) { i.Previous = nil }), []int{2}},
		{"no amount, Taproot", "psbt.previous-transaction", with(tr, func(i *Input) { i.Claimed = nil }), []int{9}},
		{"claim over the most", "bitcoin.amount", with(wpkh, func(i *Input) { i.Claimed, i.Previous = claim(*i, maxMoney+1), nil }), []int{2}},
		{"final script", "psbt.final", withField(t, psbtOf(pkh), 0, inFinalScript, []byte{1}), []int{1}},
		{"final witness", "psbt.final", withField(t, psbtOf(wpkh), 0, inFinalWitness, []byte{0}), []int{2}},
		{"leaf script", "psbt.taproot-script", withField(t, psbtOf(tr), 0, inTapLeaf, []byte{op1, 0xc0}, make([]byte, 33)...), []int{9}},
		{"script signature", "psbt.taproot-script", withField(t, psbtOf(tr), 0, inTapScriptSig, make([]byte, 64), make([]byte, 64)...), []int{9}},
		{"redeem script missing", "psbt.redeem-script", with(kinds[4].input(6, 9000), func(i *Input) { i.RedeemScript, i.WitnessScript = nil, nil }), []int{8}},
		{"other redeem script", "psbt.redeem-script", with(sh, func(i *Input) { i.RedeemScript = witnessScript(0, hash160(key(5).Bytes())) }), []int{5}},
		{"redeem script for P2WPKH", "psbt.redeem-script", with(wpkh, func(i *Input) { i.RedeemScript = sh.RedeemScript }), []int{2}},
		{"witness script missing", "psbt.witness-script", with(wsh, func(i *Input) { i.WitnessScript = nil }), []int{4, 5}},
		{"witness script with lower threshold", "psbt.witness-script", with(wsh, func(i *Input) { i.WitnessScript = multisigScript(1, 4, 5, 6) }), []int{4}},
		{"witness script with a key replaced", "psbt.witness-script", with(wsh, func(i *Input) { i.WitnessScript = multisigScript(2, 4, 5, 7) }), []int{4, 5}},
		{"witness script for P2WPKH", "psbt.witness-script", with(wpkh, func(i *Input) { i.WitnessScript = wsh.WitnessScript }), []int{2}},
		{"key twice in a multisig", "psbt.input-type", psbtOf(p2wsh(7, 9000, multisigScript(2, 4, 4, 5))), []int{4, 5}},
		{"more signatures than keys", "psbt.input-type", psbtOf(p2wsh(8, 9000, multisigScript(3, 4, 5))), []int{4, 5}},
		{"no signatures", "psbt.input-type", psbtOf(p2wsh(8, 9000, multisigScript(0, 4, 5))), []int{4, 5}},
		{"another witness script", "psbt.input-type", psbtOf(p2wsh(9, 9000, []byte{op1})), []int{4}},
		{"P2SH multisig", "psbt.input-type", psbtOf(nested(10, 9000, multisigScript(1, 4))), []int{4}},
		{"P2SH in P2SH", "psbt.input-type", psbtOf(nested(11, 9000, p2shScript(make([]byte, 20)))), []int{4}},
		{"P2TR in P2SH", "psbt.input-type", psbtOf(nested(12, 9000, witnessScript(1, make([]byte, 32)))), []int{4}},
		{"P2PK", "psbt.input-type", psbtOf(spend(13, Output{9000, append(push(nil, key(1).Bytes()), opCheckSig)})), []int{1}},
		{"bare multisig", "psbt.input-type", psbtOf(spend(14, Output{9000, multisigScript(1, 1)})), []int{1}},
		{"anyone can spend", "psbt.input-type", psbtOf(spend(15, Output{9000, []byte{op1}})), []int{1}},
		{"future witness", "psbt.input-type", psbtOf(spend(16, Output{9000, witnessScript(2, make([]byte, 32))})), []int{1}},
		{"other internal key", "psbt.taproot-key", with(tr, func(i *Input) { i.InternalKey = key(10).Bytes()[1:] }), []int{10}},
		{"other merkle root", "psbt.taproot-key", with(tr, func(i *Input) { i.MerkleRoot = make([]byte, 32) }), []int{9}},
		{"internal key on no point", "psbt.taproot-key", with(tr, func(i *Input) { i.InternalKey = bytes.Repeat([]byte{0xff}, 32) }), []int{9}},
		{"foreign input", "psbt.signers", psbtOf(pkh, wpkh), []int{1}},
		{"foreign Taproot input", "psbt.signers", psbtOf(pkh, tr), []int{1}},
		{"foreign Taproot input, key unnamed", "psbt.signers", without(t, psbtOf(pkh, tr), 1, inTapKey), []int{1}},
		{"threshold not met", "psbt.signers", psbtOf(wsh), []int{5}},
		{"no signer", "psbt.signers", psbtOf(pkh), nil},
		{"unused signer", "psbt.signer-unused", psbtOf(pkh), []int{1, 2}},
		{"third signer of two", "psbt.signer-unused", psbtOf(wsh), []int{4, 5, 6}},
	} {
		refuse(t, c.name, c.code, c.payload, c.signers...)
	}
	for _, n := range []uint32{0, 2, 3, 0x81, 0x82, 0x83, 0xff, 0x101, 1 << 31} {
		for k, in := range []Input{pkh, wpkh, sh, wsh} {
			refuse(t, kinds[k].name, "psbt.sighash", withField(t, psbtOf(in), 0, inSighash, typed(n)), kinds[k].signers...)
		}
		if n != 0 {
			refuse(t, "p2tr", "psbt.sighash", withField(t, psbtOf(tr), 0, inSighash, typed(n)), 9)
		}
	}
	// A previous transaction with any bit changed is another one.
	for bit := range len(wpkh.Previous) * 8 {
		in := wpkh
		in.Previous = slices.Clone(wpkh.Previous)
		in.Previous[bit/8] ^= 1 << (bit % 8)
		x, err := New().Decode(chain.Unsigned{Network: mainnet, Payload: build(t, 2, 0, []Input{in}, []Output{pay(5000)}), Signers: signers(2)})
		r := &reader{b: in.Previous}
		if prev := r.transaction(true); err == nil && prev.id() != in.Outpoint.TxID {
			t.Errorf("bit %d of the previous transaction does not matter:\n%s", bit, x.Review().Text())
		}
	}
}

// Signatures that the PSBT has already are verified and counted.
func TestPartialSignatures(t *testing.T) {
	in := []Input{kinds[3].input(1, 9000), kinds[1].input(2, 5000)}
	base := build(t, 2, 0, in, []Output{pay(13000)})
	sig := partial(t, base, 0, 5, 2, 4, 5)
	payload := withField(t, base, 0, inPartialSig, sig, key(5).Bytes()...)
	x := decode(t, payload, 2, 6)
	if n := len(x.ToSign()); n != 2 {
		t.Fatalf("%d requests, want 2", n)
	}
	sealed, err := x.Seal(signAll(x))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, x, sealed)

	single := withField(t, base, 1, inPartialSig, partial(t, base, 1, 2, 2, 4, 5), key(2).Bytes()...)
	x = decode(t, single, 6, 5)
	if sealed, err = x.Seal(signAll(x)); err != nil {
		t.Fatal(err)
	}
	verify(t, x, sealed)

	broken, none, long := slices.Clone(sig), slices.Clone(sig), append(slices.Clone(sig), 1)
	broken[20] ^= 1
	none[len(none)-1] = 2
	tr := build(t, 2, 0, []Input{kinds[5].input(3, 9000), kinds[1].input(4, 1000)}, []Output{pay(9000)})
	y := decode(t, tr, 9, 2)
	schnorr := sign(y.ToSign()[0]).Bytes
	done := withField(t, tr, 0, inTapKeySig, schnorr)
	if x := decode(t, done, 2); len(x.ToSign()) != 1 {
		t.Error("the Taproot signature is not counted")
	} else if sealed, err := x.Seal(signAll(x)); err != nil {
		t.Error(err)
	} else {
		verify(t, x, sealed)
	}
	flipped := slices.Clone(schnorr)
	flipped[40] ^= 1
	for _, c := range []struct {
		name, code string
		payload    []byte
		signers    []int
	}{
		{"broken", "psbt.partial-signature", withField(t, base, 0, inPartialSig, broken, key(5).Bytes()...), []int{2, 6}},
		{"type NONE", "psbt.sighash", withField(t, base, 0, inPartialSig, none, key(5).Bytes()...), []int{2, 6}},
		{"byte too many", "psbt.partial-signature", withField(t, base, 0, inPartialSig, long, key(5).Bytes()...), []int{2, 6}},
		{"of another key", "psbt.partial-signature", withField(t, base, 0, inPartialSig, sig, key(6).Bytes()...), []int{2, 4}},
		{"of a key not named", "psbt.partial-signature", withField(t, base, 0, inPartialSig, sig, key(9).Bytes()...), []int{2, 4, 6}},
		{"of another input", "psbt.partial-signature", withField(t, base, 1, inPartialSig, sig, key(2).Bytes()...), []int{4, 6}},
		{"signer has signed", "psbt.signer-unused", payload, []int{2, 5, 6}},
		{"Taproot, broken", "psbt.partial-signature", withField(t, tr, 0, inTapKeySig, flipped), []int{2}},
		{"Taproot, ALL for DEFAULT", "psbt.partial-signature", withField(t, tr, 0, inTapKeySig, append(slices.Clone(schnorr), 1)), []int{2}},
		{"Taproot, SINGLE", "psbt.sighash", withField(t, tr, 0, inTapKeySig, append(slices.Clone(schnorr), 3)), []int{2}},
		{"Taproot signature on P2WPKH", "psbt.partial-signature", withField(t, tr, 1, inTapKeySig, schnorr), []int{2, 9}},
		{"nothing left to sign", "psbt.signers", withField(t, done, 1, inPartialSig, partial(t, done, 1, 2, 2), key(2).Bytes()...), nil},
	} {
		refuse(t, c.name, c.code, c.payload, c.signers...)
	}
}
