package desk

import (
	"fmt"
	"os"
	"testing"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/evm"
	"coldsign/shared/hd"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	walletID = "33333333-3333-4333-8333-333333333333"
	payee    = "0x000000000000000000000000000000000000dEaD"
)

// wallet puts a wallet of a test network in.
func (w *world) wallet() {
	w.t.Helper()
	must(w.t, w.store.PutWallets(w.t.Context(), []bundle.Wallet{walletOf(w.t, walletID, "test test test test test test test test test test test junk")}))
}

// walletOf gives the public keys of a mnemonic.
func walletOf(t *testing.T, name, words string) bundle.Wallet {
	t.Helper()
	seed, err := hd.SeedFromText([]byte(words), nil)
	must(t, err)
	m, err := hd.NewMaster(seed)
	must(t, err)
	path := evm.Wallet{}.Derivation().Account(true)
	k, err := m.Derive(path)
	must(t, err)
	id, err := bundle.ParseSignatureID(name)
	must(t, err)
	pub, print := k.Public(), m.Fingerprint()
	code := pub.ChainCode()
	return bundle.Wallet{SignatureID: id, Chain: "ETH", Testnet: true, Curve: chain.Secp256k1,
		Key: pub.Key().Bytes(), ChainCode: code[:], Fingerprint: print[:], Path: path}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pay makes a row that pays milliether.
func (w *world) pay(nonce, milliether int, change ...func(*intake.Submission)) pending.Transaction {
	w.t.Helper()
	v, err := strictjson.Parse(fmt.Appendf(nil, `{"type": "0x2", "to": %q, "value": "%d000000000000000", "nonce": %d, "gas": "21000", "maxFeePerGas": "30000000000", "maxPriorityFeePerGas": "1000000000"}`,
		payee, milliether, nonce))
	must(w.t, err)
	index := uint32(0)
	s := intake.Submission{Chain: "ETH", Network: "sepolia", Hashes: []string{walletID}, Index: &index, Transaction: v, Requester: "shop"}
	for _, f := range change {
		f(&s)
	}
	row, _, err := w.desk.Intake.Accept(w.t.Context(), "default", s)
	must(w.t, err)
	_, err = w.store.Create(w.t.Context(), row, store.Idempotency{})
	must(w.t, err)
	return *row
}
