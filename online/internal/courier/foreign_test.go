package courier

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/big"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/ethereum/go-ethereum/core/types"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
	"coldsign/shared/chain/solana"
	"coldsign/shared/fault"
)

const regtest chain.ID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"

// solo is an online half without any offline half.
func solo(t testing.TB) *world {
	t.Helper()
	w := &world{registry: registry.New(), now: epoch}
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "kms.db"), epochClock)
	ok(t, err)
	t.Cleanup(func() { s.Close() })
	w.s = s
	return w
}

// ask stores a request that another wallet signs.
func (w *world) ask(t testing.TB, chainName string, network chain.ID, payload []byte, key chain.PublicKey) bundle.ID {
	t.Helper()
	r := bundle.Request{ID: store.NewID(), Network: network, Payload: payload,
		Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{2}, Curve: key.Curve(), Key: key.Bytes(), Sign: true}}}
	raw, err := bundle.EncodeItem(r)
	ok(t, err)
	_, err = w.s.Create(t.Context(), &pending.Transaction{ID: r.ID, Tenant: "a", Chain: chainName, Network: network, Request: raw, Signer: pending.Foreign}, store.Idempotency{})
	ok(t, err)
	return r.ID
}

// coins stores a Bitcoin payment of the n-th coins, from a P2WPKH or, since its
// signature changes its id, a P2PKH output.
func (w *world) coins(t testing.TB, n byte, legacy bool, amount uint64) bundle.ID {
	t.Helper()
	hash := address.Hash160(payer.Bytes())
	script := append([]byte{0, 20}, hash...)
	if legacy {
		script = append(append([]byte{0x76, 0xa9, 20}, hash...), 0x88, 0xac)
	}
	in := bitcoin.Input{Sequence: 0xfffffffd, Claimed: &bitcoin.Output{Amount: 100_000, Script: script}}
	in.Outpoint.TxID[0] = n
	if legacy { // whose amount only the whole previous transaction proves
		in.Claimed, in.Previous = nil, previous(n, 100_000, script)
		in.Outpoint = bitcoin.Outpoint{TxID: must(bitcoin.Unsigned(in.Previous))}
	}
	b, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{in}, []bitcoin.Output{{Amount: amount, Script: append([]byte{0, 20}, make([]byte, 20)...)}})
	ok(t, err)
	return w.ask(t, "BTC", regtest, b, payer)
}

// previous is a transaction with one output.
func previous(n byte, amount uint64, script []byte) []byte {
	b := append([]byte{2, 0, 0, 0, 1, n}, make([]byte, 31+4)...)
	b = append(b, 0, 0xff, 0xff, 0xff, 0xff, 1)
	for i := range 8 {
		b = append(b, byte(amount>>(8*i)))
	}
	return append(append(append(b, byte(len(script))), script...), 0, 0, 0, 0)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *world) ether(t testing.TB, nonce uint64) bundle.ID {
	t.Helper()
	f := evm.Fields{Type: evm.Dynamic, ChainID: 1, Nonce: nonce, MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(3e10), GasLimit: 21000, To: &[20]byte{1}, Value: big.NewInt(1)}
	return w.ask(t, "ETH", "eip155:1", f.Encode(), payer)
}

var solSeed = seed("solana payer")

func (w *world) lamports(t testing.TB, hash byte) bundle.ID {
	t.Helper()
	key := chaintest.Ed25519Key(solSeed)
	b, err := solana.Compile([32]byte(key.Bytes()), [32]byte{hash}, solana.SystemTransfer([32]byte(key.Bytes()), [32]byte{8}, 5))
	ok(t, err)
	return w.ask(t, "SOL", solana.NetworkTable()[0].ID, b, key)
}

// out exports the row to the other wallet.
func (w *world) out(t testing.TB, id bundle.ID) bundle.Request {
	t.Helper()
	r, err := ExportForeign(t.Context(), w.s, w.registry, id)
	ok(t, err)
	return r
}

// signed is what the other wallet makes of a request: signatures, in order.
func (w *world) signed(t testing.TB, r bundle.Request) (sigs []chain.Signature) {
	t.Helper()
	tx, err := decode(w.registry, r)
	ok(t, err)
	for _, m := range tx.ToSign() {
		if m.Scheme == chain.EdDSA {
			sigs = append(sigs, chain.Signature{Key: m.Key, Scheme: m.Scheme, Bytes: ed25519.Sign(ed25519.NewKeyFromSeed(solSeed), m.Message)})
			continue
		}
		sigs = append(sigs, sign(m))
	}
	return sigs
}

func (w *world) psbt(t testing.TB, r bundle.Request) []byte {
	t.Helper()
	u, err := r.Unsigned()
	ok(t, err)
	b, err := bitcoin.Partial(u, w.signed(t, r))
	ok(t, err)
	return b
}

func bytesOf(sigs []chain.Signature) (list [][]byte) {
	for _, s := range sigs {
		list = append(list, s.Bytes)
	}
	return list
}

func (w *world) answer(t testing.TB, answers ...ForeignAnswer) Report {
	t.Helper()
	r, err := ImportForeign(t.Context(), w.s, w.registry, answers)
	ok(t, err)
	if len(r.Items) != len(answers) || r.Sequence != 0 {
		t.Fatalf("%+v", r)
	}
	return r
}

func (w *world) audits(t testing.TB, id bundle.ID) []store.Entry {
	t.Helper()
	list, err := w.s.Audit(t.Context(), id, 0, 100)
	ok(t, err)
	return list
}

// Every chain, without any pairing: out, signed elsewhere, in, and in again.
func TestForeignRoundTrip(t *testing.T) {
	w := solo(t)
	segwit, legacy, ether, sol := w.coins(t, 1, false, 90_000), w.coins(t, 2, true, 90_000), w.ether(t, 0), w.lamports(t, 1)
	ids := []bundle.ID{segwit, legacy, ether, sol}
	requests := make([]bundle.Request, len(ids))
	for i, id := range ids {
		requests[i] = w.out(t, id)
		if again := w.out(t, id); !reflect.DeepEqual(again, requests[i]) || again.ID != id {
			t.Errorf("the repeat asks for %+v", again)
		}
	}
	list, err := Outstanding(t.Context(), w.s)
	if ok(t, err); len(list) != 4 || list[0].ID != segwit || list[3].ID != sol {
		t.Fatalf("%d rows are outstanding", len(list))
	}
	answers := []ForeignAnswer{
		{PSBT: w.psbt(t, requests[0])}, {ID: legacy, PSBT: w.psbt(t, requests[1])},
		{ID: ether, Signatures: bytesOf(w.signed(t, requests[2]))}, {ID: sol, Signatures: bytesOf(w.signed(t, requests[3]))},
	}
	first := w.answer(t, answers...)
	if first.Repeat {
		t.Error("the first answers are a repeat")
	}
	for i, id := range ids {
		p := w.get(t, id)
		if o := first.Items[i]; o.ID != id || o.Status != StatusSigned || o.TxID != p.TxID || p.State != pending.Signed || len(p.Raw) == 0 {
			t.Errorf("%+v, and the row is %s", o, p.State)
		}
		trail := w.audits(t, id)
		if last := trail[len(trail)-1]; len(trail) != 3 || trail[1].Action != "export" || last.Action != "seal" || last.Detail != p.TxID {
			t.Errorf("audited as %+v", trail)
		}
	}
	var tx types.Transaction
	ok(t, tx.UnmarshalBinary(w.get(t, ether).Raw))
	from, err := types.Sender(types.LatestSignerForChainID(tx.ChainId()), &tx)
	if ok(t, err); from.Hex() != evm.Address(payer) || tx.Hash().Hex() != w.get(t, ether).TxID {
		t.Errorf("go-ethereum reads %s from %s", tx.Hash(), from)
	}
	if id := must(bitcoin.Unsigned(w.get(t, segwit).Raw)); id.String() != w.get(t, segwit).TxID {
		t.Errorf("the id is %s, not %s", w.get(t, segwit).TxID, id)
	}
	// Again, in parts, as a PSBT without an id, and as the transaction on the network.
	before := []pending.Transaction{w.get(t, ids[0]), w.get(t, ids[1]), w.get(t, ids[2]), w.get(t, ids[3])}
	again := w.answer(t, answers...)
	if !again.Repeat || !reflect.DeepEqual(again.Items, first.Items) {
		t.Errorf("the repeat says %+v", again)
	}
	for _, b := range [][]byte{answers[1].PSBT, before[1].Raw} {
		if r := w.answer(t, ForeignAnswer{PSBT: b}); !r.Repeat || r.Items[0] != first.Items[1] {
			t.Errorf("%+v, want %+v", r, first.Items[1])
		}
	}
	for i, p := range before {
		if now := w.get(t, ids[i]); !reflect.DeepEqual(now, p) || len(w.audits(t, ids[i])) != 3 {
			t.Errorf("a repeat changed the row: %+v", now)
		}
	}
	if list, err := Outstanding(t.Context(), w.s); err != nil || len(list) != 0 {
		t.Errorf("%d rows are outstanding, %v", len(list), err)
	}
	if _, err := w.s.Move(t.Context(), ether, pending.Intend, nil); err != nil {
		t.Error(err)
	}
}

// A wallet that signs again with another nonce changes nothing, wherever the row
// is by then.
func TestForeignSignedTwice(t *testing.T) {
	w := solo(t)
	id := w.coins(t, 1, true, 90_000) // its transaction id changes with the signature
	r := w.out(t, id)
	good := w.psbt(t, r)
	w.answer(t, ForeignAnswer{PSBT: good})
	sealed := w.get(t, id)
	tx, err := decode(w.registry, r)
	ok(t, err)
	other := otherSignature(t, tx.ToSign()[0])
	s, err := tx.Seal([]chain.Signature{other})
	if ok(t, err); s.TxID == sealed.TxID {
		t.Fatal("the other signature makes the same transaction")
	}
	for _, e := range []pending.Event{"", pending.Intend, pending.Accept, pending.Confirm} {
		if e != "" {
			_, err := w.s.Move(t.Context(), id, e, nil)
			ok(t, err)
		}
		before := w.get(t, id)
		for _, f := range []ForeignAnswer{{PSBT: s.Raw}, {ID: id, Signatures: [][]byte{other.Bytes}}, {PSBT: good}} {
			if r := w.answer(t, f); !r.Repeat || r.Items[0].Status != StatusSigned || r.Items[0].TxID != sealed.TxID {
				t.Errorf("%s: %+v", before.State, r)
			}
		}
		if now := w.get(t, id); !reflect.DeepEqual(now, before) || !bytes.Equal(now.Raw, sealed.Raw) {
			t.Errorf("%s: the row changed", before.State)
		}
	}
	// A spoilt one is not called signed.
	other.Bytes = bytes.Clone(other.Bytes)
	other.Bytes[5] ^= 1
	if r := w.answer(t, ForeignAnswer{ID: id, Signatures: [][]byte{other.Bytes}}); r.Repeat || r.Items[0].Status != StatusQuarantined || r.Items[0].Code != "receipt.state" {
		t.Errorf("%+v", r)
	}
}

// What cannot be used is kept with a code, and is not in the way of a good answer.
func TestForeignQuarantined(t *testing.T) {
	w := solo(t)
	coins, others, ether := w.coins(t, 1, false, 90_000), w.coins(t, 2, false, 80_000), w.ether(t, 0)
	rc, ro, re := w.out(t, coins), w.out(t, others), w.out(t, ether)
	sigs := func(r bundle.Request, change func(b []byte) []byte) [][]byte {
		list := bytesOf(w.signed(t, r))
		list[0] = change(bytes.Clone(list[0]))
		return list
	}
	flip := func(at int) func([]byte) []byte { return func(b []byte) []byte { b[at] ^= 1; return b } }
	stranger := seed("stranger")
	byStranger := chaintest.Signer(map[chain.PublicKey][]byte{payer: stranger})
	tx, err := decode(w.registry, re)
	ok(t, err)
	cases := []struct {
		name   string
		answer ForeignAnswer
		code   string
	}{
		{"another transaction's PSBT", ForeignAnswer{ID: coins, PSBT: w.psbt(t, ro)}, "psbt.answer"},
		{"nothing signed", ForeignAnswer{PSBT: rc.Payload}, "psbt.answer-signature"},
		{"no PSBT", ForeignAnswer{ID: coins, PSBT: []byte("what")}, "psbt.answer"},
		{"a PSBT for ether", ForeignAnswer{ID: ether, PSBT: w.psbt(t, rc)}, "bitcoin.network"},
		{"spoilt", ForeignAnswer{ID: coins, Signatures: sigs(rc, flip(40))}, "seal.signature"},
		{"spoilt ether", ForeignAnswer{ID: ether, Signatures: sigs(re, flip(3))}, "seal.signature"},
		{"recovers another key", ForeignAnswer{ID: ether, Signatures: sigs(re, flip(64))}, "seal.signature"},
		{"signed by another key", ForeignAnswer{ID: ether, Signatures: [][]byte{byStranger(tx.ToSign()[0]).Bytes}}, "seal.signature"},
		{"without the recovery byte", ForeignAnswer{ID: ether, Signatures: sigs(re, func(b []byte) []byte { return b[:64] })}, "seal.signature"},
		{"another payment's", ForeignAnswer{ID: ether, Signatures: sigs(rc, func(b []byte) []byte { return b })}, "seal.signature"},
		{"too many", ForeignAnswer{ID: ether, Signatures: append(bytesOf(w.signed(t, re)), make([]byte, 65))}, "receipt.signatures"},
	}
	for _, c := range cases {
		for _, again := range []bool{false, true} {
			r := w.answer(t, c.answer)
			if o := r.Items[0]; o.Status != StatusQuarantined || o.Code != c.code || o.Reason == "" || o.TxID != "" || r.Repeat != again {
				t.Errorf("%s: %+v, want %s", c.name, r, c.code)
			}
		}
	}
	kept := 0
	for _, id := range []bundle.ID{coins, others, ether} {
		if p := w.get(t, id); p.State != pending.Exported || p.TxID != "" || len(p.Raw) != 0 {
			t.Errorf("the row is %s", p.State)
		}
		for _, e := range w.audits(t, id) {
			if e.Action == "quarantine" {
				kept++
			}
		}
	}
	if kept != len(cases) {
		t.Errorf("%d answers are kept, want %d", kept, len(cases))
	}
	// The good one counts, beside one that does not.
	r := w.answer(t, cases[0].answer, ForeignAnswer{ID: ether, Signatures: bytesOf(w.signed(t, re))})
	if r.Repeat || r.Items[0].Status != StatusQuarantined || r.Items[1].Status != StatusSigned {
		t.Errorf("%+v", r)
	}
	if r := w.answer(t, ForeignAnswer{PSBT: w.psbt(t, rc)}); r.Items[0].Status != StatusSigned || r.Items[0].ID != coins {
		t.Errorf("%+v", r)
	}
}

// What answers nothing, or twice, refuses the whole import.
func TestForeignRefused(t *testing.T) {
	w := newWorld(t)
	one, two, waits, ours := w.coins(t, 1, false, 90_000), w.coins(t, 2, false, 90_000), w.coins(t, 3, false, 90_000), w.pay(t)
	r1 := w.out(t, one)
	r2 := w.out(t, two)
	rw, err := RequestOf(ptr(w.get(t, waits)))
	ok(t, err)
	w.export(t)
	good, sigs := w.psbt(t, r1), bytesOf(w.signed(t, r2))
	for name, c := range map[string]struct {
		answers []ForeignAnswer
		code    string
	}{
		"none":                    {nil, "import.answer"},
		"empty":                   {[]ForeignAnswer{{}}, "import.answer"},
		"both":                    {[]ForeignAnswer{{ID: one, PSBT: good, Signatures: sigs}}, "import.answer"},
		"no id":                   {[]ForeignAnswer{{Signatures: sigs}}, "import.answer"},
		"too long":                {[]ForeignAnswer{{ID: one, PSBT: make([]byte, bundle.MaxPayload+1)}}, "import.answer"},
		"short signature":         {[]ForeignAnswer{{ID: one, Signatures: [][]byte{{1}}}}, "import.answer"},
		"many signatures":         {[]ForeignAnswer{{ID: one, Signatures: make([][]byte, bundle.MaxSignatures+1)}}, "import.answer"},
		"no PSBT and no id":       {[]ForeignAnswer{{PSBT: []byte("what")}}, "psbt.answer"},
		"never exported, by id":   {[]ForeignAnswer{{ID: waits, PSBT: w.psbt(t, rw)}}, "import.foreign"},
		"never exported, by PSBT": {[]ForeignAnswer{{PSBT: good}, {PSBT: w.psbt(t, rw)}}, "import.foreign"},
		"the paired half's":       {[]ForeignAnswer{{ID: ours, Signatures: sigs}}, "import.foreign"},
		"unknown":                 {[]ForeignAnswer{{ID: bundle.ID{9}, Signatures: sigs}}, "import.foreign"},
		"twice by id":             {[]ForeignAnswer{{ID: two, Signatures: sigs}, {ID: two, Signatures: sigs}}, "import.duplicate"},
		"twice by PSBT":           {[]ForeignAnswer{{PSBT: good}, {PSBT: good}}, "import.duplicate"},
		"twice by both":           {[]ForeignAnswer{{ID: one, PSBT: good}, {PSBT: good}}, "import.duplicate"},
	} {
		if _, err := ImportForeign(t.Context(), w.s, w.registry, c.answers); !fault.Is(err, c.code) {
			t.Errorf("%s: %v (%s), want %s", name, err, fault.Code(err), c.code)
		}
	}
	for id, want := range map[bundle.ID]pending.State{one: pending.Exported, two: pending.Exported, waits: pending.Pending, ours: pending.Exported} {
		if p := w.get(t, id); p.State != want || len(w.audits(t, id)) > 2 {
			t.Errorf("a refusal left a row %s", p.State)
		}
	}
	_, err = ExportForeign(t.Context(), w.s, w.registry, ours)
	code(t, err, "export.state")
	_, err = ExportForeign(t.Context(), w.s, w.registry, bundle.ID{9})
	code(t, err, "kms.missing")
}

func ptr[T any](v T) *T { return &v }

// What was cancelled meanwhile is not sealed: its signature is kept.
func TestForeignCancelled(t *testing.T) {
	w := solo(t)
	exported, sealed := w.coins(t, 1, false, 90_000), w.coins(t, 2, false, 90_000)
	re, rs := w.out(t, exported), w.out(t, sealed)
	w.answer(t, ForeignAnswer{PSBT: w.psbt(t, rs)})
	for id, want := range map[bundle.ID]struct {
		r    bundle.Request
		code string
	}{exported: {re, "receipt.cancelled"}, sealed: {rs, "receipt.state"}} {
		_, err := w.s.Cancel(t.Context(), "a", id)
		ok(t, err)
		before := w.get(t, id)
		for _, again := range []bool{false, true} {
			r := w.answer(t, ForeignAnswer{PSBT: w.psbt(t, want.r)})
			if o := r.Items[0]; o.ID != id || o.Status != StatusQuarantined || o.Code != want.code || r.Repeat != again {
				t.Errorf("%+v", r)
			}
		}
		if now := w.get(t, id); !reflect.DeepEqual(now, before) {
			t.Errorf("%+v", now)
		}
	}
	// The same payment asked for again is the one that an answer is for.
	next := w.coins(t, 1, false, 90_000)
	w.out(t, next)
	if r := w.answer(t, ForeignAnswer{PSBT: w.psbt(t, re)}); r.Items[0].ID != next || r.Items[0].Status != StatusSigned {
		t.Errorf("%+v", r)
	}
	if r := w.answer(t, ForeignAnswer{PSBT: w.psbt(t, re)}); r.Items[0].ID != next || !r.Repeat {
		t.Errorf("%+v", r)
	}
	// Asked for once more when it is sealed: one transaction is one payment.
	third := w.coins(t, 1, false, 90_000)
	w.out(t, third)
	if r := w.answer(t, ForeignAnswer{PSBT: w.psbt(t, re)}); r.Items[0].ID != third || r.Items[0].Code != "txid.duplicate" || w.get(t, third).State != pending.Exported {
		t.Errorf("%+v", r)
	}
}

// A request that is not its row's, or that no codec reads, does not leave.
func TestForeignExportCompares(t *testing.T) {
	w := solo(t)
	r := bundle.Request{ID: bundle.ID{1}, Network: "eip155:1", Payload: []byte{1},
		Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: 1, Key: payer.Bytes(), Sign: true}}}
	item := func(change func(*bundle.Request)) []byte {
		r := r
		change(&r)
		return must(bundle.EncodeItem(r))
	}
	for i, c := range []struct {
		raw  []byte
		code string
	}{
		{item(func(r *bundle.Request) { r.ID = bundle.ID{99} }), "export.item"},
		{item(func(r *bundle.Request) { r.ID, r.Deadline = bundle.ID{2}, epoch.Unix()+1 }), "export.item"},
		{[]byte("no request"), "export.item"},
		{append(item(func(r *bundle.Request) { r.ID = bundle.ID{4} }), 0), "export.item"},
		{item(func(r *bundle.Request) { r.ID = bundle.ID{5} }), "evm.rlp"},
		{item(func(r *bundle.Request) { r.ID, r.Network = bundle.ID{6}, "eip155:99" }), "receipt.network"},
	} {
		p := &pending.Transaction{ID: bundle.ID{byte(i + 1)}, Tenant: "a", Chain: "ETH", Network: "eip155:1", Request: c.raw, Signer: pending.Foreign}
		if c.code == "receipt.network" {
			p.Network = "eip155:99"
		}
		_, err := w.s.Create(t.Context(), p, store.Idempotency{})
		ok(t, err)
		if _, err = ExportForeign(t.Context(), w.s, w.registry, p.ID); !fault.Is(err, c.code) {
			t.Errorf("request %d: %v (%s), want %s", i+1, err, fault.Code(err), c.code)
		}
		if w.get(t, p.ID).State != pending.Pending {
			t.Error("the row moved")
		}
	}
}

// The same answer many times at once is one.
func TestForeignTogether(t *testing.T) {
	w := solo(t)
	id := w.coins(t, 1, false, 90_000)
	answer := ForeignAnswer{PSBT: w.psbt(t, w.out(t, id))}
	var wait sync.WaitGroup
	news := make(chan bool, 16)
	for range cap(news) {
		wait.Go(func() {
			r, err := ImportForeign(t.Context(), w.s, w.registry, []ForeignAnswer{answer})
			if err != nil || r.Items[0].Status != StatusSigned {
				t.Error(err, r)
			}
			news <- !r.Repeat
		})
	}
	wait.Wait()
	close(news)
	n := 0
	for isNew := range news {
		if isNew {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d imports sealed it", n)
	}
}

// A batch: each PSBT finds its own row.
func TestForeignBatch(t *testing.T) {
	w := solo(t)
	var answers []ForeignAnswer
	var ids []bundle.ID
	for n := range byte(20) {
		ids = append(ids, w.coins(t, n, n%2 == 0, 90_000))
		answers = append([]ForeignAnswer{{PSBT: w.psbt(t, w.out(t, ids[n]))}}, answers...)
	}
	r := w.answer(t, answers...)
	for i, o := range r.Items {
		if o.ID != ids[19-i] || o.Status != StatusSigned {
			t.Errorf("answer %d: %s", i, fmt.Sprint(o))
		}
	}
}

// otherSignature signs with another nonce than RFC 6979's.
func otherSignature(t testing.TB, r chain.SignRequest) chain.Signature {
	t.Helper()
	var k, d secp256k1.ModNScalar
	k.SetByteSlice(seed("another nonce"))
	d.SetByteSlice(secret)
	var point secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(&k, &point)
	point.ToAffine()
	var x, s, e secp256k1.ModNScalar
	x.SetBytes((*[32]byte)(point.X.Bytes()))
	e.SetByteSlice(r.Message)
	s.Mul2(&x, &d).Add(&e).Mul(k.InverseNonConst())
	recovery := byte(0)
	if point.Y.IsOdd() {
		recovery = 1
	}
	if s.IsOverHalfOrder() {
		s.Negate()
		recovery ^= 1
	}
	rb, sb := x.Bytes(), s.Bytes()
	return chain.Signature{Key: r.Key, Scheme: r.Scheme, Bytes: append(append(rb[:], sb[:]...), recovery)}
}
