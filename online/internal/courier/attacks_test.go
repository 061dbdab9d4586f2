package courier

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
)

// fields is the n-th payment of the payer.
func fields(n uint64, change func(*evm.Fields)) []byte {
	f := evm.Fields{Type: evm.Dynamic, ChainID: 1, Nonce: n, MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(3e10),
		GasLimit: 21000, To: &[20]byte{1, 2, 3}, Value: big.NewInt(1e15)}
	change(&f)
	return f.Encode()
}

// payCoins stores a payment of two coins of the payer.
func (w *world) payCoins(t testing.TB) bundle.ID {
	t.Helper()
	script := append([]byte{0, 20}, address.Hash160(payer.Bytes())...)
	var in []bitcoin.Input
	for i := range uint32(2) {
		txid, err := bitcoin.ParseHash(strings.Repeat(fmt.Sprintf("%02x", w.made+1), 32))
		ok(t, err)
		in = append(in, bitcoin.Input{Outpoint: bitcoin.Outpoint{TxID: txid, Index: i}, Sequence: 0xfffffffd, Claimed: &bitcoin.Output{Amount: 100_000, Script: script}})
	}
	payload, err := bitcoin.BuildPSBT(2, 0, in, []bitcoin.Output{{Amount: 190_000, Script: script}})
	ok(t, err)
	return w.store(t, "BTC", "bip122:000000000019d6689c085ae165831e93", payload)
}

func (w *world) store(t testing.TB, name string, network chain.ID, payload []byte) bundle.ID {
	t.Helper()
	r := bundle.Request{ID: store.NewID(), Network: network, Payload: payload,
		Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: chain.Secp256k1, Key: payer.Bytes(), Sign: true}}}
	raw, err := bundle.EncodeItem(r)
	ok(t, err)
	_, err = w.s.Create(t.Context(), &pending.Transaction{ID: r.ID, Tenant: "a", Chain: name, Network: network, Request: raw}, store.Idempotency{})
	ok(t, err)
	w.made++
	return r.ID
}

// held wants the receipt to be quarantined and the row to be as it was.
func (w *world) held(t *testing.T, name string, e Exported, r bundle.Receipt, want string) {
	t.Helper()
	before := w.get(t, r.ID)
	report := w.take(t, w.receipts(t, e.Raw, nil, r))
	o := report.Items[0]
	if o.Status != StatusQuarantined || o.Code == "" || o.Code == "internal" || want != "" && o.Code != want {
		t.Errorf("%s: %+v", name, o)
	}
	if now := w.get(t, r.ID); now.State != before.State || now.TxID != before.TxID || !bytes.Equal(now.Raw, before.Raw) || now.Updated != before.Updated {
		t.Errorf("%s: the row was %s and is %s", name, before.State, now.State)
	}
}

// A receipt holds no transaction, so that one which differs can only be a
// signature of another: it does not fit our own copy, whatever differs.
func TestATT111AnotherTransaction(t *testing.T) {
	w := newWorld(t)
	id := w.store(t, "ETH", "eip155:1", fields(0, func(*evm.Fields) {}))
	e := w.export(t)
	good := w.answers(t, e.Raw)[0]
	c, _, _ := w.registry.ByNetwork("eip155:1")
	for name, change := range map[string]func(*evm.Fields){
		"recipient": func(f *evm.Fields) { f.To = &[20]byte{1, 2, 4} },
		"amount":    func(f *evm.Fields) { f.Value = big.NewInt(1e15 + 1) },
		"fee":       func(f *evm.Fields) { f.MaxFee = big.NewInt(3e10 + 1) },
		"tip":       func(f *evm.Fields) { f.MaxPriority = big.NewInt(2e9) },
		"nonce":     func(f *evm.Fields) { f.Nonce = 1 },
		"gas":       func(f *evm.Fields) { f.GasLimit = 21001 },
		"data":      func(f *evm.Fields) { f.Data = []byte{0} },
		"chain":     func(f *evm.Fields) { f.ChainID = 5 },
	} {
		network := chain.ID("eip155:1")
		payload := fields(0, change)
		if name == "chain" {
			network = "eip155:11155111"
			payload = fields(0, func(f *evm.Fields) { f.ChainID = 11155111 })
		}
		tx, err := c.Codec.Decode(chain.Unsigned{Network: network, Signers: []chain.PublicKey{payer}, Payload: payload})
		ok(t, err)
		r := good
		r.Signatures = [][]byte{sign(tx.ToSign()[0]).Bytes}
		w.held(t, name, e, r, "")
	}
	if r := w.take(t, w.receipts(t, e.Raw, nil, good)); r.Items[0].Status != StatusSigned { // the smallest legal neighbour
		t.Errorf("the sound one: %+v", r.Items[0])
	}
	if p := w.get(t, id); p.State != pending.Signed {
		t.Errorf("the row is %s", p.State)
	}
}

// Signatures of other keys, in other forms, or for other inputs.
func TestATT112Signatures(t *testing.T) {
	w := newWorld(t)
	ids := []bundle.ID{w.payCoins(t), w.payCoins(t), w.store(t, "ETH", "eip155:1", fields(0, func(*evm.Fields) {}))}
	e := w.export(t)
	good := w.answers(t, e.Raw)
	for i, id := range ids {
		if good[i].ID != id {
			t.Fatal("the answers are in another order")
		}
	}
	stranger := chaintest.Signer(map[chain.PublicKey][]byte{payer: bytes.Repeat([]byte{9}, 32)})
	// strange signs the requests of an item with another key.
	strange := func(i int) (sigs [][]byte) {
		b, err := bundle.Open(e.Raw, w.dev.Public())
		ok(t, err)
		r, _, err := b.Request(i)
		ok(t, err)
		u, err := r.Unsigned()
		ok(t, err)
		c, _, _ := w.registry.ByNetwork(r.Network)
		tx, err := c.Codec.Decode(u)
		ok(t, err)
		for _, m := range tx.ToSign() {
			sigs = append(sigs, stranger(m).Bytes)
		}
		return sigs
	}
	highS := func(sig []byte) []byte {
		out := bytes.Clone(sig)
		s := new(big.Int).Sub(btcec.S256().N, new(big.Int).SetBytes(sig[32:64]))
		s.FillBytes(out[32:64])
		out[64] ^= 1
		return out
	}
	change := func(sig []byte, f func([]byte)) []byte {
		out := bytes.Clone(sig)
		f(out)
		return out
	}
	for name, c := range map[string]struct {
		item int
		sigs func(sigs [][]byte) [][]byte
	}{
		"wrong key, BTC":           {0, func([][]byte) [][]byte { return strange(0) }},
		"wrong key, ETH":           {2, func([][]byte) [][]byte { return strange(2) }},
		"one of a wrong key":       {0, func(s [][]byte) [][]byte { return [][]byte{s[0], strange(0)[1]} }},
		"high s, BTC":              {0, func(s [][]byte) [][]byte { return [][]byte{highS(s[0]), s[1]} }},
		"high s, ETH":              {2, func(s [][]byte) [][]byte { return [][]byte{highS(s[0])} }},
		"recovery id, ETH":         {2, func(s [][]byte) [][]byte { return [][]byte{change(s[0], func(b []byte) { b[64] ^= 1 })} }},
		"recovery id, BTC":         {0, func(s [][]byte) [][]byte { return [][]byte{s[0], change(s[1], func(b []byte) { b[64] ^= 1 })} }},
		"recovery id of 27":        {2, func(s [][]byte) [][]byte { return [][]byte{change(s[0], func(b []byte) { b[64] += 27 })} }},
		"DER in its place":         {0, func(s [][]byte) [][]byte { return [][]byte{append([]byte{0x30, 0x44, 2, 32}, s[0][:61]...), s[1]} }},
		"a byte less":              {2, func(s [][]byte) [][]byte { return [][]byte{s[0][:64]} }},
		"zeros":                    {2, func(s [][]byte) [][]byte { return [][]byte{make([]byte, 65)} }},
		"the other input's":        {0, func(s [][]byte) [][]byte { return [][]byte{s[1], s[0]} }},
		"one for both":             {0, func(s [][]byte) [][]byte { return [][]byte{s[0], s[0]} }},
		"another payment's":        {0, func([][]byte) [][]byte { return good[1].Signatures }},
		"an item more":             {0, func(s [][]byte) [][]byte { return append(s, s[0]) }},
		"an item less":             {0, func(s [][]byte) [][]byte { return s[:1] }},
		"a flipped bit":            {0, func(s [][]byte) [][]byte { return [][]byte{s[0], change(s[1], func(b []byte) { b[20] ^= 0x10 })} }},
		"a flipped bit, last byte": {2, func(s [][]byte) [][]byte { return [][]byte{change(s[0], func(b []byte) { b[63] ^= 1 })} }},
	} {
		r := good[c.item]
		var copies [][]byte
		for _, s := range r.Signatures {
			copies = append(copies, bytes.Clone(s))
		}
		r.Signatures = c.sigs(copies)
		w.held(t, name, e, r, "")
	}
	for i, o := range w.take(t, w.receipts(t, e.Raw, nil, good...)).Items {
		if o.Status != StatusSigned {
			t.Errorf("the sound one of %d: %+v", i, o)
		}
	}
}

// Answers for rows that wait for none: unknown, cancelled, complete, superseded.
func TestATT113NobodyWaits(t *testing.T) {
	w := newWorld(t)
	// Cancelled after its export.
	cancelled := w.pay(t)
	e := w.export(t)
	a := w.answers(t, e.Raw)[0]
	_, err := w.s.Cancel(t.Context(), "a", cancelled)
	ok(t, err)
	w.held(t, "cancelled", e, a, "receipt.cancelled")
	// Ended by proof: its rival is final.
	done := w.pay(t)
	e = w.export(t)
	a = w.answers(t, e.Raw)[0]
	_, err = w.s.Move(t.Context(), done, pending.Supersede, func(p *pending.Transaction) error { p.Code = pending.Replaced; return nil })
	ok(t, err)
	w.held(t, "superseded", e, a, "receipt.state")
	// Complete.
	complete := w.pay(t)
	e = w.export(t)
	a = w.answers(t, e.Raw)[0]
	w.take(t, w.receipts(t, e.Raw, nil, a))
	for _, step := range []pending.Event{pending.Intend, pending.Accept, pending.Confirm} {
		_, err := w.s.Move(t.Context(), complete, step, nil)
		ok(t, err)
		w.held(t, string(step), e, a, "receipt.state")
	}
	// Unknown, and of another tenant: it is answered for its own row alone, whoever owns it.
	before := w.get(t, complete)
	b := a
	b.ID = bundle.ID{7}
	_, err = Import(t.Context(), w.s, w.dev, w.registry, w.receipts(t, e.Raw, nil, b))
	code(t, err, "import.foreign")
	if now := w.get(t, complete); now.State != before.State {
		t.Errorf("the row is %s", now.State)
	}
}

// An answer that comes after the deadline makes no payment: it is to be quoted
// anew, and the signature that exists is kept.
func TestStaleAnswerIsQuotedAnew(t *testing.T) {
	for _, late := range []bool{true, false} {
		w := newWorld(t)
		r := bundle.Request{ID: store.NewID(), Network: "eip155:1", Payload: fields(0, func(*evm.Fields) {}), Deadline: epoch.Add(time.Hour).Unix(),
			Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: chain.Secp256k1, Key: payer.Bytes(), Sign: true}}}
		raw, err := bundle.EncodeItem(r)
		ok(t, err)
		_, err = w.s.Create(t.Context(), &pending.Transaction{ID: r.ID, Tenant: "a", Chain: "ETH", Network: r.Network, Request: raw, Deadline: r.Deadline, Reserve: []string{"nonce:x:0"}}, store.Idempotency{})
		ok(t, err)
		e := w.export(t)
		answers := w.answers(t, e.Raw)
		w.now = epoch.Add(time.Hour - time.Second)
		if late {
			w.now = epoch.Add(time.Hour)
		}
		o := w.take(t, w.receipts(t, e.Raw, nil, answers...)).Items[0]
		p := w.get(t, r.ID)
		if p.State != pending.Signed || len(p.Raw) == 0 || p.CancelRequested != late {
			t.Errorf("late %v: %+v", late, p)
		}
		if !late {
			if o.Status != StatusSigned {
				t.Errorf("in time: %+v", o)
			}
			continue
		}
		if o.Status != StatusDeferred || o.Code != "deadline.passed" || o.TxID != p.TxID || !strings.Contains(o.Reason, "anew") {
			t.Errorf("late: %+v", o)
		}
		due, err := w.s.Due(t.Context(), 10)
		ok(t, err)
		if len(due) != 0 {
			t.Error("a stale answer is broadcast")
		}
		// The quote that takes its place uses the same nonce.
		_, err = w.s.Create(t.Context(), &pending.Transaction{ID: store.NewID(), Tenant: "a", Chain: "ETH", Network: r.Network, Request: []byte("anew"), Reserve: []string{"nonce:x:0"}}, store.Idempotency{})
		ok(t, err)
	}
}
