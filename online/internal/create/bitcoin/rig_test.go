package bitcoin_test

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/chain/bitcoin"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/create"
	builder "coldsign/online/internal/create/bitcoin"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/quorum"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/chaintest"
	"coldsign/shared/chain/registry"
	"coldsign/shared/hd"
)

const (
	mnemonic = "11111111-1111-4111-8111-111111111111" // of the test mnemonic, on test networks
	single   = "22222222-2222-4222-8222-222222222222" // the key of its index 5

	regtest chain.ID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
)

// rig is a creator over a real store and intake, of one network.
type rig struct {
	testing.TB
	*create.Creator
	chain   chain.Chain
	network chain.ID
	store   *store.Store
	intake  *intake.Intake
	node    node.Node
	keys    map[chain.PublicKey][]byte // secrets of indexes 0 to 5
}

func newRig(t testing.TB, name string, network chain.ID, at transport.Config) *rig {
	t.Helper()
	r := &rig{TB: t, network: network, keys: map[chain.PublicKey][]byte{}}
	var err error
	if r.store, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "online.db"), time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.store.Close() })
	for _, c := range registry.New().All() {
		if c.Name == name {
			r.chain = c
		}
	}
	at.Network, at.Depth = network, 1
	if r.node, err = bitcoin.New(at); err != nil {
		t.Fatal(err)
	}
	asked, err := quorum.New([]quorum.Member{{Name: "node 1", Node: r.node}}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	r.intake = &intake.Intake{Chains: registry.New().All(), Networks: []chain.ID{network}, Wallets: r.store, Now: time.Now}
	r.Creator = &create.Creator{Store: r.store, Intake: r.intake, Nodes: map[chain.ID]node.Node{network: asked}, Builders: map[string]create.Builder{"bip122": builder.Builder{}}}
	r.wallets()
	return r
}

func (r *rig) wallets() {
	r.Helper()
	account := r.chain.Wallet.Derivation().Account(true)
	pub := r.derive(account).Public()
	code, print := pub.ChainCode(), r.derive(nil).Fingerprint()
	for i := range uint32(6) {
		k := r.derive(r.chain.Wallet.Derivation().Path(true, i))
		r.keys[k.Public().Key()] = k.Secret()
	}
	one := r.derive(r.chain.Wallet.Derivation().Path(true, 5)).Public().Key()
	if err := r.store.PutWallets(r.Context(), []bundle.Wallet{
		{SignatureID: r.id(mnemonic), Chain: r.chain.Name, Testnet: true, Curve: chain.Secp256k1, Key: pub.Key().Bytes(), ChainCode: code[:], Fingerprint: print[:], Path: account},
		{SignatureID: r.id(single), Chain: r.chain.Name, Testnet: true, Curve: chain.Secp256k1, Key: one.Bytes()},
	}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) derive(path []uint32) *hd.Private {
	r.Helper()
	seed, err := hd.SeedFromText([]byte("test test test test test test test test test test test junk"), nil)
	if err != nil {
		r.Fatal(err)
	}
	k, err := hd.NewMaster(seed)
	if err == nil {
		k, err = k.Derive(path)
	}
	if err != nil {
		r.Fatal(err)
	}
	return k
}

// xpub is the extended key of the mnemonic wallet.
func (r *rig) xpub() string {
	return r.derive(r.chain.Wallet.Derivation().Account(true)).Public().Encode(true)
}

func (r *rig) id(text string) bundle.SignatureID {
	r.Helper()
	id, err := bundle.ParseSignatureID(text)
	if err != nil {
		r.Fatal(err)
	}
	return id
}

// address is the kind-th of a key's addresses: see bitcoin.Wallet.Addresses.
func (r *rig) address(index uint32, kind int) string {
	r.Helper()
	key := r.derive(r.chain.Wallet.Derivation().Path(true, index)).Public().Key()
	return r.chain.Wallet.Addresses(r.network, key, true)[kind]
}

func (r *rig) make(kind create.Kind, body string) (*pending.Transaction, error) {
	return r.Create(r.Context(), create.Caller{Tenant: "a", Name: "app"}, create.Call{Chain: r.chain.Name, Kind: kind}, []byte(body), store.Idempotency{Body: sha256.Sum256([]byte(body))})
}

func (r *rig) must(row *pending.Transaction, err error) *pending.Transaction {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return row
}

// review is what the codec says of the row's bytes: nothing unproven, nothing opaque.
func (r *rig) review(row *pending.Transaction) chain.Review {
	r.Helper()
	review, err := r.intake.Review(row)
	if err != nil {
		r.Fatal(err)
	}
	if review.Unproven || len(review.Opaque) > 0 {
		r.Errorf("%s", review.Text())
	}
	return review
}

// sealed signs the row as the offline half does.
func (r *rig) sealed(row *pending.Transaction) chain.Sealed {
	r.Helper()
	request, err := intake.Request(row)
	if err != nil {
		r.Fatal(err)
	}
	u, err := request.Unsigned()
	if err != nil {
		r.Fatal(err)
	}
	tx, err := r.chain.Codec.Decode(u)
	if err != nil {
		r.Fatal(err)
	}
	var sigs []chain.Signature
	for _, q := range tx.ToSign() {
		sigs = append(sigs, chaintest.Signer(r.keys)(q))
	}
	s, err := tx.Seal(sigs)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func (r *rig) send(row *pending.Transaction) string {
	r.Helper()
	s := r.sealed(row)
	if o, err := r.node.Send(context.Background(), s); err != nil || o != node.Accepted {
		r.Fatalf("not taken: %v\n%s", err, r.review(row).Text())
	}
	return s.TxID
}

// inputs are the outputs that a row uses up.
func (r *rig) inputs(row *pending.Transaction) (list []string) {
	r.Helper()
	uses, err := r.intake.Uses(row)
	if err != nil {
		r.Fatal(err)
	}
	for _, u := range uses {
		if strings.HasPrefix(u, "utxo:") {
			list = append(list, u)
		}
	}
	return list
}
