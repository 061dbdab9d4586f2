package dialect

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
)

const h = chain.Hardened

var (
	somePath = []uint32{h + 44, h + 60, h, 0, 7}
	someUUID = urtypes.UUID{1, 2, 3, 15: 9}
	legacy   = []byte{0xe9, 1}       // an RLP list, as legacy transactions are
	typed    = []byte{0x02, 0xf8, 1} // EIP-2718
	aPSBT    = []byte("psbt\xff\x01\x00")
)

// said makes the message that a wallet shows.
func said(t *testing.T, kind string, item urtypes.Item) frame.Message {
	t.Helper()
	b, err := urtypes.Encode(kind, item)
	if err != nil {
		t.Fatal(err)
	}
	return frame.Message{Format: frame.UR, Type: kind, Data: b}
}

func ethAsks(change func(*urtypes.EthSignRequest)) urtypes.EthSignRequest {
	q := urtypes.EthSignRequest{ID: someUUID, Data: typed, Type: urtypes.EthTypedTransaction, ChainID: 11155111, Path: urtypes.PathOf(0x73c5da0a, somePath), Origin: "metamask"}
	if change != nil {
		change(&q)
	}
	return q
}

func solAsks(change func(*urtypes.SolSignRequest)) urtypes.SolSignRequest {
	q := urtypes.SolSignRequest{ID: someUUID, Data: []byte{1, 0, 0}, Type: urtypes.SolTransaction, Path: urtypes.PathOf(0x73c5da0a, []uint32{h + 44, h + 501, h}), Address: []byte("not an address"), Origin: "solflare"}
	if change != nil {
		change(&q)
	}
	return q
}

func TestReadRequest(t *testing.T) {
	key := &Key{Fingerprint: [4]byte{0x73, 0xc5, 0xda, 0x0a}, Path: somePath}
	named := &Key{Fingerprint: key.Fingerprint, Path: somePath, Address: "0x" + strings.Repeat("ab", 20)}
	psbt := []Ask{{Chain: "BTC", Payload: aPSBT}}
	eth := Ask{Chain: "ETH", Network: "eip155:11155111", Payload: typed, Key: key, id: someUUID}
	withAddress := ethAsks(func(q *urtypes.EthSignRequest) { q.Address = [20]byte(bytes.Repeat([]byte{0xab}, 20)) })
	mainNet := ethAsks(func(q *urtypes.EthSignRequest) { q.ChainID, q.Data, q.Type = 0, legacy, urtypes.EthTransaction })
	for _, c := range []struct {
		name       string
		m          frame.Message
		form, from string
		asks       []Ask
	}{
		{"PSBT", said(t, "crypto-psbt", urtypes.PSBT(aPSBT)), "UR crypto-psbt", "", psbt},
		{"PSBT, version 2", said(t, "psbt", urtypes.PSBT(aPSBT)), "UR psbt", "", psbt},
		{"BBQr", frame.Message{Format: frame.BBQr, Type: "P", Data: aPSBT}, "bbqr PSBT", "", psbt},
		{"parts", frame.Message{Format: frame.Parts, Data: aPSBT}, "parts PSBT", "", psbt},
		{"plain", frame.Message{Format: frame.Plain, Data: aPSBT}, "plain PSBT", "", psbt},
		{"typed", said(t, "eth-sign-request", ethAsks(nil)), "UR eth-sign-request", "metamask", []Ask{eth}},
		{"with address", said(t, "eth-sign-request", withAddress), "UR eth-sign-request", "metamask",
			[]Ask{{Chain: "ETH", Network: "eip155:11155111", Payload: typed, Key: named, id: someUUID}}},
		{"no chain id is the main net", said(t, "eth-sign-request", mainNet), "UR eth-sign-request", "metamask",
			[]Ask{{Chain: "ETH", Network: "eip155:1", Payload: legacy, Key: key, id: someUUID}}},
		{"batch", said(t, "eth-batch-sign-request", urtypes.EthBatchSignRequest{ethAsks(nil), mainNet}), "UR eth-batch-sign-request", "metamask",
			[]Ask{eth, {Chain: "ETH", Network: "eip155:1", Payload: legacy, Key: key, id: someUUID}}},
		{"Solana", said(t, "sol-sign-request", solAsks(nil)), "UR sol-sign-request", "solflare",
			[]Ask{{Chain: "SOL", Payload: []byte{1, 0, 0}, Key: &Key{Fingerprint: key.Fingerprint, Path: []uint32{h + 44, h + 501, h}}, id: someUUID}}},
	} {
		r, err := ReadRequest(c.m)
		if err != nil || r.Form != c.form || r.From != c.from || !reflect.DeepEqual(r.Asks, c.asks) {
			t.Errorf("%s: %q of %q, %+v, %v", c.name, r.Form, r.From, r.Asks, err)
		}
	}
}

// What could be an order in disguise, or names no key, is refused whole, in a
// batch too.
func TestReadRequestRefuses(t *testing.T) {
	wild := urtypes.KeyPath{Fingerprint: 1, Steps: []urtypes.Step{{Low: 44, Hardened: true}, {Form: urtypes.Wildcard}}}
	kind := func(d urtypes.EthData) urtypes.EthSignRequest {
		return ethAsks(func(q *urtypes.EthSignRequest) { q.Type, q.Data = d, []byte(`{"types":{}}`) })
	}
	for _, c := range []struct {
		name, code string
		m          frame.Message
	}{
		{"typed data", "request.kind", said(t, "eth-sign-request", kind(urtypes.EthTypedData))},
		{"message", "request.kind", said(t, "eth-sign-request", kind(urtypes.EthMessage))},
		{"message of Solana", "request.kind", said(t, "sol-sign-request", solAsks(func(q *urtypes.SolSignRequest) { q.Type = urtypes.SolMessage }))},
		{"message in a batch", "request.kind", said(t, "eth-batch-sign-request", urtypes.EthBatchSignRequest{ethAsks(nil), kind(urtypes.EthMessage)})},
		{"typed data, first of a batch", "request.kind", said(t, "eth-batch-sign-request", urtypes.EthBatchSignRequest{kind(urtypes.EthTypedData), ethAsks(nil)})},
		{"any child", "request.path", said(t, "eth-sign-request", ethAsks(func(q *urtypes.EthSignRequest) { q.Path = wild }))},
		{"any child of Solana", "request.path", said(t, "sol-sign-request", solAsks(func(q *urtypes.SolSignRequest) { q.Path = wild }))},
		{"any child in a batch", "request.path", said(t, "eth-batch-sign-request", urtypes.EthBatchSignRequest{ethAsks(nil), ethAsks(func(q *urtypes.EthSignRequest) { q.Path = wild })})},
		{"keys", "frame.kind", frame.Message{Format: frame.UR, Type: "crypto-hdkey", Data: []byte{0xa0}}},
		{"an answer", "frame.kind", frame.Message{Format: frame.UR, Type: "eth-signature", Data: []byte{0xa0}}},
		{"bytes", "frame.kind", frame.Message{Format: frame.UR, Type: "bytes", Data: []byte{0x40}}},
		{"part of a type", "frame.kind", frame.Message{Format: frame.UR, Type: "sign-request", Data: []byte{0xa0}}},
		{"no type", "frame.kind", frame.Message{Format: frame.UR, Data: []byte{0xa0}}},
		{"transaction in BBQr", "frame.kind", frame.Message{Format: frame.BBQr, Type: "T", Data: []byte{2}}},
		{"bundle", "frame.kind", frame.Message{Format: frame.Native, Data: []byte{2}}},
		{"nothing", "frame.kind", frame.Message{}},
		{"other content", "urtype.content", frame.Message{Format: frame.UR, Type: "eth-sign-request", Data: []byte{0xa0}}},
		{"empty batch", "urtype.content", frame.Message{Format: frame.UR, Type: "eth-batch-sign-request", Data: []byte{0xa1, 1, 0x80}}},
	} {
		if _, err := ReadRequest(c.m); !fault.Is(err, c.code) {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
}

// v of a legacy transaction is that of EIP-155, in as many bytes as it needs; of a
// typed one it is the recovery id alone.
func TestEthereumAnswer(t *testing.T) {
	rs := bytes.Repeat([]byte{0x5a}, 64)
	for _, c := range []struct {
		chainID  uint64
		recovery byte
		legacy   bool
		v        string
	}{
		{1, 0, true, "25"}, {1, 1, true, "26"}, // 37, 38
		{110, 0, true, "ff"}, {110, 1, true, "0100"}, // 255 is the last of one byte
		{111, 0, true, "0101"}, {137, 1, true, "0136"},
		{31337, 0, true, "f4f5"}, {11155111, 0, true, "01546d71"}, {11155111, 1, true, "01546d72"},
		{1<<64 - 1, 1, true, "020000000000000022"},
		{1, 0, false, "00"}, {1, 1, false, "01"}, {11155111, 1, false, "01"},
	} {
		q := ethAsks(func(q *urtypes.EthSignRequest) { q.ChainID = c.chainID })
		if c.legacy {
			q.Data, q.Type = legacy, urtypes.EthTransaction
		}
		want, _ := new(big.Int).SetString(c.v, 16)
		if sum := new(big.Int).SetUint64(c.chainID); c.legacy && want.Cmp(sum.Add(sum.Lsh(sum, 1), big.NewInt(35+int64(c.recovery)))) != 0 {
			t.Fatalf("the test itself is wrong about chain %d", c.chainID)
		}
		signature := append(slices.Clone(rs), c.recovery)
		m := said(t, "eth-sign-request", q)
		r, err := ReadRequest(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Answer([]Signed{{Signature: signature}})
		if len(c.v) > 16 { // no form for more than 8 bytes: nothing is told that is wrong
			if !fault.Is(err, "urtype.content") {
				t.Errorf("chain %d: %v %v", c.chainID, got, err)
			}
			continue
		}
		if err != nil || got.Format != frame.UR || got.Type != "eth-signature" {
			t.Errorf("chain %d: %v %v", c.chainID, got, err)
			continue
		}
		item, err := urtypes.Decode(got.Type, got.Data)
		answer := urtypes.EthSignature{ID: someUUID, Signature: append(slices.Clone(rs), unhex(t, c.v)...), Origin: "coldsign"}
		if err != nil || !reflect.DeepEqual(item, answer) {
			t.Errorf("chain %d, recovery %d: %+v %v, want v %s", c.chainID, c.recovery, item, err, c.v)
		}
		if signature[64] != c.recovery || !bytes.Equal(signature[:64], rs) {
			t.Errorf("chain %d: the signature given was changed", c.chainID)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What was refused is left out of a batch, and each signature names its request.
func TestBatchAnswer(t *testing.T) {
	var batch urtypes.EthBatchSignRequest
	for i := range byte(4) {
		batch = append(batch, ethAsks(func(q *urtypes.EthSignRequest) {
			q.ID[0] = i + 10
			if i == 3 {
				q.Data, q.Type = legacy, urtypes.EthTransaction
			}
		}))
	}
	r, err := ReadRequest(said(t, "eth-batch-sign-request", batch))
	if err != nil || len(r.Asks) != 4 {
		t.Fatal(r, err)
	}
	sig := func(b byte) Signed { return Signed{Signature: append(bytes.Repeat([]byte{b}, 64), 1)} }
	for _, c := range []struct {
		signed []Signed
		ids    []byte
	}{
		{[]Signed{sig(0), sig(1), sig(2), sig(3)}, []byte{10, 11, 12, 13}},
		{[]Signed{{}, sig(1), {}, sig(3)}, []byte{11, 13}},
		{[]Signed{{}, {}, sig(2), {}}, []byte{12}}, // one of a batch is a batch of one
	} {
		m, err := r.Answer(c.signed)
		if err != nil || m.Type != "eth-batch-signature" {
			t.Fatal(m, err)
		}
		item, err := urtypes.Decode(m.Type, m.Data)
		if err != nil {
			t.Fatal(err)
		}
		var ids []byte
		for _, s := range item.(urtypes.EthBatchSignature) {
			ids = append(ids, s.ID[0])
			v := "01"
			if s.ID[0] == 13 {
				v = "01546d72"
			}
			if s.Signature[0]+10 != s.ID[0] || hex.EncodeToString(s.Signature[64:]) != v {
				t.Errorf("signature %x for request %d", s.Signature, s.ID[0])
			}
		}
		if !bytes.Equal(ids, c.ids) {
			t.Errorf("answered %v, want %v", ids, c.ids)
		}
	}
	if m, err := r.Answer(make([]Signed, 4)); err == nil {
		t.Errorf("an answer of nothing: %x", m.Data)
	}
}

func TestSolanaAnswer(t *testing.T) {
	r, err := ReadRequest(said(t, "sol-sign-request", solAsks(nil)))
	if err != nil {
		t.Fatal(err)
	}
	sig := bytes.Repeat([]byte{0x31}, 64)
	m, err := r.Answer([]Signed{{Signature: sig}})
	if err != nil || m.Format != frame.UR || m.Type != "sol-signature" {
		t.Fatal(m, err)
	}
	item, err := urtypes.Decode(m.Type, m.Data)
	if want := (urtypes.SolSignature{ID: someUUID, Signature: [64]byte(sig)}); err != nil || item != want {
		t.Errorf("%+v %v", item, err)
	}
}

// A PSBT goes back in the form in which it came.
func TestPSBTAnswer(t *testing.T) {
	signed := []byte("psbt\xff with signatures")
	for _, c := range []struct {
		m    frame.Message
		want []byte
	}{
		{said(t, "crypto-psbt", urtypes.PSBT(aPSBT)), said(t, "crypto-psbt", urtypes.PSBT(signed)).Data},
		{said(t, "psbt", urtypes.PSBT(aPSBT)), said(t, "psbt", urtypes.PSBT(signed)).Data},
		{frame.Message{Format: frame.BBQr, Type: "P", Data: aPSBT}, signed},
		{frame.Message{Format: frame.Parts, Data: aPSBT}, signed},
		{frame.Message{Format: frame.Plain, Data: aPSBT}, signed},
	} {
		r, err := ReadRequest(c.m)
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.Answer([]Signed{{PSBT: signed}})
		if err != nil || m.Format != c.m.Format || m.Type != c.m.Type || !bytes.Equal(m.Data, c.want) {
			t.Errorf("%s: %+v %v", c.m, m, err)
		}
		if raw, ok := m.PSBT(); !ok || !bytes.Equal(raw, signed) {
			t.Errorf("%s: %x", c.m, raw)
		}
	}
}

// What a scanner types goes through a Joiner, which asks IsRequest before the
// content is there.
func TestIsRequestOfLines(t *testing.T) {
	j := frame.NewJoiner(IsRequest)
	if e := j.Add([]byte(base64.StdEncoding.EncodeToString(aPSBT))); e.Message == nil || !bytes.Equal(e.Message.Data, aPSBT) {
		t.Errorf("%+v", e)
	}
	if e := j.Add([]byte("ur:eth-signature/oyadtpdagd")); e.Message != nil || e.Note == "" {
		t.Errorf("%+v", e)
	}
}

// No content makes the reader panic, and a request that is read names its keys.
func FuzzReadRequest(f *testing.F) {
	kinds := []string{psbtV1, psbtV2, ethAsk, ethBatchAsk, solAsk}
	add := func(kind string, item urtypes.Item) {
		b, err := urtypes.Encode(kind, item)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(slices.Index(kinds, kind)), b)
	}
	add(psbtV1, urtypes.PSBT(aPSBT))
	add(psbtV2, urtypes.PSBT(aPSBT))
	add(ethAsk, ethAsks(nil))
	add(ethBatchAsk, urtypes.EthBatchSignRequest{ethAsks(nil), ethAsks(nil)})
	add(solAsk, solAsks(nil))
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		m := frame.Message{Format: frame.UR, Type: kinds[int(kind)%len(kinds)], Data: data}
		r, err := ReadRequest(m)
		if err != nil {
			return
		}
		signed := make([]Signed, len(r.Asks))
		for i, a := range r.Asks {
			psbt := a.Chain == "BTC"
			if psbt != (a.Key == nil) || len(a.Payload) == 0 && !psbt {
				t.Fatalf("%+v", a)
			}
			signed[i] = Signed{PSBT: aPSBT}
			if a.Chain == "ETH" {
				signed[i] = Signed{Signature: make([]byte, 65)}
			} else if a.Chain == "SOL" {
				signed[i] = Signed{Signature: make([]byte, 64)}
			}
		}
		if len(signed) == 0 {
			t.Fatal("a request that asks nothing")
		}
		if answer, err := r.Answer(signed); err == nil {
			if _, err := urtypes.Decode(answer.Type, answer.Data); err != nil {
				t.Fatal(fmt.Sprint(answer, err))
			}
		}
	})
}
