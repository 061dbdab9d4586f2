package urtypes

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/fault"
)

func depth(d uint8) *uint8 { return &d }

func fill(n int) []byte { return bytes.Repeat([]byte{7}, n) }

// examples has at least one item of each type, with every field set.
func examples() map[string][]Item {
	path := KeyPath{Fingerprint: 0x12345678, Depth: depth(0), Steps: []Step{
		{Low: 44, Hardened: true}, {Low: 1<<31 - 1}, {Form: Wildcard}, {Form: Wildcard, Hardened: true},
		{Form: Range, Low: 1, High: 9, Hardened: true}, {Form: Pair, Low: 0, High: 1, HighHardened: true},
	}}
	id := UUID(fill(16))
	key := HDKey{Master: true, Private: true, Key: fill(33), ChainCode: [32]byte(fill(32)), Coin: &CoinInfo{60, 1}, Origin: &path, Children: &KeyPath{}, Parent: 1, Name: "n\u00e4me", Note: "note"}
	ed := HDKey{Key: fill(32)}
	ec := ECKey{Curve: 1, Private: true, Key: fill(65)}
	request := EthSignRequest{id, fill(3), EthTypedData, 1<<64 - 1, PathOf(1, []uint32{1 << 31, 0}), [20]byte(fill(20)), "origin"}
	signature := EthSignature{id, fill(72), "device"}
	sol := SolSignRequest{id, fill(3), PathOf(0, []uint32{1<<31 + 501}), fill(32), "origin", SolMessage}
	address := Address{&CoinInfo{0, 1}, 2, fill(20)}
	outputs := []Output{
		{Source: "pk(@0)", Keys: []Item{ec}}, {Source: "sh(wsh(cosigner(@0)))", Keys: []Item{key}}, {Source: "@0", Keys: []Item{key}},
		{Source: "addr(@0)", Keys: []Item{address}}, {Source: "sh(wsh(sortedmulti(2,@0,@1)))", Keys: []Item{key, ec}},
		{Source: "multi(1,@0)", Keys: []Item{ed}}, {Source: "tr(@0)", Keys: []Item{ed}},
	}
	text := []Output{{"wsh(andor(pk(@0),older(1),pk(@1)))", []Item{key, ec}, "name", "note"}, {Source: "raw(00)"}}
	accounts := MultiAccounts{1, []HDKey{key, ed}, "device", "id", "1.0"}
	all := map[string][]Item{
		"bytes": {Bytes(fill(5))}, "psbt": {PSBT(fill(5))}, "crypto-psbt": {PSBT(fill(5))},
		"hdkey": {key, ed}, "crypto-hdkey": {key, ed}, "crypto-multi-accounts": {accounts},
		"eth-sign-request":       {request, EthSignRequest{Data: fill(1), Type: EthTransaction}},
		"eth-signature":          {signature, EthSignature{Signature: fill(65)}},
		"eth-batch-sign-request": {EthBatchSignRequest{request, request}}, "eth-batch-signature": {EthBatchSignature{signature}},
		"sol-sign-request":   {sol, SolSignRequest{Data: fill(1), Type: SolTransaction}},
		"sol-signature":      {SolSignature{id, [64]byte(fill(64))}, SolSignature{}},
		"crypto-account":     {Account{1, outputs}},
		"account-descriptor": {Account{1, append(text, outputs...)}},
	}
	for _, o := range outputs {
		all["crypto-output"] = append(all["crypto-output"], o)
		all["output-descriptor"] = append(all["output-descriptor"], o)
	}
	all["output-descriptor"] = append(all["output-descriptor"], text[0], text[1])
	return all
}

func TestRoundTrip(t *testing.T) {
	all := examples()
	if len(all) != len(kinds) {
		t.Errorf("%d types of %d", len(all), len(kinds))
	}
	for name, items := range all {
		for _, item := range items {
			raw, err := Encode(name, item)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if back, err := Decode(name, raw); err != nil || !reflect.DeepEqual(back, item) {
				t.Errorf("%s: %+v %v, want %+v", name, back, err, item)
			}
		}
	}
}

// Deterministic, and no type carries what another does.
func TestOneForm(t *testing.T) {
	all := examples()
	for name, items := range all {
		a, _ := Encode(name, items[0])
		b, _ := Encode(name, items[0])
		if !bytes.Equal(a, b) {
			t.Errorf("%s is written in two ways", name)
		}
		for other, others := range all {
			if _, err := Encode(name, others[0]); (err == nil) != (reflect.TypeOf(items[0]) == reflect.TypeOf(others[0])) && name != "crypto-account" && name != "crypto-output" {
				t.Errorf("%s in a UR of type %s: %v", other, name, err)
			}
		}
		for cut := range a {
			if _, err := Decode(name, a[:cut]); !fault.Is(err, "urtype.content") {
				t.Errorf("%s cut after %d bytes: %v", name, cut, err)
			}
		}
		if _, err := Decode(name, append(bytes.Clone(a), 0)); !fault.Is(err, "urtype.content") {
			t.Errorf("%s with a byte more: %v", name, err)
		}
	}
	if _, err := Decode("crypto-seed", []byte{0xa0}); !fault.Is(err, "urtype.unknown") {
		t.Errorf("%v", err)
	}
	if _, err := Encode("\x1b[2J", Bytes{1}); !fault.Is(err, "urtype.unknown") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
}

// What deployed encoders send that is not what is written.
func TestOtherForms(t *testing.T) {
	const data = "0241aa"
	for _, c := range []struct{ name, cbor, same string }{
		// ERC-4527 to the letter: a tagged type, a bare path.
		{"eth-sign-request", "a3" + data + "03d9019101" + "05a10182182cf5", "a3" + data + "0301" + "05d90130a10182182cf5"},
		{"eth-sign-request", "a3" + data + "0301" + "05d99d70a10182182cf5", "a3" + data + "0301" + "05d90130a10182182cf5"},
		{"eth-sign-request", "a3" + "05d90130a10182182cf5" + "0301" + data, "a3" + data + "0301" + "05d90130a10182182cf5"}, // another order
		{"eth-sign-request", "a3" + data + "031801" + "05d90130a10182182cf5", "a3" + data + "0301" + "05d90130a10182182cf5"},
		{"sol-sign-request", "a2" + data + "03d90130a10180", "a3" + data + "03d90130a10180" + "0601"},
		{"sol-sign-request", "a4" + data + "03d90130a10180" + "0440" + "0601", "a3" + data + "03d90130a10180" + "0601"},
		{"sol-sign-request", "a3" + data + "03d90130a1021a12345678" + "0601", "a3" + data + "03d90130a20180021a12345678" + "0601"},
		{"crypto-account", "a2010102" + "81d90134d90193d90132a1035820" + strings.Repeat("07", 32), "a2010102" + "81d90193d90132a1035820" + strings.Repeat("07", 32)},
		{"crypto-output", "d99d74a2016470" + "6b4030" + "0281d99d72a1035820" + strings.Repeat("07", 32), ""},
	} {
		raw, err := hex.DecodeString(c.cbor)
		if err != nil {
			t.Fatal(err)
		}
		item, err := Decode(c.name, raw)
		if err != nil {
			t.Errorf("%s: %v", c.cbor, err)
			continue
		}
		again, err := Encode(c.name, item)
		if c.same == "" {
			if err == nil {
				t.Errorf("%+v is written as %x", item, again) // "pk@0" is no function of version 1
			}
		} else if hex.EncodeToString(again) != c.same {
			t.Errorf("%s is written as %x %v, want %s", c.cbor, again, err, c.same)
		}
	}
}

func TestRefused(t *testing.T) {
	marshal := func(v any) []byte {
		b, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	type m = map[int]any
	path := cbor.Tag{Number: 304, Content: m{1: []any{44, true}}}
	tag := func(n uint64, v any) any { return cbor.Tag{Number: n, Content: v} }
	request := func(change int, v any) m {
		r := m{2: []byte{1}, 3: 1, 5: path}
		if r[change] = v; v == "gone" {
			delete(r, change)
		}
		return r
	}
	steps := func(v ...any) any { return m{3: fill(33), 6: tag(304, m{1: v})} }
	many := make([]any, MaxList+1)
	for i := range many {
		many[i] = tag(303, m{3: fill(33)})
	}
	deep := any(m{3: fill(33)})
	for range 30 {
		deep = tag(400, deep)
	}
	for i, c := range []struct {
		name  string
		node  any
		words string
	}{
		{"bytes", "text", "no byte string"},
		{"bytes", nil, "no byte string"},
		{"psbt", []byte(strings.Repeat("a", MaxBytes)), "is the most"},
		{"hdkey", m{3: fill(33), 9: strings.Repeat("a", MaxItem)}, "is the most"},
		{"hdkey", m{3: fill(33), 9: strings.Repeat("a", MaxText+1)}, "longer than"},
		{"hdkey", m{3: fill(33), 11: 1}, "fields that it cannot have"},
		{"hdkey", map[string]any{"3": fill(33)}, "field 3"},
		{"hdkey", map[any]any{3: fill(33), "3": 1}, "fields that it cannot have"},
		{"hdkey", m{}, "field 3"},
		{"hdkey", m{3: fill(31)}, "field 3"},
		{"hdkey", m{3: fill(34)}, "field 3"},
		{"hdkey", m{3: fill(33), 4: fill(31)}, "field 4"},
		{"hdkey", m{3: fill(33), 8: uint64(1) << 32}, "field 8"},
		{"hdkey", m{3: fill(33), 8: -1}, "field 8"},
		{"hdkey", m{3: fill(33), 1: 1}, "field 1"},
		{"hdkey", m{3: fill(33), 1: nil}, "field 1"},
		{"hdkey", m{3: fill(33), 6: m{1: []any{}}}, "tag 304"},
		{"hdkey", steps(44), "hardened"},
		{"hdkey", steps(44, 1), "hardened"},
		{"hdkey", steps(uint32(1<<31), true), "below 2^31"},
		{"hdkey", steps(-1, true), "below 2^31"},
		{"hdkey", steps([]any{1}, true), "1 parts"},
		{"hdkey", steps([]any{1, true, 2}, true), "3 parts"},
		{"hdkey", steps([]any{1, true, 2, 3}), "hardened"},
		{"hdkey", steps(slices.Repeat([]any{1, true}, MaxSteps+1)...), "more than 10 steps"},
		{"hdkey", m{3: fill(33), 6: tag(304, m{1: []any{}, 3: 256})}, "field 3"},
		{"hdkey", m{3: fill(33), 5: tag(305, m{1: -60})}, "field 1"},
		{"eth-sign-request", request(2, "gone"), "field 2"},
		{"eth-sign-request", request(2, []byte{}), "field 2"},
		{"eth-sign-request", request(3, "gone"), "field 3"},
		{"eth-sign-request", request(3, 5), "field 3"},
		{"eth-sign-request", request(3, tag(402, 1)), "field 3"},
		{"eth-sign-request", request(5, "gone"), "no map"},
		{"eth-sign-request", request(5, tag(303, m{1: []any{}})), "tag 304"},
		{"eth-sign-request", request(1, fill(16)), "tag 37"},
		{"eth-sign-request", request(1, tag(37, fill(15))), "15 bytes"},
		{"eth-sign-request", request(1, tag(37, fill(17))), "17 bytes"},
		{"eth-sign-request", request(6, fill(19)), "field 6"},
		{"eth-sign-request", request(4, "1"), "field 4"},
		{"eth-sign-request", request(4, 1.5), "field 4"},
		{"eth-signature", m{2: fill(64)}, "field 2"},
		{"eth-signature", m{2: fill(73)}, "field 2"},
		{"sol-signature", m{2: fill(65)}, "field 2"},
		{"sol-signature", m{1: tag(37, fill(16))}, "field 2"},
		{"sol-sign-request", m{2: fill(1), 3: path, 6: 3}, "field 6"},
		{"sol-sign-request", m{2: fill(1), 3: path, 4: fill(65)}, "field 4"},
		{"eth-batch-sign-request", m{1: []any{}}, "no list, or none"},
		{"eth-batch-sign-request", m{1: []any{request(9, 9)}}, "tag 401"},
		{"eth-batch-signature", m{1: []any{tag(401, m{2: fill(65)})}}, "tag 402"},
		{"crypto-multi-accounts", m{1: 1, 2: many}, "elements"},
		{"crypto-account", m{1: 1, 2: []any{}}, "no list, or none"},
		{"crypto-account", m{1: 1, 2: []any{tag(408, fill(3))}}, "tag 408"},
		{"crypto-output", tag(403, m{3: fill(33)}), "tag 0"},
		{"crypto-output", deep, "nested"},
		{"crypto-output", tag(406, m{1: 0, 2: []any{tag(303, m{3: fill(33)})}}), "field 1"},
		{"crypto-output", tag(1<<63, nil), "which none has"},
		{"output-descriptor", m{2: []any{tag(303, m{3: fill(33)})}}, "no text"},
		{"output-descriptor", m{1: strings.Repeat("a", MaxSource+1)}, "longer"},
		{"output-descriptor", m{1: "pk(@0)", 2: []any{tag(304, m{})}}, "tag 304"},
	} {
		if _, err := Decode(c.name, marshal(c.node)); !fault.Is(err, "urtype.content") || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%d, %s: %v, want %q", i, c.name, err, c.words)
		}
	}
	for _, raw := range []string{"a203582107", "a2" + "0341aa" + "0341aa", "5f41aaff", "bf0341aaff", "a1035f41aaff", "a10961ff", "c11a00000000", "d9d9f741aa00"} {
		b, _ := hex.DecodeString(raw)
		for _, name := range []string{"bytes", "hdkey"} {
			if _, err := Decode(name, b); !fault.Is(err, "urtype.content") {
				t.Errorf("%s %s: %v", name, raw, err)
			}
		}
	}
}

// An output that version 1 cannot say is refused, not changed.
func TestNoForm(t *testing.T) {
	key := HDKey{Key: fill(33)}
	for _, o := range []Output{
		{}, {Source: "wpkh(@0)"}, {Source: "wpkh(@1)", Keys: []Item{key}}, {Source: "wpkh(@0)", Keys: []Item{key, key}},
		{Source: "wpkh(@0", Keys: []Item{key}}, {Source: "wpkh(@0))", Keys: []Item{key}}, {Source: "other(@0)", Keys: []Item{key}},
		{Source: "multi(1,@1,@0)", Keys: []Item{key, key}}, {Source: "multi(01,@0)", Keys: []Item{key}}, {Source: "multi(0,@0)", Keys: []Item{key}},
		{Source: "multi(1,@0)", Keys: []Item{key, key}}, {Source: "multi(1,@0,@1)#checksum", Keys: []Item{key, key}}, {Source: "multi", Keys: []Item{key}},
		{Source: "wpkh(@0)", Keys: []Item{key}, Name: "name"}, {Source: "raw(@0)", Keys: []Item{key}}, {Source: "wpkh(@0)", Keys: []Item{PSBT{1}}},
		{Source: "multi(1,@0)", Keys: []Item{key}, Note: "note"}, {Source: "addr(@0)", Keys: []Item{key}},
	} {
		if raw, err := Encode("crypto-output", o); err == nil {
			if back, _ := Decode("crypto-output", raw); !reflect.DeepEqual(back, o) {
				t.Errorf("%+v is written as %x", o, raw)
			}
		}
	}
}

func TestIndexes(t *testing.T) {
	want := []uint32{1<<31 + 44, 0, 1<<32 - 1}
	if got, ok := PathOf(1, want).Indexes(); !ok || !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	for _, s := range []Step{{Form: Wildcard}, {Form: Range}, {Form: Pair}} {
		if _, ok := (KeyPath{Steps: []Step{s}}).Indexes(); ok {
			t.Errorf("%+v leads to one key", s)
		}
	}
}

// What is in memory while something hostile is read.
func TestMemory(t *testing.T) {
	for name, raw := range map[string][]byte{
		"bytes": append([]byte{0x5b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff}, 1, 2),
		"hdkey": append([]byte{0x9b, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff}, 1, 2),
	} {
		if n := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for range min(b.N, 100) {
				Decode(name, raw)
			}
		}).AllocedBytesPerOp(); n > 1<<16 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
}
