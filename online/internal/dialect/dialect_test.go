package dialect

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"

	"coldsign/online/internal/courier"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/frame/urtypes"
)

var (
	id     = bundle.ID{0xa1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xb2}
	uuid   = urtypes.UUID{0xa1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xb2, 0, 'c', 's', '1'}
	legacy = []byte{0xe9, 1}
	typed  = []byte{0x02, 0xf8, 1}
	aPSBT  = []byte("psbt\xff\x01\x00")
)

func request(chainName string, network chain.ID, payload []byte, path ...uint32) Request {
	curve, key := chain.Secp256k1, append([]byte{2}, make([]byte, 32)...)
	if chainName == "SOL" {
		curve, key = chain.Ed25519, bytes.Repeat([]byte{7}, 32)
	}
	return Request{
		Request: bundle.Request{ID: id, Network: network, Payload: payload, Keys: []bundle.KeyRef{{Path: path, Curve: curve, Key: key, Sign: true}}},
		Chain:   chainName, Fingerprint: []byte{0x73, 0xc5, 0xda, 0x0a},
	}
}

const mainnet chain.ID = "bip122:000000000019d6689c085ae165831e93"

// generator is the public key of the secret 1 (SEC 2).
func generator(t *testing.T) chain.PublicKey {
	t.Helper()
	b, err := hex.DecodeString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	if err != nil {
		t.Fatal(err)
	}
	k, err := chain.NewPublicKey(chain.Secp256k1, b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func withKey(r Request) Request {
	r.Keys[0].Key, _ = hex.DecodeString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
	return r
}

// payment is a PSBT that spends a coin of the generator, and names where the key
// derives from if path is given.
func payment(t *testing.T, path []uint32) []byte {
	t.Helper()
	key := generator(t)
	script, err := bitcoin.ScriptFor(mainnet, bitcoin.Wallet{}.Addresses(mainnet, key, true)[0])
	if err != nil {
		t.Fatal(err)
	}
	in := bitcoin.Input{Outpoint: bitcoin.Outpoint{TxID: bitcoin.Hash{1}}, Claimed: &bitcoin.Output{Amount: 50_000, Script: script}}
	if path != nil {
		in.Origins = []chain.Origin{{Key: key, Fingerprint: [4]byte{0x73, 0xc5, 0xda, 0x0a}, Path: path}}
	}
	b, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in}, []bitcoin.Output{{Amount: 40_000, Script: script}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAsk(t *testing.T) {
	ethPath := []uint32{h + 44, h + 60, h, 0, 3}
	eth := func(payload []byte, kind urtypes.EthData, network uint64) urtypes.EthSignRequest {
		return urtypes.EthSignRequest{ID: uuid, Data: payload, Type: kind, ChainID: network, Path: urtypes.PathOf(master, ethPath), Origin: "coldsign"}
	}
	nameless := request("ETH", "eip155:1", typed, ethPath...)
	nameless.Fingerprint = nil
	bare := eth(typed, urtypes.EthTypedTransaction, 1)
	bare.Path = urtypes.PathOf(0, ethPath)
	second := request("ETH", "eip155:1", legacy, ethPath...)
	second.ID[0] = 0xff
	other := eth(legacy, urtypes.EthTransaction, 1)
	other.ID[0] = 0xff
	for _, c := range []struct {
		list []Request
		kind string
		item urtypes.Item
	}{
		{[]Request{withKey(request("BTC", mainnet, payment(t, nil), h+84, h, h, 0, 0))}, "crypto-psbt", urtypes.PSBT(payment(t, []uint32{h + 84, h, h, 0, 0}))},
		{[]Request{request("ETH", "eip155:1", legacy, ethPath...)}, "eth-sign-request", eth(legacy, urtypes.EthTransaction, 1)},
		{[]Request{request("ETH", "eip155:11155111", typed, ethPath...)}, "eth-sign-request", eth(typed, urtypes.EthTypedTransaction, 11155111)},
		{[]Request{nameless}, "eth-sign-request", bare},
		{[]Request{request("ETH", "eip155:1", typed, ethPath...), second}, "eth-batch-sign-request", urtypes.EthBatchSignRequest{eth(typed, urtypes.EthTypedTransaction, 1), other}},
		{[]Request{request("SOL", "solana:x", []byte{1, 0, 0}, h+44, h+501, h)}, "sol-sign-request", urtypes.SolSignRequest{
			ID: uuid, Data: []byte{1, 0, 0}, Path: urtypes.PathOf(master, []uint32{h + 44, h + 501, h}), Address: bytes.Repeat([]byte{7}, 32), Origin: "coldsign", Type: urtypes.SolTransaction,
		}},
	} {
		m, err := Ask(c.list)
		if err != nil || m.Format != frame.UR || m.Type != c.kind {
			t.Errorf("%s: %v %v", c.kind, m, err)
			continue
		}
		item, err := urtypes.Decode(m.Type, m.Data)
		if err != nil || !reflect.DeepEqual(item, c.item) {
			t.Errorf("%s: %+v %v, want %+v", c.kind, item, err, c.item)
		}
	}
}

func TestAskRefuses(t *testing.T) {
	eth := request("ETH", "eip155:1", typed, h+44, h+60, h, 0, 0)
	btc := request("BTC", "bip122:0", aPSBT, h+84, h, h, 0, 0)
	sol := request("SOL", "solana:x", []byte{1}, h+44, h+501, h)
	two := request("SOL", "solana:x", []byte{1}, h+44, h+501, h)
	two.Keys = append(two.Keys, two.Keys[0])
	none := request("ETH", "eip155:1", typed)
	none.Keys = nil
	watch := request("ETH", "eip155:1", typed)
	watch.Keys[0].Sign = false
	named := two
	named.Keys = []bundle.KeyRef{two.Keys[0], {Curve: chain.Ed25519, Key: make([]byte, 32)}} // beside the one that signs
	if _, err := Ask([]Request{named}); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		list []Request
		code string
	}{
		"two of Bitcoin":      {[]Request{btc, btc}, "foreign.batch"},
		"two of Solana":       {[]Request{sol, sol}, "foreign.batch"},
		"Ethereum and others": {[]Request{eth, btc}, "foreign.batch"},
		"two signers":         {[]Request{two}, "foreign.signers"},
		"no key":              {[]Request{none}, "foreign.signers"},
		"no signer":           {[]Request{watch}, "foreign.signers"},
		"second has no key":   {[]Request{eth, none}, "foreign.signers"},
		"no chain id":         {[]Request{request("ETH", "eip155:x", typed, 1)}, "foreign.network"},
	} {
		if m, err := Ask(c.list); !fault.Is(err, c.code) || m.Data != nil {
			t.Errorf("%s: %v %v, want %s", name, m, err, c.code)
		}
	}
}

// v is read in all the ways in which wallets write it.
func TestAnswersOfEthereum(t *testing.T) {
	rs := bytes.Repeat([]byte{0x5a}, 64)
	for _, c := range []struct {
		v        string
		recovery byte
	}{
		{"00", 0}, {"01", 1}, {"1b", 0}, {"1c", 1},
		{"23", 0}, {"24", 1}, // 35, 36: of no chain
		{"25", 0}, {"26", 1}, // chain 1
		{"ff", 0}, {"0100", 1}, // 110
		{"0101", 0}, {"0135", 0}, {"0136", 1}, // 111, 137
		{"f4f5", 0}, {"01546d71", 0}, {"01546d72", 1}, {"0001546d72", 1},
		{"ffffffffffffffff", 0},
	} {
		v, err := hex.DecodeString(c.v)
		if err != nil {
			t.Fatal(err)
		}
		m := said(t, "eth-signature", urtypes.EthSignature{ID: uuid, Signature: append(slices.Clone(rs), v...), Origin: "keystone"})
		want := []courier.ForeignAnswer{{ID: id, Signatures: [][]byte{append(slices.Clone(rs), c.recovery)}}}
		if got, err := Answers(m); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("v %s: %x %v", c.v, got, err)
		}
	}
	for _, v := range []byte{2, 3, 26, 29, 34} {
		m := said(t, "eth-signature", urtypes.EthSignature{ID: uuid, Signature: append(slices.Clone(rs), v)})
		if got, err := Answers(m); !fault.Is(err, "foreign.signature") || got != nil {
			t.Errorf("v %d: %x %v", v, got, err)
		}
	}
	for _, n := range []int{0, 64, 73} {
		if got, err := compact(make([]byte, n)); !fault.Is(err, "foreign.signature") {
			t.Errorf("%d bytes: %x %v", n, got, err)
		}
	}
}

func TestAnswers(t *testing.T) {
	sig := append(bytes.Repeat([]byte{0x5a}, 64), 1)
	second := urtypes.EthSignature{ID: uuid, Signature: slices.Clone(sig)}
	second.ID[0], second.Signature[0] = 0xff, 0xff
	other := id
	other[0] = 0xff
	psbt := []courier.ForeignAnswer{{PSBT: aPSBT}}
	for _, c := range []struct {
		m    frame.Message
		want []courier.ForeignAnswer
	}{
		{said(t, "crypto-psbt", urtypes.PSBT(aPSBT)), psbt},
		{said(t, "psbt", urtypes.PSBT(aPSBT)), psbt},
		{frame.Message{Format: frame.BBQr, Type: "P", Data: aPSBT}, psbt},
		{frame.Message{Format: frame.BBQr, Type: "T", Data: []byte{2, 0}}, []courier.ForeignAnswer{{PSBT: []byte{2, 0}}}},
		{frame.Message{Format: frame.Parts, Data: aPSBT}, psbt},
		{frame.Message{Format: frame.Plain, Data: aPSBT}, psbt},
		{said(t, "eth-batch-signature", urtypes.EthBatchSignature{{ID: uuid, Signature: sig}, second}),
			[]courier.ForeignAnswer{{ID: id, Signatures: [][]byte{sig}}, {ID: other, Signatures: [][]byte{second.Signature}}}},
		{said(t, "sol-signature", urtypes.SolSignature{ID: uuid, Signature: [64]byte(sig)}), []courier.ForeignAnswer{{ID: id, Signatures: [][]byte{sig[:64]}}}},
	} {
		if got, err := Answers(c.m); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %x %v", c.m, got, err)
		}
	}
}

func TestAnswersRefused(t *testing.T) {
	sig := append(bytes.Repeat([]byte{0x5a}, 64), 1)
	for _, change := range []func(*urtypes.UUID){
		func(u *urtypes.UUID) { *u = urtypes.UUID{} }, func(u *urtypes.UUID) { u[15]++ }, func(u *urtypes.UUID) { u[12]++ },
		func(u *urtypes.UUID) { copy(u[:], "a UUID of others") },
	} {
		theirs := uuid
		change(&theirs)
		for _, m := range []frame.Message{
			said(t, "eth-signature", urtypes.EthSignature{ID: theirs, Signature: sig}),
			said(t, "eth-batch-signature", urtypes.EthBatchSignature{{ID: uuid, Signature: sig}, {ID: theirs, Signature: sig}}),
			said(t, "sol-signature", urtypes.SolSignature{ID: theirs, Signature: [64]byte(sig)}),
		} {
			if got, err := Answers(m); !fault.Is(err, "import.foreign") {
				t.Errorf("%x: %x %v", theirs, got, err)
			}
		}
	}
	for _, m := range []frame.Message{
		{}, {Format: frame.Native}, {Format: frame.UR}, {Format: frame.UR, Type: "eth-sign-request", Data: []byte{0xa0}}, {Format: frame.UR, Type: "crypto-hdkey"},
		{Format: frame.BBQr, Type: "J", Data: []byte("{}")}, {Format: frame.BBQr, Type: "U", Data: []byte("text")}, {Format: frame.UR, Type: "signature"},
		{Format: frame.UR, Type: "bytes", Data: []byte{0x40}}, // a bundle's
	} {
		if _, err := Answers(m); !fault.Is(err, "frame.kind") {
			t.Errorf("%s: %v", m, err)
		}
		if err := IsAnswer(m); !fault.Is(err, "frame.kind") || !strings.Contains(err.Error(), "holds no signature") {
			t.Errorf("%s: %v", m, err)
		}
	}
	if _, err := Answers(frame.Message{Format: frame.UR, Type: "sol-signature", Data: []byte{0xa0}}); !fault.Is(err, "urtype.content") {
		t.Error(err)
	}
}

// No content makes the reader panic; what it gives is either a PSBT or signatures
// of a request of ours.
func FuzzAnswers(f *testing.F) {
	kinds := []string{"crypto-psbt", "psbt", "eth-signature", "eth-batch-signature", "sol-signature"}
	sig := append(bytes.Repeat([]byte{0x5a}, 64), 1)
	for i, item := range []urtypes.Item{
		urtypes.PSBT(aPSBT), urtypes.PSBT(aPSBT), urtypes.EthSignature{ID: uuid, Signature: sig},
		urtypes.EthBatchSignature{{ID: uuid, Signature: sig}}, urtypes.SolSignature{ID: uuid, Signature: [64]byte(sig)},
	} {
		b, err := urtypes.Encode(kinds[i], item)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		m := frame.Message{Format: frame.UR, Type: kinds[int(kind)%len(kinds)], Data: data}
		list, err := Answers(m)
		if err != nil {
			return
		}
		if len(list) == 0 {
			t.Fatal("no answer")
		}
		for _, a := range list {
			signs := len(a.Signatures) == 1 && (len(a.Signatures[0]) == 65 && a.Signatures[0][64] < 2 || len(a.Signatures[0]) == 64)
			if psbt := strings.HasSuffix(m.Type, "psbt"); psbt == signs || psbt && a.ID != (bundle.ID{}) {
				t.Fatalf("%+v", a)
			}
		}
	})
}
