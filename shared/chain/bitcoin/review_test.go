package bitcoin

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func TestReviewTimes(t *testing.T) {
	for _, c := range []struct {
		name               string
		version, locktime  uint32
		sequences          []uint32
		lock, rbf, warning string
		input              string // in the detail of the first input
	}{
		{"final", 2, 0, []uint32{sequenceFinal}, "none", "no", "", "sequence 0xffffffff"},
		{"not replaceable", 2, 0, []uint32{0xfffffffe}, "none", "no", "", "sequence 0xfffffffe"},
		{"replaceable by one input", 2, 0, []uint32{sequenceFinal, sequenceRBF}, "none", "yes, signalled by sequence (BIP-125)", "", ""},
		{"height", 1, 499_999_999, []uint32{0xfffffffe}, "block height 499999999", "no", "bitcoin.locktime", ""},
		{"time", 2, 500_000_000, []uint32{0xfffffffe, sequenceFinal}, "1985-11-05 00:53:20 UTC (500000000)", "no", "bitcoin.locktime", ""},
		{"last time", 2, 0xffffffff, []uint32{0xfffffffe}, "2106-02-07 06:28:15 UTC (4294967295)", "no", "bitcoin.locktime", ""},
		{"no effect", 2, 7, []uint32{sequenceFinal}, "block height 7, without effect: every sequence is final", "no", "", ""},
		{"relative blocks", 2, 0, []uint32{10}, "none", "yes, signalled by sequence (BIP-125)", "bitcoin.relative-lock", ", 10 blocks after the output it spends"},
		{"relative time", 3, 0, []uint32{relativeTime | 2}, "none", "yes, signalled by sequence (BIP-125)", "bitcoin.relative-lock", ", 1024 seconds after the output it spends"},
		{"relative zero", 2, 0, []uint32{0}, "none", "yes, signalled by sequence (BIP-125)", "", "sequence 0x00000000"},
		{"relative in version 1", 1, 0, []uint32{10}, "none", "yes, signalled by sequence (BIP-125)", "", "sequence 0x0000000a"},
	} {
		var in []Input
		for n, s := range c.sequences {
			i := kinds[1].input(uint32(n), 9000)
			i.Sequence = s
			in = append(in, i)
		}
		r := decode(t, build(t, c.version, c.locktime, in, []Output{pay(8000)}), 2).Review()
		details := map[string]string{}
		for _, d := range r.Details {
			details[d.Name] = d.Value
		}
		if details["locktime"] != c.lock || details["replaceable"] != c.rbf {
			t.Errorf("%s: locktime %q, replaceable %q", c.name, details["locktime"], details["replaceable"])
		}
		if !strings.Contains(details["input 0"], c.input) {
			t.Errorf("%s: %q, want %q", c.name, details["input 0"], c.input)
		}
		if warned := len(r.Warnings) > 0; warned != (c.warning != "") || warned && r.Warnings[0].Code != c.warning {
			t.Errorf("%s: warnings %v, want %q", c.name, r.Warnings, c.warning)
		}
	}
}

// What has no address is opaque, and shown whole.
func TestOpaqueOutputs(t *testing.T) {
	long := append([]byte{opReturn, opPushData1, 81}, make([]byte, 81)...)
	for _, c := range []struct {
		name   string
		o      Output
		opaque bool
	}{
		{"P2WPKH", pay(1000), false},
		{"P2TR", Output{1000, witnessScript(1, key(1).Bytes()[1:])}, false},
		{"data", Output{0, []byte("\x6a\x02hi")}, false},
		{"P2TR on no point", Output{1000, witnessScript(1, make([]byte, 32))}, true},
		{"witness version 2", Output{1000, witnessScript(2, make([]byte, 32))}, true},
		{"witness version 0 of 24 bytes", Output{1000, witnessScript(0, make([]byte, 24))}, true},
		{"long data", Output{0, long}, true},
		{"data in two pushes", Output{0, []byte("\x6a\x01a\x01b")}, true},
		{"burnt", Output{1000, []byte("\x6a\x02hi")}, true},
		{"P2PK", Output{1000, append(push(nil, key(1).Bytes()), opCheckSig)}, true},
		{"empty", Output{1000, nil}, true},
	} {
		r := decode(t, build(t, 2, 0, []Input{kinds[1].input(1, 9000)}, []Output{c.o}), 2).Review()
		if opaque := len(r.Opaque) == 1 && r.Opaque[0].Code == "bitcoin.script"; opaque != c.opaque {
			t.Errorf("%s: opaque %v", c.name, r.Opaque)
		}
		if len(r.Effects) != 1 || r.Effects[0].Amount.Uint64() != c.o.Amount {
			t.Fatalf("%s: effects %v", c.name, r.Effects)
		}
		script := strings.HasPrefix(r.Effects[0].To, "script ")
		if note := r.Effects[0].Note; script != (c.opaque || c.name == "data") || (note != "") != (c.name == "data") {
			t.Errorf("%s: to %q, note %q", c.name, r.Effects[0].To, note)
		}
	}
}

// The one signature in a BIP-174 vector is found, verified and counted.
func TestBIP174PartialSignature(t *testing.T) {
	for _, v := range psbtVectors(t) {
		if !strings.HasSuffix(v.Name, "Contains one signature.") {
			continue
		}
		b := unhex(t, v.Hex)
		_, err := New().Decode(chain.Unsigned{Network: testnet3, Payload: b})
		if !fault.Is(err, "psbt.signers") || !strings.Contains(err.Error(), "needs 2 signatures and can get 1") {
			t.Errorf("%v", err)
		}
		p, err := parsePacket(b)
		if err != nil {
			t.Fatal(err)
		}
		changed := *p.tx
		changed.locktime = 1
		p.global = nil
		p.global.add(globalTx, nil, changed.encode(false))
		if _, err := New().Decode(chain.Unsigned{Network: testnet3, Payload: p.encode()}); !fault.Is(err, "psbt.partial-signature") {
			t.Errorf("%v", err)
		}
		return
	}
	t.Fatal("no such vector")
}

func TestBuildRefuses(t *testing.T) {
	origin := chain.Origin{Key: key(2)}
	for _, c := range []struct {
		name, code string
		change     func(*Input)
	}{
		{"short internal key", "psbt.field", func(i *Input) { i.InternalKey = make([]byte, 31) }},
		{"compressed internal key", "psbt.field", func(i *Input) { i.InternalKey = key(2).Bytes() }},
		{"short merkle root", "psbt.field", func(i *Input) { i.MerkleRoot = []byte{1} }},
		{"long redeem script", "psbt.field", func(i *Input) { i.RedeemScript = make([]byte, maxScript+1) }},
		{"long path", "psbt.field", func(i *Input) { i.Origins = []chain.Origin{{Key: key(2), Path: make([]uint32, 256)}} }},
		{"origin twice", "psbt.duplicate-key", func(i *Input) { i.Origins = []chain.Origin{origin, origin} }},
		{"origin of no key", "psbt.field", func(i *Input) { i.Origins = []chain.Origin{{}} }},
		{"payload over the limit", "psbt.limits", func(i *Input) { i.Previous = make([]byte, maxPayload) }},
	} {
		in := kinds[1].input(1, 9000)
		c.change(&in)
		if b, err := BuildPSBT(2, 0, []Input{in}, []Output{pay(1)}); !fault.Is(err, c.code) {
			t.Errorf("%s: %d bytes, %v", c.name, len(b), err)
		}
	}
	in := kinds[1].input(1, 9000)
	in.Origins = []chain.Origin{{Key: key(3)}, origin}
	swapped := in
	swapped.Origins = []chain.Origin{origin, {Key: key(3)}}
	if !bytes.Equal(build(t, 2, 0, []Input{in}, []Output{pay(1)}), build(t, 2, 0, []Input{swapped}, []Output{pay(1)})) {
		t.Error("the order of origins matters")
	}
}

// Numbers out of range are no signature, even where they are right modulo the
// group order.
func TestSchnorrRange(t *testing.T) {
	x := decode(t, build(t, 2, 0, []Input{kinds[5].input(1, 9000)}, []Output{pay(8000)}), 9)
	good := signAll(x)[0].Bytes
	i := x.in[0]
	if !verifySchnorr(i.output, i.digest, good) {
		t.Fatal("the right signature does not verify")
	}
	for _, c := range [][2][]byte{
		{unhex(t, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"), good[32:]},
		{good[:32], unhex(t, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")},
		{good[:32], bytes.Repeat([]byte{0xff}, 32)},
		{make([]byte, 32), make([]byte, 32)},
	} {
		if verifySchnorr(i.output, i.digest, slices.Concat(c[0], c[1])) {
			t.Errorf("%x verifies", c)
		}
	}
}

// A claimed P2TR amount is proven by a Taproot signature that we make, on
// whichever input, and not by one that somebody else has made: our own signature
// would be the same whatever was claimed.
func TestTaprootAmounts(t *testing.T) {
	mixed := func(foreign Input) []byte { // input 0 is P2WPKH and proven
		return build(t, 2, 0, []Input{kinds[1].input(1, 9000), foreign}, []Output{pay(9500)})
	}
	signed := func(payload []byte, ks ...int) []byte {
		x := decode(t, payload, ks...)
		for n, r := range x.ToSign() {
			if r.Key == key(9).Even() {
				return withField(t, payload, x.owner[n], inTapKeySig, sign(r).Bytes)
			}
		}
		t.Fatal("no Taproot signature is wanted")
		return nil
	}
	claim := func(amount uint64) Input {
		in := taproot(2, amount, 9, nil)
		in.Outpoint = outpoint(1)
		return in
	}
	whole := taproot(2, 1000, 9, nil)
	whole.Previous = fund(2, *whole.Claimed)
	beside := build(t, 2, 0, []Input{claim(1000), taproot(3, 9000, 10, nil)}, []Output{pay(9500)})
	for _, c := range []struct {
		name     string
		payload  []byte
		signers  []int
		unproven bool
	}{
		{"ours", mixed(claim(1000)), []int{2, 9}, false},
		{"signed already, claimed", signed(mixed(claim(1000)), 2, 9), []int{2}, true},
		{"signed already, with the previous transaction", signed(mixed(whole), 2, 9), []int{2}, false},
		{"signed already, beside a Taproot input of ours", signed(beside, 9, 10), []int{10}, false},
	} {
		r := decode(t, c.payload, c.signers...).Review()
		if warned := len(r.Warnings) == 1 && r.Warnings[0].Code == "bitcoin.amount-unproven"; r.Unproven != c.unproven || warned != c.unproven {
			t.Errorf("%s: unproven %v, warnings %v", c.name, r.Unproven, r.Warnings)
		}
	}
	one, other := decode(t, signed(mixed(claim(1000)), 2, 9), 2), decode(t, signed(mixed(claim(1_000_000)), 2, 9), 2)
	if !bytes.Equal(one.ToSign()[0].Message, other.ToSign()[0].Message) || one.fee == other.fee {
		t.Error("the case that the warning is for does not arise")
	}
}

// The review of a multisig names the keys that are asked and those that have
// signed, so that another choice of signers is another text.
func TestMultisigKeys(t *testing.T) {
	in := []Input{kinds[3].input(1, 9000)} // 2 of keys 4, 5 and 6
	base := build(t, 2, 0, in, []Output{pay(8000)})
	half := withField(t, base, 0, inPartialSig, partial(t, base, 0, 5, 4, 5), key(5).Bytes()...)
	for _, c := range []struct {
		payload []byte
		signers []int
		want    string
	}{
		{base, []int{4, 5}, "to be signed by " + key(4).String() + " " + key(5).String() + ", sequence"},
		{base, []int{6, 4}, "to be signed by " + key(4).String() + " " + key(6).String() + ", sequence"},
		{half, []int{4}, "to be signed by " + key(4).String() + ", signed already by " + key(5).String() + ", sequence"},
		{half, []int{6}, "to be signed by " + key(6).String() + ", signed already by " + key(5).String() + ", sequence"},
	} {
		if text := decode(t, c.payload, c.signers...).Review().Text(); !strings.Contains(text, "P2WSH 2-of-3 multisig, "+c.want) {
			t.Errorf("signers %v: no %q in\n%s", c.signers, c.want, text)
		}
	}
	both := build(t, 2, 0, append(in, kinds[3].input(2, 9000)), []Output{pay(8000)})
	full := withField(t, both, 0, inPartialSig, partial(t, both, 0, 5, 4, 5), key(5).Bytes()...)
	full = withField(t, full, 0, inPartialSig, partial(t, both, 0, 6, 4, 6), key(6).Bytes()...)
	want := "multisig, signed already by " + key(5).String() + " " + key(6).String() + ", sequence"
	if text := decode(t, full, 4, 5).Review().Text(); !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
}
