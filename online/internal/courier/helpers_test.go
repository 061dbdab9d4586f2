package courier

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
	"coldsign/shared/fault"
)

var epoch = time.Unix(1_800_000_000, 0).UTC()

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func code(t testing.TB, err error, want string) {
	t.Helper()
	if !fault.Is(err, want) {
		t.Fatalf("error %v (%s), want code %s", err, fault.Code(err), want)
	}
}

func seed(name string) []byte {
	h := sha256.Sum256([]byte("coldsign test key " + name))
	return h[:]
}

// offline stands for the other half: it signs whatever it is asked to.
type offline struct {
	key      ed25519.PrivateKey
	peer     ed25519.PublicKey // the online half that it is paired with
	sequence uint64
	last     [32]byte
	met      map[string]place // where it was with other online halves
}

type place struct {
	sequence uint64
	last     [32]byte
}

func newOffline(name string) *offline { return &offline{key: ed25519.NewKeyFromSeed(seed(name))} }

func (o *offline) Public() ed25519.PublicKey     { return o.key.Public().(ed25519.PublicKey) }
func (o *offline) Sign(m []byte) ([]byte, error) { return ed25519.Sign(o.key, m), nil }
func (o *offline) pairing(t testing.TB) []byte   { return o.pairingOf(t, "offline") }
func (o *offline) pairingOf(t testing.TB, half string) []byte {
	t.Helper()
	item, err := bundle.EncodeItem(bundle.Device{Key: [32]byte(o.Public()), Half: half})
	ok(t, err)
	raw, err := bundle.Seal(bundle.Header{Kind: bundle.Pairing}, [][]byte{item}, o)
	ok(t, err)
	return raw
}

// send makes the next bundle to the online half; change may spoil its header.
func (o *offline) send(t testing.TB, h bundle.Header, change func(*bundle.Header), items ...any) []byte {
	t.Helper()
	h.Sequence, h.Previous, h.Created = o.sequence+1, o.last, epoch.Unix()
	if change != nil {
		change(&h)
	}
	encoded := make([][]byte, len(items))
	for i, item := range items {
		var err error
		encoded[i], err = bundle.EncodeItem(item)
		ok(t, err)
	}
	raw, err := bundle.Seal(h, encoded, o)
	ok(t, err)
	return raw
}

// sent takes note that the online half will have seen raw.
func (o *offline) sent(raw []byte) { o.sequence, o.last = o.sequence+1, sha256.Sum256(raw) }

// world is an online half, its offline half and a wallet.
type world struct {
	s        *store.Store
	dev      *Device
	off      *offline
	path     string // of the database
	registry *registry.Registry
	made     int
	now      time.Time
}

var (
	secret = seed("payer")
	payer  = chaintest.Secp256k1Key(secret)
	sign   = chaintest.Signer(map[chain.PublicKey][]byte{payer: secret})
)

func newWorld(t testing.TB) *world {
	t.Helper()
	home := t.TempDir()
	w := &world{off: newOffline("offline"), registry: registry.New(), now: epoch}
	w.path = filepath.Join(home, "kms.db")
	w.open(t)
	dev, err := LoadOrCreateDevice(home)
	ok(t, err)
	w.dev = dev
	_, confirm, err := PairIn(t.Context(), w.s, dev, w.off.pairing(t), false)
	ok(t, err)
	ok(t, confirm(t.Context()))
	return w
}

func (w *world) open(t testing.TB) {
	t.Helper()
	s, err := store.Open(t.Context(), w.path, func() time.Time { return w.now })
	ok(t, err)
	t.Cleanup(func() { s.Close() })
	w.s = s
}

// pay stores a new payment with the next nonce.
func (w *world) pay(t testing.TB) bundle.ID {
	t.Helper()
	to := [20]byte{1, 2, 3}
	f := evm.Fields{Type: evm.Dynamic, ChainID: 1, Nonce: uint64(w.made), MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(3e10),
		GasLimit: 21000, To: &to, Value: big.NewInt(1e15)}
	r := bundle.Request{ID: store.NewID(), Network: "eip155:1", Payload: f.Encode(),
		Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: chain.Secp256k1, Key: payer.Bytes(), Sign: true}}}
	raw, err := bundle.EncodeItem(r)
	ok(t, err)
	_, err = w.s.Create(t.Context(), &pending.Transaction{ID: r.ID, Tenant: "a", Chain: "ETH", Network: r.Network, Request: raw,
		Reserve: []string{fmt.Sprintf("nonce:payer:%d", w.made)}}, store.Idempotency{})
	ok(t, err)
	w.made++
	return r.ID
}

func (w *world) export(t testing.TB) Exported {
	t.Helper()
	e, err := Export(t.Context(), w.s, w.dev, store.Selection{}, time.Time{})
	ok(t, err)
	return e
}

func (w *world) get(t testing.TB, id bundle.ID) pending.Transaction {
	t.Helper()
	p, err := w.s.Get(t.Context(), store.Any, id)
	ok(t, err)
	return p
}

// payloads gives what an exported bundle asks to have signed.
func (w *world) payloads(t testing.TB, raw []byte) (out [][]byte) {
	t.Helper()
	b, err := bundle.Open(raw, w.dev.Public())
	ok(t, err)
	for i := range b.Len() {
		r, _, err := b.Request(i)
		ok(t, err)
		out = append(out, r.Payload)
	}
	return out
}

// answers signs every request of an exported bundle, those of Ed25519 keys with
// the one given.
func (w *world) answers(t testing.TB, raw []byte, solana ...ed25519.PrivateKey) (out []bundle.Receipt) {
	t.Helper()
	b, err := bundle.Open(raw, w.dev.Public())
	ok(t, err)
	for i := range b.Len() {
		r, digest, err := b.Request(i)
		ok(t, err)
		u, err := r.Unsigned()
		ok(t, err)
		c, _, _ := w.registry.ByNetwork(r.Network)
		tx, err := c.Codec.Decode(u)
		ok(t, err)
		receipt := bundle.Receipt{ID: r.ID, Digest: digest, Status: bundle.Signed}
		for _, m := range tx.ToSign() {
			if m.Scheme == chain.EdDSA {
				receipt.Signatures = append(receipt.Signatures, ed25519.Sign(solana[0], m.Message))
				continue
			}
			receipt.Signatures = append(receipt.Signatures, sign(m).Bytes)
		}
		out = append(out, receipt)
	}
	return out
}

// receipts seals receipts that answer the exported bundle.
func (w *world) receipts(t testing.TB, answers []byte, change func(*bundle.Header), receipts ...bundle.Receipt) []byte {
	t.Helper()
	items := make([]any, len(receipts))
	for i := range receipts {
		items[i] = receipts[i]
	}
	h := bundle.Header{Kind: bundle.Receipts, Recipient: bundle.IDOf(w.dev.Public()), Answers: sha256.Sum256(answers)}
	return w.off.send(t, h, change, items...)
}

func (w *world) take(t testing.TB, raw []byte) Report {
	t.Helper()
	r, err := Import(t.Context(), w.s, w.dev, w.registry, raw)
	ok(t, err)
	w.off.sent(raw)
	return r
}

func epochClock() time.Time { return epoch }
