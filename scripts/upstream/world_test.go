// Package upstream holds tests of both programs as the client of a Tatum account: a
// stand-in for the account, the wallet.dat of its former signer, and real nodes.
package upstream

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
	"coldsign/scripts/tatum"
)

// The wallets of testdata/migrate/testnet.dat, whose keys are private keys.
const (
	btcWallet = "7482abd3-acd6-4bc0-8830-4c81edfae942"
	ethWallet = "0f105a47-7d9b-434e-8d7e-3af2c57a8c7e"

	btcAddress = "n118YqfT1hk8uvXcqcy4fwLDfVQfJpQTaS"
	ethAddress = "0x22310Bf73bC88ae2D2c9a29Bd87bC38FBAc9e6b0"

	apiKey = "t-0123456789abcdef-secret"
	depth  = 2
)

// world is an installation whose list is an account's.
type world struct {
	*halves.Halves
	*tatum.Server
	btc   *fund.Bitcoin
	eth   *fund.EVM
	nodes [2]*rig.Node
	from  [2]string // addresses of the wallets
	files int
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T { t.Helper(); ok(t, err); return v }
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

var programs = sync.OnceValues(func() (halves.Programs, error) {
	dir, err := os.MkdirTemp("", "coldsign-upstream-")
	if err != nil {
		return halves.Programs{}, err
	}
	return halves.BuildQuick(context.Background(), dir)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if p, err := programs(); err == nil {
		os.RemoveAll(filepath.Dir(p.Online))
	}
	os.Exit(code)
}

// newWorld moves a signer: its wallet.dat is imported, its account is polled.
func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := deadline(t)
	w := &world{Halves: &halves.Halves{Dir: t.TempDir()}}
	w.nodes = [2]*rig.Node{rig.Btcd(t), rig.Anvil(t)}
	w.Programs = must(programs())(t)
	w.btc = must(fund.NewBitcoin(w.nodes[0].URL, w.nodes[0].User, w.nodes[0].Password))(t)
	t.Cleanup(w.btc.Close)
	w.eth = must(fund.NewEVM(ctx, w.nodes[1].URL))(t)
	w.Server = tatum.New(apiKey)
	t.Cleanup(w.Server.Close)
	w.Server.Send = w.send
	ok(t, w.Init(ctx))
	root := must(rig.Root())(t)
	dat := filepath.Join(root, "testdata", "migrate")
	if _, err := w.Offline(ctx, "wallet", "import", "--tatum", filepath.Join(dat, "testnet.dat"), "--tatum-passphrase-file", filepath.Join(dat, "passphrase"), "--partial"); err != nil {
		t.Fatal(err)
	}
	ok(t, w.ShareKeys(ctx))
	must(w.Offline(ctx, "policy", "set", "--preset", "compat"))(t)
	w.from = [2]string{btcAddress, ethAddress}
	ok(t, w.eth.Fund(ctx, new(big.Int).Mul(big.NewInt(10), big.NewInt(1e18)), w.from[1]))
	ok(t, w.Configure(ctx,
		halves.Network{Chain: "BTC", Name: "regtest", RPC: w.nodes[0].URL, User: w.nodes[0].User, Password: w.nodes[0].Password, Confirmations: depth},
		halves.Network{Chain: "ETH", Name: "local", RPC: w.nodes[1].URL, Confirmations: depth}))
	f := must(os.OpenFile(w.Path("online/config.toml"), os.O_APPEND|os.O_WRONLY, 0))(t)
	_, err := fmt.Fprintf(f, "[upstream]\nurl = %q\napi_key_file = \"tatum-key\"\nperiod = \"1s\"\n", w.Server.URL)
	ok(t, errors.Join(err, f.Close(), os.WriteFile(w.Path("online/tatum-key"), []byte(apiKey+"\n"), 0o600)))
	t.Cleanup(w.Kill)
	return w
}

// send is how the account broadcasts: by the same nodes.
func (w *world) send(path, txData string) (string, error) {
	n, method := w.nodes[0], "sendrawtransaction"
	if strings.Contains(path, "ethereum") {
		n, method = w.nodes[1], "eth_sendRawTransaction"
	}
	body, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": []any{txData}})
	req, err := http.NewRequest("POST", n.URL, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(n.User, n.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var out struct {
		Result string
		Error  *struct{ Message string }
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return "", err
	}
	if out.Error != nil {
		return "", errors.New(out.Error.Message)
	}
	return out.Result, nil
}

func newID() string {
	var b [12]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// payment is one that the account wants signed.
type payment struct{ id, chain, to, amount string }

// listBitcoin has the account list a payment of a new coin.
func (w *world) listBitcoin(t *testing.T) payment {
	t.Helper()
	coin := must(w.btc.Fund(1_000_000, w.from[0]))(t)[0]
	p := payment{newID(), "BTC", must(fund.NewBitcoinAddress())(t), "400000"}
	tx := must(tatum.Bitcoin([]tatum.Coin{{TxID: coin.Tx.TxHash().String(), Index: coin.Index, Satoshi: 1_000_000, Script: coin.Tx.TxOut[coin.Index].PkScript}},
		[]tatum.Pay{{Satoshi: 400_000, Script: must(fund.Script(p.to))(t)}, {Satoshi: 599_000, Script: coin.Tx.TxOut[coin.Index].PkScript}}))(t)
	w.List(tatum.Record{"id": p.id, "chain": "BTC", "hashes": []string{btcWallet}, "serializedTransaction": tx})
	return p
}

// listEthereum lists one that leaves nonce, gas and gas price to the signer.
func (w *world) listEthereum(t *testing.T) payment {
	t.Helper()
	p := payment{newID(), "ETH", must(fund.NewEVMAddress())(t), "1000000000000000"}
	w.List(tatum.Record{"id": p.id, "chain": "ETH", "hashes": []string{ethWallet},
		"serializedTransaction": fmt.Sprintf(`{"from":0,"to":%q,"value":%q}`, strings.ToLower(p.to), p.amount)})
	return p
}

// row is one of the online half, zero while there is none.
func (w *world) row(t *testing.T, id string) (r halves.Row) {
	t.Helper()
	for _, r := range w.rows(t) {
		if r.ID == id {
			return r
		}
	}
	return r
}

func (w *world) rows(t *testing.T) (list []halves.Row) {
	t.Helper()
	ok(t, halves.Read(&list)(w.Online(deadline(t), "pending", "--json")))
	return list
}

// reaches waits until each row is in one of the states.
func (w *world) reaches(t *testing.T, states string, list ...payment) {
	t.Helper()
	ok(t, fund.Wait(deadline(t), states, func() (bool, error) {
		all := true
		for _, p := range list {
			r := w.row(t, p.id)
			all = all && r.State != "" && strings.Contains(states, r.State)
		}
		return all, nil
	}))
}

// cross takes what is pending across the gap and back.
func (w *world) cross(t *testing.T, items int) {
	t.Helper()
	w.take(t, w.sign(t, items))
}

func (w *world) sign(t *testing.T, items int) (answers string) {
	t.Helper()
	ctx := deadline(t)
	w.files++
	requests, answers := fmt.Sprintf("requests-%d.cbor", w.files), fmt.Sprintf("answers-%d.cbor", w.files)
	x := must(w.Export(ctx, requests))(t)
	if x.Items != items {
		t.Fatalf("exported %+v, not %d items", x, items)
	}
	must(w.Review(ctx, requests))(t)
	if s := must(w.Sign(ctx, requests, answers, x.Digest))(t); s.Signed != items {
		t.Fatalf("signed %+v, not %d items", s, items)
	}
	return answers
}

func (w *world) take(t *testing.T, answers string) {
	t.Helper()
	must(w.Import(deadline(t), answers))(t)
}

// complete mines until all are.
func (w *world) complete(t *testing.T, list ...payment) {
	t.Helper()
	ctx := deadline(t)
	ok(t, fund.Wait(ctx, "the end", func() (bool, error) {
		all := true
		for _, r := range w.rows(t) {
			all = all && r.State == "complete"
		}
		if all {
			return true, nil
		}
		return false, errors.Join(w.btc.Mine(1), w.eth.Mine(ctx, 1))
	}))
	for _, p := range list {
		w.paid(t, p)
	}
}

// paid wants the payment on its chain, once, and the account to know it.
func (w *world) paid(t *testing.T, p payment) {
	t.Helper()
	r := w.row(t, p.id)
	ok(t, fund.Wait(deadline(t), "what the account knows of "+p.chain, func() (bool, error) { return w.TxID(p.id) != "", nil }))
	if got := w.TxID(p.id); got != r.TxID {
		t.Errorf("%s: the account knows %s, the row is %s", p.chain, got, r.TxID)
	}
	if p.chain == "BTC" {
		if n := must(w.btc.Payments(p.to))(t); n != 1 {
			t.Errorf("%d transactions pay %s", n, p.to)
		}
		return
	}
	if have := must(w.eth.Balance(deadline(t), p.to))(t); have.String() != p.amount {
		t.Errorf("%s has %s, not %s", p.to, have, p.amount)
	}
}

func isBroadcast(path string) bool { return strings.HasSuffix(path, "/broadcast") }

func txDataOf(body string) string {
	var in struct{ TxData string }
	json.Unmarshal([]byte(body), &in) //nolint:errcheck // "" is sent then
	return in.TxData
}
