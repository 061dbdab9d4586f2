package replace_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"coldsign/online/internal/broadcast"
	"coldsign/online/internal/chain/clients"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/lineage"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/quorum"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

const (
	btcID = "11111111-1111-4111-8111-111111111111"
	ethID = "22222222-2222-4222-8222-222222222222"
	solID = "33333333-3333-4333-8333-333333333333"

	cashID = "44444444-4444-4444-8444-444444444444"

	regtest  chain.ID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
	local    chain.ID = "eip155:31337"
	localnet chain.ID = "solana:4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZ"

	depth = 3
)

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func code(t testing.TB, err error, want string) {
	t.Helper()
	if !fault.Is(err, want) {
		t.Fatalf("error %v (%s), want %s", err, fault.Code(err), want)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

type wallets map[bundle.SignatureID]pending.Wallet

func (w wallets) Wallet(_ context.Context, id bundle.SignatureID) (pending.Wallet, bool, error) {
	found, ok := w[id]
	return found, ok, nil
}

// world is an online half with a real database, the real codecs and real nodes;
// the offline half is played by the test, which signs whatever it is asked to.
type world struct {
	*testing.T
	store  *store.Store
	intake *intake.Intake
	maker  *replace.Maker
	loop   *broadcast.Loop
	sign   func(chain.SignRequest) chain.Signature
	keys   map[string]chain.PublicKey
}

func secret(n byte) []byte { return append(make([]byte, 31), n) }

func sid(t testing.TB, text string) bundle.SignatureID {
	return must(bundle.ParseSignatureID(text))(t)
}

func newWorld(t *testing.T, network chain.ID, url, user string) *world {
	t.Helper()
	w := &world{T: t, keys: map[string]chain.PublicKey{}}
	secrets, known := map[chain.PublicKey][]byte{}, wallets{}
	add := func(id, name string, key chain.PublicKey, n byte) {
		known[sid(t, id)] = pending.Wallet{Wallet: bundle.Wallet{SignatureID: sid(t, id), Chain: name, Testnet: true, Curve: key.Curve(), Key: key.Bytes()}}
		w.keys[id], secrets[key] = key, secret(n)
	}
	add(btcID, "BTC", chaintest.Secp256k1Key(secret(41)), 41)
	add(ethID, "ETH", chaintest.Secp256k1Key(secret(42)), 42)
	add(cashID, "BCH", chaintest.Secp256k1Key(secret(44)), 44)
	add(solID, "SOL", chaintest.Ed25519Key(secret(43)), 43)
	w.sign = chaintest.Signer(secrets)
	w.store = must(store.Open(t.Context(), filepath.Join(t.TempDir(), "kms.db"), time.Now))(t)
	t.Cleanup(func() { w.store.Close() })
	w.intake = &intake.Intake{Chains: registry.New().All(), Networks: []chain.ID{network}, Wallets: known, Now: time.Now}
	w.maker = &replace.Maker{Store: w.store, Intake: w.intake}
	client := must(clients.New(transport.Config{Network: network, URL: url, User: user, Password: user, Depth: depth}))(t)
	both := must(quorum.New([]quorum.Member{{Name: "node 1", Node: client}}, 1, depth))(t)
	w.loop = &broadcast.Loop{
		Store: w.store, Nodes: map[chain.ID]node.Node{network: both}, Depth: map[chain.ID]uint64{network: depth}, Deep: map[chain.ID]uint64{network: 20},
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Settle: time.Nanosecond,
		Parents: lineage.Parents(w.store), Bytes: lineage.Bytes,
	}
	return w
}

func (w *world) submit(name, id string, transaction strictjson.Value) bundle.ID {
	w.Helper()
	row, _, err := w.intake.Accept(w.Context(), "a", intake.Submission{Chain: name, Hashes: []string{id}, Transaction: transaction, Note: "rent"})
	ok(w, err)
	_, err = w.store.Create(w.Context(), row, store.Idempotency{})
	ok(w, err)
	return row.ID
}

func (w *world) get(id bundle.ID) pending.Transaction {
	w.Helper()
	return must(w.store.Get(w.Context(), store.Any, id))(w)
}

func (w *world) move(id bundle.ID, e pending.Event, change func(*pending.Transaction) error) {
	w.Helper()
	_, err := w.store.Move(w.Context(), id, e, change)
	ok(w, err)
}

func (w *world) export(id bundle.ID) {
	w.Helper()
	w.move(id, pending.Export, func(p *pending.Transaction) error { p.Bundle = 1; return nil })
}

// seal signs an exported row as the offline half does: from its request alone.
func (w *world) seal(id bundle.ID) {
	w.Helper()
	row := w.get(id)
	r := must(intake.Request(&row))(w)
	c := must(w.intake.Chain(&row))(w)
	tx := must(c.Codec.Decode(must(r.Unsigned())(w)))(w)
	var sigs []chain.Signature
	for _, s := range tx.ToSign() {
		sigs = append(sigs, w.sign(s))
	}
	sealed := must(tx.Seal(sigs))(w)
	w.move(id, pending.Seal, func(p *pending.Transaction) error { p.TxID, p.Raw = sealed.TxID, sealed.Raw; return nil })
}

func (w *world) signed(id bundle.ID) { w.Helper(); w.export(id); w.seal(id) }

func (w *world) once() broadcast.Summary {
	w.Helper()
	return must(w.loop.Once(w.Context()))(w)
}

func (w *world) want(id bundle.ID, state pending.State, code string) {
	w.Helper()
	if got := w.get(id); got.State != state || got.Code != code {
		w.Fatalf("%s is %s %q (%s), want %s %q", id, got.State, got.Code, got.Reason, state, code)
	}
}

func (w *world) make(id bundle.ID, o replace.Options) replace.Done {
	w.Helper()
	return must(w.maker.Make(w.Context(), "a", id, o))(w)
}

func text(t testing.TB, s string, err error) strictjson.Value {
	t.Helper()
	ok(t, err)
	return strictjson.Value{Kind: strictjson.String, Text: s}
}

// sealForeign signs a payload of the EVM wallet without any row.
func (w *world) sealForeign(payload []byte) []byte {
	w.Helper()
	at, _ := registry.New().ByName("ETH")
	tx := must(at.Codec.Decode(chain.Unsigned{Network: local, Signers: []chain.PublicKey{w.keys[ethID]}, Payload: payload}))(w)
	var sigs []chain.Signature
	for _, s := range tx.ToSign() {
		sigs = append(sigs, w.sign(s))
	}
	return must(tx.Seal(sigs))(w).Raw
}

func (w *world) idem() store.Idempotency { return store.Idempotency{} }

func sealedOf(p pending.Transaction) chain.Sealed { return chain.Sealed{TxID: p.TxID, Raw: p.Raw} }
