package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"coldsign/scripts/halves"
)

// What tatum-kms 8.0.1 needs for one payment, with its network calls on loopback and one
// wallet in its file, and with 25,001; measured once, on another machine of two cores.
const (
	daemonBTC, daemonETH, daemonSOL = 4.70, 4.25, 6.94 // ms
	daemonMany                      = 410.0            // ms, ETH
	manyWallets                     = 25_001
)

// batches takes a thousand pending payments across and back, by the shipped programs.
func batches(dir string) error {
	fmt.Printf("\n%-56s %9s %9s %9s %9s %12s\n", "1,000 pending across and back, seconds", "export", "review", "sign", "import", "than before")
	for _, b := range []struct {
		chains []string
		more   int
		daemon float64 // ms for each
	}{
		{[]string{"ETH"}, 0, daemonETH}, {[]string{"BTC"}, 0, daemonBTC}, {[]string{"SOL"}, 0, daemonSOL},
		{[]string{"BTC", "ETH", "SOL"}, 0, (daemonBTC + daemonETH + daemonSOL) / 3},
		{[]string{"ETH"}, manyWallets, daemonMany},
	} {
		name := fmt.Sprintf("%v, %d wallets more", b.chains, b.more)
		if err := batchOf(filepath.Join(dir, fmt.Sprint("batch", len(b.chains), b.chains[0], b.more)), name, b.chains, b.more, b.daemon); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func batchOf(dir, name string, chains []string, more int, daemon float64) error {
	ctx := context.Background()
	bin, err := filepath.Abs("bin")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	h := &halves.Halves{Programs: halves.Programs{Online: bin + "/coldsign-online", Offline: bin + "/coldsign-offline"}, Dir: dir}
	if err := h.Init(ctx); err != nil {
		return err
	}
	if more > 0 {
		if err := os.WriteFile(h.Path("wallet.dat"), walletDat(0, more), 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(h.Path("old"), []byte(passphrase+"\n"), 0o600); err != nil {
			return err
		}
		if _, err := h.Offline(ctx, "wallet", "import", "--tatum", "wallet.dat", "--tatum-passphrase-file", "old"); err != nil {
			return err
		}
	}
	networks := map[string]halves.Network{
		"BTC": {Chain: "BTC", Name: "regtest"}, "ETH": {Chain: "ETH", Name: "sepolia"}, "SOL": {Chain: "SOL", Name: "devnet"},
	}
	wallets := map[string]wallet{}
	var list []halves.Network
	for _, c := range chains {
		w, err := h.NewWallet(ctx, c)
		if err != nil {
			return err
		}
		wallets[c] = wallet{SignatureID: w.SignatureID, PublicKey: w.PublicKey, Chain: c}
		n := networks[c]
		n.RPC, n.Confirmations = "http://127.0.0.1:9", 1 // nobody is there: what is signed waits
		list = append(list, n)
	}
	if err := h.ShareKeys(ctx); err != nil {
		return err
	}
	if err := h.Configure(ctx, list...); err != nil {
		return err
	}
	if err := fillPending(ctx, h, chains, wallets, networks); err != nil {
		return err
	}
	return across(ctx, h, name, daemon)
}

// fillPending submits a thousand payments.
func fillPending(ctx context.Context, h *halves.Halves, chains []string, wallets map[string]wallet, networks map[string]halves.Network) error {
	if err := h.Serve(ctx); err != nil {
		return err
	}
	for i := range 1000 {
		c := chains[i%len(chains)]
		r, err := request(wallets[c], i/len(chains), 0)
		if err != nil {
			return err
		}
		text := base64.StdEncoding.EncodeToString(r.Payload)
		if c == "ETH" {
			text = "0x" + hex.EncodeToString(r.Payload)
		}
		raw, err := json.Marshal(text)
		if err != nil {
			return err
		}
		if _, err := h.Submit(ctx, fmt.Sprint("batch", i), halves.Submission{Chain: c, Network: networks[c].Name, Hashes: []string{wallets[c].SignatureID}, Transaction: raw}); err != nil {
			return err
		}
	}
	return h.Stop()
}

// across times each step of the way, and holds the end to a thousand signatures.
func across(ctx context.Context, h *halves.Halves, name string, daemon float64) error {
	var took [4]time.Duration
	began := time.Now()
	step := func(i int) { took[i] = time.Since(began); began = time.Now() }
	x, err := h.Export(ctx, "requests.cbor")
	if err != nil {
		return err
	}
	step(0)
	if _, err := h.Review(ctx, "requests.cbor"); err != nil {
		return err
	}
	step(1)
	if _, err := h.Sign(ctx, "requests.cbor", "answers.cbor", x.Digest); err != nil {
		return err
	}
	step(2)
	in, err := h.Import(ctx, "answers.cbor")
	if err != nil {
		return err
	}
	step(3)
	if in.Signed != 1000 {
		return fmt.Errorf("%d of 1000 were signed", in.Signed)
	}
	all := took[0] + took[2] + took[3]
	fmt.Printf("%-56s %9.2f %9.2f %9.2f %9.2f %11.1fx\n", name, took[0].Seconds(), took[1].Seconds(), took[2].Seconds(), took[3].Seconds(), daemon/all.Seconds())
	return nil
}
