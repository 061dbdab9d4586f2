package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
)

// depth is how many confirmations a payment needs here, except on Solana.
const depth = 2

// world is what all tests share.
type world struct {
	*halves.Halves
	btc       *fund.Bitcoin
	eth       *fund.EVM
	sol       *fund.Solana
	tap       *tap // between the online half and btcd
	wallet    struct{ btc, eth, sol halves.Wallet }
	key, back fund.Key
	networks  []halves.Network
	files     int
	posts     int
}

var w *world // set once, by TestMain

func TestMain(m *testing.M) { os.Exit(all(m)) }

func all(m *testing.M) int {
	dir, err := os.MkdirTemp("", "coldsign-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	var stops []func()
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	if w, stops, err = begin(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	code := m.Run()
	if err := w.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return code
}

// begin builds, starts and funds everything. What is to be stopped it returns
// in any case.
func begin(ctx context.Context, dir string) (w *world, stops []func(), err error) {
	w = &world{Halves: &halves.Halves{Dir: dir}}
	stops = append(stops, w.Kill)
	var nodes [3]*rig.Node
	var errs [4]error
	var wg sync.WaitGroup
	wg.Go(func() { w.Programs, errs[3] = halves.BuildQuick(ctx, dir) })
	for i, kind := range []rig.Kind{rig.KindBtcd, evmNode, rig.KindSolana} {
		wg.Go(func() { nodes[i], errs[i] = rig.Start(ctx, kind) })
	}
	wg.Wait()
	for _, n := range nodes {
		if n != nil {
			stops = append(stops, n.Stop)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return w, stops, err
	}
	if w.btc, err = fund.NewBitcoin(nodes[0].URL, nodes[0].User, nodes[0].Password); err != nil {
		return w, stops, err
	}
	if w.eth, err = fund.NewEVM(ctx, nodes[1].URL); err != nil {
		return w, stops, err
	}
	if w.sol, err = fund.NewSolana(ctx, nodes[2].URL); err != nil {
		return w, stops, err
	}
	if w.tap, err = newTap(nodes[0].URL); err != nil {
		return w, stops, err
	}
	stops = append(stops, w.tap.Close)
	if err := w.Init(ctx); err != nil {
		return w, stops, err
	}
	if err := w.makeWallets(ctx); err != nil {
		return w, stops, err
	}
	w.networks = []halves.Network{
		{Chain: "BTC", Name: "regtest", RPC: w.tap.URL, User: nodes[0].User, Password: nodes[0].Password, Confirmations: depth},
		{Chain: "ETH", Name: evmNetwork, RPC: nodes[1].URL, Confirmations: depth},
		{Chain: "SOL", Name: "localnet", RPC: nodes[2].URL, Confirmations: 32},
	}
	err = w.Configure(ctx, w.networks...)
	if err != nil {
		return w, stops, err
	}
	return w, stops, w.Serve(ctx)
}

func (w *world) makeWallets(ctx context.Context) (err error) {
	if w.wallet.btc, err = w.NewWallet(ctx, "BTC"); err != nil {
		return err
	}
	if w.wallet.eth, err = w.NewWallet(ctx, "ETH"); err != nil {
		return err
	}
	if w.wallet.sol, err = w.NewWallet(ctx, "SOL"); err != nil {
		return err
	}
	if w.key, err = w.BitcoinKey(ctx, w.wallet.btc.SignatureID, "0"); err != nil {
		return err
	}
	if w.back, err = w.BitcoinKey(ctx, w.wallet.btc.SignatureID, "1"); err != nil {
		return err
	}
	ether := new(big.Int).Mul(big.NewInt(10), big.NewInt(1e18))
	return errors.Join(w.ShareKeys(ctx), w.eth.Fund(ctx, ether, w.wallet.eth.Address),
		w.sol.Fund(ctx, 10_000_000_000, w.wallet.sol.Address))
}

// tap passes requests on to btcd. When it is armed, it passes the next
// sendrawtransaction on, calls the function, and never answers.
type tap struct {
	*httptest.Server
	armed atomic.Pointer[func()]
}

func newTap(node string) (*tap, error) {
	u, err := url.Parse(node)
	if err != nil {
		return nil, err
	}
	t, pass := &tap{}, httputil.NewSingleHostReverseProxy(u)
	t.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !bytes.Contains(body, []byte(`"sendrawtransaction"`)) {
			pass.ServeHTTP(rw, r)
			return
		}
		strike := t.armed.Swap(nil)
		if strike == nil {
			pass.ServeHTTP(rw, r)
			return
		}
		pass.ServeHTTP(httptest.NewRecorder(), r)
		(*strike)()
		panic(http.ErrAbortHandler)
	}))
	return t, nil
}

// deadline bounds a test that waits for something that does not come.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused wants an error of a command with the code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	if got := halves.CodeOf(err); got != code {
		t.Errorf("got %q, want code %s: %v", got, code, err)
	}
}

// file is a new name on the medium.
func (w *world) file(kind string) string {
	w.files++
	return fmt.Sprintf("%s-%d.cbor", kind, w.files)
}

func (w *world) bytes(t *testing.T, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join(w.Dir, name)))(t)
}

func (w *world) post(t *testing.T, s halves.Submission) halves.Row {
	t.Helper()
	w.posts++
	r := must(w.Submit(deadline(t), fmt.Sprintf("e2e-%d", w.posts), s))(t)
	if r.State != "pending" {
		t.Fatalf("a new transaction is %s", r.State)
	}
	return r
}

func (w *world) state(t *testing.T, id string) halves.Row {
	t.Helper()
	return must(w.Get(deadline(t), id))(t)
}

// cross carries what is pending across the gap and the answer back, and gives
// the names of both files and the review.
func (w *world) cross(t *testing.T, items int) (requests, answers string, review halves.Review) {
	t.Helper()
	ctx := deadline(t)
	requests, answers = w.file("requests"), w.file("answers")
	x := must(w.Export(ctx, requests))(t)
	if x.Items != items || x.Repeat {
		t.Fatalf("exported %+v, not %d new items", x, items)
	}
	review = must(w.Review(ctx, requests))(t)
	if review.Digest != x.Digest || len(review.Items) != items {
		t.Fatalf("reviewed %d items of %s, exported %d of %s", len(review.Items), review.Digest, items, x.Digest)
	}
	if _, err := w.Sign(ctx, requests, answers, review.Digest); err != nil && halves.CodeOf(err) != "sign.refused" {
		t.Fatal(err)
	}
	return requests, answers, review
}

// settle mines until every row has come to an end, which must be complete.
func (w *world) settle(t *testing.T, ids ...string) map[string]halves.Row {
	t.Helper()
	ctx, rows := deadline(t), map[string]halves.Row{}
	ok(t, fund.Wait(ctx, "the end of all transactions", func() (bool, error) {
		for _, id := range ids {
			r, err := w.Get(ctx, id)
			if err != nil {
				return false, err
			}
			switch rows[id] = r; r.State {
			case "complete":
			case "signed", "broadcasting", "broadcast":
				select {
				case <-ctx.Done():
				case <-time.After(200 * time.Millisecond): // blocks come no faster
				}
				return false, errors.Join(w.btc.Mine(1), w.eth.Mine(ctx, 1))
			default:
				return false, fmt.Errorf("transaction %s is %s: %s %s", id, r.State, r.Code, r.Reason)
			}
		}
		return true, nil
	}))
	return rows
}
