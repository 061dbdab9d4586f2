package bitcoin

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
)

func conformanceCases(t testing.TB) []chaintest.Case {
	return []chaintest.Case{
		{Name: "mixed", Unsigned: chain.Unsigned{Network: mainnet, Signers: signers(1, 2, 9),
			Payload: build(t, 2, 800_000, []Input{
				kinds[0].input(1, 150_000_000), kinds[1].input(2, 70_000), kinds[5].input(3, 30_000),
			}, []Output{
				{149_990_000, p2pkhScript(hash160(key(20).Bytes()))},
				{90_000, p2shScript(hash160(key(21).Bytes()))},
				{0, append([]byte{opReturn, 11}, "order 7\n\xe2\x80\xae"...)},
			})}},
		{Name: "multisig", Unsigned: chain.Unsigned{Network: regtest, Signers: signers(6, 2), Payload: multisigPSBT(t)}},
		{Name: "nested", Unsigned: chain.Unsigned{Network: mainnet, Signers: signers(3, 8),
			Payload: build(t, 1, 0, []Input{final(kinds[2].input(1, 40_000)), final(kinds[4].input(2, 60_000))}, []Output{pay(99_000)})}},
		{Name: "strange-outputs", Unsigned: chain.Unsigned{Network: mainnet, Signers: signers(10),
			Payload: build(t, 3, 1_700_000_000, []Input{kinds[6].input(5, 1_000_000)}, []Output{
				{293, witnessScript(0, make([]byte, 20))},
				{500_000, []byte{op1}},
				{400_000, multisigScript(1, 1)},
				{1_000, []byte{opReturn, 1, 'x'}},
				{240, witnessScript(1, []byte{0x4e, 0x73})},
			})}},
		{Name: "claimed", Unsigned: chain.Unsigned{Network: mainnet, Signers: signers(1, 2),
			Payload: build(t, 2, 0, []Input{claimed(t, kinds[0].input(1, 5_000)), claimed(t, kinds[1].input(2, 6_000))}, []Output{pay(10_500)})}},
	}
}

func TestConformance(t *testing.T) {
	cases := conformanceCases(t)
	for n := range cases {
		cases[n].Sign = sign
		cases[n].Text = vectors + "reviews/" + cases[n].Name + ".txt"
	}
	golden, err := filepath.Glob(vectors + "reviews/*.txt")
	if err != nil || len(golden) != len(cases) {
		t.Errorf("%d golden reviews for %d cases: %v", len(golden), len(cases), err)
	}
	chaintest.Run(t, New(), cases)
}

// multisigPSBT has two inputs of the same 2-of-3 and one P2WPKH; another party
// has signed the first two already.
func multisigPSBT(t testing.TB) []byte {
	in := []Input{kinds[3].input(1, 500_000), kinds[3].input(2, 600_000), kinds[1].input(3, 10_000)}
	in[0].Sequence = 144
	b := build(t, 2, 0, in, []Output{pay(1_109_000)})
	for n := range 2 {
		b = withField(t, b, n, inPartialSig, partial(t, b, n, 4, 2, 4, 6), key(4).Bytes()...)
	}
	return b
}

func final(i Input) Input {
	i.Sequence = sequenceFinal
	return i
}

// claimed drops the proof of an amount, and keeps the claim.
func claimed(t testing.TB, i Input) Input {
	r := &reader{b: i.Previous}
	o := r.transaction(true).out[1]
	i.Previous, i.Claimed = nil, &o
	return i
}

// One of several amounts that is claimed makes the whole unproven; that of a P2TR
// input does not while we make a Taproot signature.
func TestUnproven(t *testing.T) {
	for _, c := range []struct {
		in   []Input
		want bool
		ks   []int
	}{
		{[]Input{kinds[1].input(1, 9000)}, false, []int{2}},
		{[]Input{kinds[5].input(1, 9000)}, false, []int{9}},
		{[]Input{claimed(t, kinds[1].input(1, 9000)), kinds[5].input(2, 9000)}, true, []int{2, 9}},
		{[]Input{kinds[0].input(1, 9000), claimed(t, kinds[2].input(2, 9000))}, true, []int{1, 3}},
	} {
		r := decode(t, build(t, 2, 0, c.in, []Output{pay(8000)}), c.ks...).Review()
		warned := slices.ContainsFunc(r.Warnings, func(w chain.Warning) bool { return w.Code == "bitcoin.amount-unproven" })
		if r.Unproven != c.want || warned != c.want {
			t.Errorf("unproven %v, warned %v, want %v", r.Unproven, warned, c.want)
		}
	}
}

func TestFeeRate(t *testing.T) {
	for _, c := range []struct {
		fee  uint64
		size int
		want string
	}{
		{0, 141, "0.0 sat/vB"}, {141, 141, "1.0 sat/vB"}, {150, 100, "1.5 sat/vB"}, {154, 100, "1.5 sat/vB"},
		{155, 100, "1.6 sat/vB"}, {3525, 141, "25.0 sat/vB"}, {maxMoney, 1, "2100000000000000.0 sat/vB"},
	} {
		if got := feeRate(c.fee, c.size); got != c.want {
			t.Errorf("%d over %d: %s, want %s", c.fee, c.size, got, c.want)
		}
	}
}

// The limits of Bitcoin Core at its default of 3 sat/vB.
func TestDust(t *testing.T) {
	for _, c := range []struct {
		script []byte
		want   uint64
	}{
		{p2pkhScript(make([]byte, 20)), 546}, {p2shScript(make([]byte, 20)), 540},
		{witnessScript(0, make([]byte, 20)), 294}, {witnessScript(0, make([]byte, 32)), 330},
		{witnessScript(1, make([]byte, 32)), 330}, {witnessScript(1, []byte{0x4e, 0x73}), 240},
		{[]byte{opReturn, 1, 'x'}, 0},
	} {
		if got := dustLimit(c.script); got != c.want {
			t.Errorf("%x: %d, want %d", c.script, got, c.want)
		}
	}
}

func TestReturnData(t *testing.T) {
	eighty := []byte(strings.Repeat("d", 80))
	for _, c := range []struct {
		script string
		want   string
		ok     bool
	}{
		{"\x6a\x02hi", "hi", true},
		{"\x6a\x00", "", true},
		{"\x6a\x01\x00", "\x00", true},
		{"\x6a\x4c\x50" + string(eighty), string(eighty), true},
		{"\x6a\x4c\x51d" + string(eighty), "", false},
		{"\x6a\x4c\x02hi", "", false},
		{"\x6a\x01\x05", "", false},
		{"\x6a\x02hi\x00", "", false},
		{"\x6a\x03hi", "", false},
		{"\x6a\x4b" + string(eighty[:75]), string(eighty[:75]), true},
		{"\x6a\x4c\x4b" + string(eighty[:75]), "", false},
		{"\x6a\x4c\x4c" + string(eighty[:76]), string(eighty[:76]), true},
		{"\x6a\x4c" + string(eighty[:76]), "", false},
		{"\x6a\x4c", "", false},
		{"\x6a\x4d" + string(eighty[:77]), "", false}, // OP_PUSHDATA2
		{"\x6a\x4d\x02\x00hi", "", false},
		{"\x6a\x4d\x4c" + string(eighty[:76]), "", false},
		{"\x6a\x50\x4c" + string(eighty[:76]), "", false},
		{"\x6a\x4e" + string(eighty[:78]), "", false}, // OP_PUSHDATA4
		{"\x6a\x4f" + string(eighty[:79]), "", false}, // OP_1NEGATE
		{"\x6a\x4f", "", false},
		{"\x6a\x50" + string(eighty), "", false}, // OP_RESERVED
		{"\x6a\x51", "", false},
		{"\x6a", "", false},
		{"\x51", "", false},
		{"", "", false},
	} {
		data, ok := returnData([]byte(c.script))
		if ok != c.ok || ok && string(data) != c.want {
			t.Errorf("%x: %q %v", c.script, data, ok)
		}
	}
}

func TestOrigins(t *testing.T) {
	wpkh, tr := kinds[1].input(1, 9000), kinds[5].input(2, 9000)
	want := []chain.Origin{
		{Key: key(2), Fingerprint: [4]byte{1, 2, 3, 4}, Path: []uint32{chain.Hardened + 84, 0, 7}},
		{Key: key(9).Even(), Fingerprint: [4]byte{5, 6, 7, 8}, Path: []uint32{chain.Hardened + 86}},
		{Key: key(11), Fingerprint: [4]byte{9}},
	}
	wpkh.Origins, tr.Origins = want[:1], want[1:2]
	p, err := parsePacket(build(t, 2, 0, []Input{wpkh, tr}, []Output{pay(8000)}))
	if err != nil {
		t.Fatal(err)
	}
	p.out[0].add(outDerivation, key(11).Bytes(), []byte{9, 0, 0, 0})
	payload := p.encode()
	decode(t, payload, 2, 9)
	got, err := PayloadOrigins(payload)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v: %v", got, err)
	}
	for n := range want {
		if got[n].Key != want[n].Key || got[n].Fingerprint != want[n].Fingerprint || !slices.Equal(got[n].Path, want[n].Path) {
			t.Errorf("%v, want %v", got[n], want[n])
		}
	}
}
