package review

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/policy"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/chain/evm"
	"coldsign/shared/chain/registry"
	"coldsign/shared/chain/solana"
)

const (
	created = 1767225600 // 2026-01-01
	h       = chain.Hardened

	btcMain chain.ID = "bip122:000000000019d6689c085ae165831e93"
	regtest chain.ID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
	sepolia chain.ID = "eip155:11155111"
	ethMain chain.ID = "eip155:1"

	cashTest chain.ID = "bip122:00000000000e38fef93ed9582a7df438"
)

// The wallets of the tests: public mnemonics and keys that everyone knows.
var (
	btc, btc2, btcKey, btcReal = sid(1), sid(2), sid(3), sid(4)
	eth, ethReal, ethKey       = sid(5), sid(6), sid(7)
	sol                        = sid(8)
	bch                        = sid(9)
	keys                       *keystore.Keystore
	reg                        = registry.New()
)

func sid(b byte) bundle.SignatureID { return bundle.SignatureID{0: b, 6: 0x40, 8: 0x80} }

func TestMain(m *testing.M) {
	home, err := os.MkdirTemp("", "review")
	if err != nil {
		panic(err)
	}
	if keys, err = keystore.Create(home, []byte("correct horse battery"), reg); err != nil {
		panic(err)
	}
	const junk, about = "test test test test test test test test test test test junk", "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	for _, w := range []struct {
		id      bundle.SignatureID
		chain   string
		testnet bool
		text    string
	}{
		{btc, "BTC", true, junk}, {btc2, "BTC", true, about}, {btcKey, "BTC", true, "cV6NTLu255SZ5iCNkVHezNGDH5qv6CanJpgBPqYgJU13NNKJhRs1"},
		{btcReal, "BTC", false, junk}, {eth, "ETH", true, junk}, {ethReal, "ETH", false, junk},
		{ethKey, "ETH", true, "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"}, {sol, "SOL", true, junk}, {bch, "BCH", true, junk},
	} {
		if _, err := keys.Import(w.id, w.chain, w.testnet, []byte(w.text), time.Unix(created, 0)); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	os.RemoveAll(home)
	os.Exit(code)
}

// online is the other half.
type online struct{ key ed25519.PrivateKey }

func (d online) Public() ed25519.PublicKey     { return d.key.Public().(ed25519.PublicKey) }
func (d online) Sign(m []byte) ([]byte, error) { return ed25519.Sign(d.key, m), nil }

var other = online{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))}

// carried makes a bundle of requests as it arrives.
func carried(t testing.TB, reqs ...bundle.Request) *bundle.Bundle {
	t.Helper()
	var items [][]byte
	for _, r := range reqs {
		item, err := bundle.EncodeItem(r)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	raw, err := bundle.Seal(bundle.Header{Kind: bundle.Requests, Recipient: bundle.DeviceID{1}, Sequence: 1, Created: created, Expires: created + 259200}, items, other)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(raw, other.Public())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ledger is a Ledger in memory.
type ledger map[bundle.ID]journal.Decision

func (l ledger) Bound(id bundle.ID) (journal.Decision, bool) { d, ok := l[id]; return d, ok }

func reviewer(t testing.TB, preset string, l ledger) *Reviewer {
	t.Helper()
	p, err := policy.Preset(preset)
	if err != nil {
		t.Fatal(err)
	}
	return &Reviewer{Networks: reg, Keys: keys, Ledger: l, Policy: p, Now: created + 60}
}

func explain(t testing.TB, reqs ...bundle.Request) *Batch {
	t.Helper()
	b, err := reviewer(t, "strict", nil).Batch(carried(t, reqs...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ref names a key truly.
func ref(t testing.TB, id bundle.SignatureID, sign bool, path ...uint32) bundle.KeyRef {
	t.Helper()
	k, err := keys.Key(id, path)
	if err != nil {
		t.Fatal(err)
	}
	return bundle.KeyRef{SignatureID: id, Path: append([]uint32{}, path...), Curve: k.Public().Curve(), Key: k.Public().Bytes(), Sign: sign}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pays is the P2WPKH script of a key.
func pays(key []byte) []byte { return append([]byte{0, 20}, address.Hash160(key)...) }

// stranger is a script of nobody here.
var stranger = append([]byte{0, 20}, bytes.Repeat([]byte{0x77}, 20)...)

// coin makes a proven input of the given amount that the script guards.
func coin(t testing.TB, script []byte, amount int64) bitcoin.Input {
	t.Helper()
	prev := wire.NewMsgTx(2)
	prev.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 1}, []byte{0x51}, nil))
	prev.AddTxOut(wire.NewTxOut(amount, script))
	var raw bytes.Buffer
	if err := prev.Serialize(&raw); err != nil {
		t.Fatal(err)
	}
	return bitcoin.Input{Outpoint: bitcoin.Outpoint{TxID: bitcoin.Hash(prev.TxHash()), Index: 0}, Sequence: 0xfffffffd, Previous: raw.Bytes()}
}

type output = bitcoin.Output

// psbt is a request that spends one coin of the first key named.
func psbt(t testing.TB, amount int64, out []output, refs ...bundle.KeyRef) bundle.Request {
	t.Helper()
	payload, err := bitcoin.BuildPSBT(2, 0, []bitcoin.Input{coin(t, pays(refs[0].Key), amount)}, out)
	if err != nil {
		t.Fatal(err)
	}
	return bundle.Request{ID: bundle.ID{0xb7, 0xc0, 1}, Network: regtest, Keys: refs, Payload: payload}
}

func addr(t testing.TB, s string) *[20]byte {
	t.Helper()
	a, err := evm.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return &a
}

const friend, usdt = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0xdAC17F958D2ee523a2206206994597C13D831ec7"

// ether is a request of the given sender and network.
func ether(t testing.TB, n chain.ID, to string, wei *big.Int, data []byte, refs ...bundle.KeyRef) bundle.Request {
	t.Helper()
	id, ok := evm.ChainID(n)
	if !ok {
		t.Fatal(n)
	}
	f := evm.Fields{Type: evm.Dynamic, ChainID: id, Nonce: 7, MaxPriority: big.NewInt(1e9), MaxFee: big.NewInt(30e9), GasLimit: 60_000,
		To: addr(t, to), Value: wei, Data: data}
	return bundle.Request{ID: bundle.ID{0xe7, 0x40, 1}, Network: n, Keys: refs, Payload: f.Encode()}
}

var (
	ethPath = []uint32{44 | h, 60 | h, 0 | h, 0, 0}
	tethPth = []uint32{44 | h, 1 | h, 0 | h, 0, 0}
)

// lamports is a transfer of a Solana wallet to somebody.
func lamports(t testing.TB, amount uint64, refs ...bundle.KeyRef) bundle.Request {
	t.Helper()
	from, to := [32]byte(refs[0].Key), [32]byte(other.Public())
	m, err := solana.Compile(from, [32]byte{5}, solana.SystemTransfer(from, to, amount))
	if err != nil {
		t.Fatal(err)
	}
	return bundle.Request{ID: bundle.ID{0x50, 0x1a, 1}, Network: solNetwork(t), Keys: refs, Payload: m}
}

// solNetwork is a test network of Solana.
func solNetwork(t testing.TB) chain.ID {
	t.Helper()
	ch, _ := reg.ByName("SOL")
	for _, n := range ch.Networks {
		if n.Testnet {
			return n.ID
		}
	}
	t.Fatal("Solana has no test network")
	return ""
}

func solPath(t testing.TB) []uint32 {
	t.Helper()
	p, err := keys.Path(sol, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// transfer is the call data of ERC-20's transfer.
func transfer(t testing.TB, to string, units int64) []byte {
	t.Helper()
	a := addr(t, to)
	b := append(unhex(t, "a9059cbb"), make([]byte, 12)...)
	b = append(b, a[:]...)
	return append(b, big.NewInt(units).FillBytes(make([]byte, 32))...)
}
