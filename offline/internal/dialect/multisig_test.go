package dialect

import (
	"bytes"
	"encoding/binary"
	"testing"

	"coldsign/shared/chain/bitcoin/descriptor"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
	"coldsign/shared/hd"
)

// cosigner is a key of a multisig wallet as a coordinator shows it, and as text.
func cosigner(t testing.TB, seed byte, testnet bool) (urtypes.HDKey, string) {
	t.Helper()
	m, err := hd.NewMaster(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	path := []uint32{h + 48, h, h, h + 2}
	if testnet {
		path[1]++
	}
	n, err := m.Derive(path)
	if err != nil {
		t.Fatal(err)
	}
	p, fp := n.Public(), m.Fingerprint()
	parent := p.Parent()
	origin := urtypes.PathOf(binary.BigEndian.Uint32(fp[:]), path)
	k := urtypes.HDKey{Key: p.Key().Bytes(), ChainCode: p.ChainCode(), Origin: &origin, Parent: binary.BigEndian.Uint32(parent[:])}
	return k, "[" + descriptor.OriginString(fp, path) + "]" + p.Encode(testnet)
}

func shown(t testing.TB, kind string, o urtypes.Output) frame.Message {
	t.Helper()
	b, err := urtypes.Encode(kind, o)
	if err != nil {
		t.Fatal(err)
	}
	return frame.Message{Format: frame.UR, Type: kind, Data: b}
}

// A wallet that codes show is the one that its descriptor in text is, however they say
// which chains it has.
func TestDescriptor(t *testing.T) {
	for _, testnet := range []bool{false, true} {
		a, ta := cosigner(t, 1, testnet)
		b, tb := cosigner(t, 2, testnet)
		body := "wsh(sortedmulti(2," + ta + "/<0;1>/*," + tb + "/<0;1>/*))"
		sum, err := descriptor.Checksum(body)
		if err != nil {
			t.Fatal(err)
		}
		with := func(steps ...urtypes.Step) []urtypes.Item {
			x, y := a, b
			if len(steps) > 0 {
				x.Children, y.Children = &urtypes.KeyPath{Steps: steps}, &urtypes.KeyPath{Steps: steps}
			}
			return []urtypes.Item{x, y}
		}
		each := urtypes.Step{Form: urtypes.Wildcard}
		coin := with()
		for i, k := range coin {
			key := k.(urtypes.HDKey)
			key.Coin = &urtypes.CoinInfo{}
			if testnet {
				key.Coin.Network = 1
			}
			coin[i] = key
		}
		for name, c := range map[string]struct {
			kind, source string
			keys         []urtypes.Item
		}{
			"version 1":              {"crypto-output", "wsh(sortedmulti(2,@0,@1))", with()},
			"version 2":              {"output-descriptor", "wsh(sortedmulti(2,@0,@1))", with()},
			"version 2, in its text": {"output-descriptor", "wsh(sortedmulti(2,@0/<0;1>/*,@1/<0;1>/*))", with()},
			"a pair":                 {"crypto-output", "wsh(sortedmulti(2,@0,@1))", with(urtypes.Step{Form: urtypes.Pair, Low: 0, High: 1}, each)},
			"a range":                {"crypto-output", "wsh(sortedmulti(2,@0,@1))", with(urtypes.Step{Form: urtypes.Range, Low: 0, High: 1}, each)},
			"a coin":                 {"crypto-output", "wsh(sortedmulti(2,@0,@1))", coin},
		} {
			text, err := Descriptor(shown(t, c.kind, urtypes.Output{Source: c.source, Keys: c.keys}))
			if err != nil || text != body+"#"+sum {
				t.Errorf("%s: %s, %v, want %s#%s", name, text, err, body, sum)
			}
			if w, err := descriptor.Read([]byte(text)); err != nil || w.Testnet() != testnet {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestDescriptorRefused(t *testing.T) {
	good, _ := cosigner(t, 1, false)
	other, _ := cosigner(t, 2, false)
	change := func(f func(*urtypes.HDKey)) urtypes.HDKey {
		k := good
		f(&k)
		return k
	}
	wild := &urtypes.KeyPath{Steps: []urtypes.Step{{Form: urtypes.Wildcard}}}
	const source = "wsh(sortedmulti(2,@0,@1))"
	for name, c := range map[string]struct {
		source, code string
		key          urtypes.Item
	}{
		"no origin":          {source, "descriptor.origin", change(func(k *urtypes.HDKey) { k.Origin = nil })},
		"an empty origin":    {source, "descriptor.origin", change(func(k *urtypes.HDKey) { k.Origin = &urtypes.KeyPath{Fingerprint: 5} })},
		"an origin for many": {source, "descriptor.origin", change(func(k *urtypes.HDKey) { k.Origin = wild })},
		"a private key":      {source, "descriptor.origin", change(func(k *urtypes.HDKey) { k.Private = true })},
		"a bare key":         {source, "descriptor.origin", urtypes.ECKey{Key: good.Key}},
		"a broken key":       {source, "hd.key", change(func(k *urtypes.HDKey) { k.Key = append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...) })},
		"no such key":        {"wsh(sortedmulti(2,@0,@2))", "descriptor.malformed", good},
		"no number":          {"wsh(sortedmulti(2,@0,@))", "descriptor.malformed", good},
		"said twice":         {"wsh(sortedmulti(2,@0/*,@1))", "descriptor.malformed", change(func(k *urtypes.HDKey) { k.Children = wild })},
		"hardened children":  {source, "descriptor.chains", change(func(k *urtypes.HDKey) { k.Children = &urtypes.KeyPath{Steps: []urtypes.Step{{Hardened: true}}} })},
		"a long range": {source, "descriptor.chains", change(func(k *urtypes.HDKey) {
			k.Children = &urtypes.KeyPath{Steps: []urtypes.Step{{Form: urtypes.Range, High: 9}}}
		})},
	} {
		if text, err := Descriptor(shown(t, "output-descriptor", urtypes.Output{Source: c.source, Keys: []urtypes.Item{c.key, other}})); fault.Code(err) != c.code {
			t.Errorf("%s: %s, %v, want %s", name, text, err, c.code)
		}
	}
	for _, m := range []frame.Message{{Format: frame.UR, Type: "crypto-psbt"}, {Format: frame.Native}, {Format: frame.BBQr, Type: "P"}} {
		if _, err := Descriptor(m); !fault.Is(err, "frame.kind") {
			t.Errorf("%s: %v", m, err)
		}
	}
	if _, err := Descriptor(frame.Message{Format: frame.UR, Type: "crypto-output", Data: []byte{0xff}}); err == nil {
		t.Error("no CBOR was read")
	}
}

// Whatever codes hold, what comes out is a descriptor that is read, or an error.
func FuzzDescriptor(f *testing.F) {
	for _, kind := range []string{"crypto-output", "output-descriptor"} {
		a, _ := cosigner(f, 1, false)
		b, _ := cosigner(f, 2, false)
		b.Children = &urtypes.KeyPath{Steps: []urtypes.Step{{Form: urtypes.Pair, High: 1}, {Form: urtypes.Wildcard}}}
		f.Add(kind, shown(f, kind, urtypes.Output{Source: "wsh(sortedmulti(2,@0,@1))", Keys: []urtypes.Item{a, b}}).Data)
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		text, err := Descriptor(frame.Message{Format: frame.UR, Type: kind, Data: data})
		if err != nil {
			return
		}
		if w, err := descriptor.Read([]byte(text)); err == nil {
			if again, err := descriptor.Read([]byte(w.String())); err != nil || again.ID() != w.ID() {
				t.Fatalf("%s is read as %s, %v", text, w, err)
			}
		}
	})
}
