package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/scripts/postgres"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

// network is what the node of these tests serves.
const network, networkID = "eip155:11155111", 11155111

// ledger is an Ethereum node that mines what it is sent at once. Each replica has
// an address of its own for it, "/0", "/1", ..., so that one of them can be made to
// wait in the middle of sending.
type ledger struct {
	*httptest.Server
	mu    sync.Mutex
	raw   map[string][]byte // by transaction id
	sends map[string]int    // how often it was sent
	by    map[string]int    // how many first came by an address
	hang  atomic.Pointer[string]
	hung  chan struct{} // one for each that waits
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{raw: map[string][]byte{}, sends: map[string]int{}, by: map[string]int{}, hung: make(chan struct{}, 1000)}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Server.Close)
	return l
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct {
		ID     json.RawMessage   `json:"id"`
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		http.Error(w, "no call", http.StatusBadRequest)
		return
	}
	var first string
	if len(call.Params) > 0 {
		json.Unmarshal(call.Params[0], &first)
	}
	if path := l.hang.Load(); path != nil && *path == r.URL.Path && call.Method == "eth_sendRawTransaction" {
		l.hung <- struct{}{}
		<-r.Context().Done() // it got the bytes, and dies before it does anything with them
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": l.answer(r.URL.Path, call.Method, first)})
}

func (l *ledger) answer(by, method, first string) any {
	const block = "0x00000000000000000000000000000000000000000000000000000000000000aa"
	l.mu.Lock()
	defer l.mu.Unlock()
	switch method {
	case "eth_chainId":
		return fmt.Sprintf("0x%x", networkID)
	case "eth_blockNumber":
		return "0x64"
	case "eth_getBlockByNumber":
		return map[string]any{"hash": block}
	case "eth_getTransactionCount":
		return "0x0"
	case "eth_sendRawTransaction":
		raw, _ := hex.DecodeString(strings.TrimPrefix(first, "0x"))
		id := crypto.Keccak256Hash(raw).Hex()
		if l.sends[id]++; l.sends[id] == 1 {
			l.by[by]++
		}
		l.raw[id] = raw
		return id
	case "eth_getTransactionByHash", "eth_getTransactionReceipt":
		if l.raw[first] != nil {
			return map[string]any{"hash": first, "transactionHash": first, "blockHash": block, "blockNumber": "0x10", "status": "0x1"}
		}
	}
	return nil
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.raw)
}

// farm is a database with servers of the built program.
type farm struct {
	t       *testing.T
	program string
	address string // of the database
	store   *store.Store
	ledger  *ledger
	device  *courier.Device
	keys    string // folder of the device key
	next    int
}

func newFarm(t *testing.T) *farm {
	t.Helper()
	server, err := postgres.Start(postgres.Fast)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	f := &farm{t: t, program: filepath.Join(t.TempDir(), "coldsign-online"), ledger: newLedger(t), keys: t.TempDir()}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", f.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if f.address, err = server.Database("farm"); err != nil {
		t.Fatal(err)
	}
	if f.store, err = store.Open(t.Context(), f.address, time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.store.Close() })
	if f.device, err = courier.LoadOrCreateDevice(f.keys); err != nil {
		t.Fatal(err)
	}
	if err := f.store.SetPeer(t.Context(), bytes.Repeat([]byte{7}, 32), f.device.Public(), false); err != nil {
		t.Fatal(err)
	}
	return f
}

// home makes the home of one more replica: the same device key, the same database,
// its own way to the node.
func (f *farm) home(n int) string {
	f.t.Helper()
	home := f.t.TempDir()
	key, err := os.ReadFile(filepath.Join(f.keys, "device.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(home, "device.key"), key, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(home, "config.toml"), fmt.Appendf(nil, "[server]\ndatabase = %q\n[[network]]\nchain = \"ETH\"\nnetwork = \"sepolia\"\nrpc = \"%s/%d\"\nconfirmations = 1\n",
			f.address, f.ledger.URL, n), 0o600)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return home
}

// serve starts a replica, and gives what kills it.
func (f *farm) serve(home string) (kill func()) {
	f.t.Helper()
	cmd := exec.Command(f.program, "serve", "--home", home, "--listen", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		cmd.Stderr, err = os.Create(filepath.Join(f.t.TempDir(), "log"))
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "listening") {
		f.t.Fatalf("%q, %v", line, err)
	}
	var once sync.Once
	kill = func() {
		once.Do(func() {
			cmd.Process.Signal(syscall.SIGKILL)
			cmd.Wait()
		})
	}
	f.t.Cleanup(kill)
	return kill
}

// row makes a pending row with a real request.
func (f *farm) row() *pending.Transaction {
	f.t.Helper()
	f.next++
	p := &pending.Transaction{ID: store.NewID(), Tenant: "a", Chain: "ETH", Network: network, Hashes: []string{"00000000-0000-0000-0000-000000000001"}, Serialized: "{}"}
	var err error
	p.Request, err = bundle.EncodeItem(bundle.Request{
		ID: p.ID, Network: network, Payload: fmt.Appendf(nil, "payload %d", f.next),
		Keys: []bundle.KeyRef{{SignatureID: bundle.SignatureID{1}, Curve: chain.Secp256k1, Key: append([]byte{2}, bytes.Repeat([]byte{1}, 32)...), Sign: true}},
	})
	if err == nil {
		_, err = f.store.Create(f.t.Context(), p, store.Idempotency{Key: fmt.Sprint(f.next)})
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// signed makes n rows that are signed.
func (f *farm) signed(n int) (rows []*pending.Transaction) {
	f.t.Helper()
	key, err := crypto.ToECDSA(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.t.Fatal(err)
	}
	for range n {
		p := f.row()
		tx := types.MustSignNewTx(key, types.LatestSignerForChainID(big.NewInt(networkID)), &types.DynamicFeeTx{
			ChainID: big.NewInt(networkID), Nonce: uint64(f.next), GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(1), Gas: 21000, To: &common.Address{1}, Value: big.NewInt(1),
		})
		raw, err := tx.MarshalBinary()
		if err != nil {
			f.t.Fatal(err)
		}
		for _, e := range []pending.Event{pending.Export, pending.Seal} {
			if _, err := f.store.Move(f.t.Context(), p.ID, e, func(p *pending.Transaction) error {
				if p.Bundle = 1; e == pending.Seal {
					p.TxID, p.Raw = tx.Hash().Hex(), raw
				}
				return nil
			}); err != nil {
				f.t.Fatal(err)
			}
		}
		rows = append(rows, p)
	}
	return rows
}

// complete waits until all rows are complete, and checks that each came there once.
func (f *farm) complete(rows []*pending.Transaction) {
	f.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for _, p := range rows {
		for {
			got, err := f.store.Get(f.t.Context(), store.Any, p.ID)
			if err != nil {
				f.t.Fatal(err)
			}
			if got.State == pending.Complete {
				break
			}
			if time.Now().After(deadline) {
				f.t.Fatalf("row %s is %s: %s %s", p.ID, got.State, got.Code, got.Reason)
			}
			time.Sleep(20 * time.Millisecond)
		}
		list, err := f.store.Audit(f.t.Context(), p.ID, 0, 100)
		if err != nil {
			f.t.Fatal(err)
		}
		counts := map[string]int{}
		for _, e := range list {
			counts[e.Action]++
		}
		for _, action := range []pending.Event{pending.Intend, pending.Accept, pending.Confirm} {
			if counts[string(action)] != 1 {
				f.t.Errorf("row %s: %s happened %d times", p.ID, action, counts[string(action)])
			}
		}
	}
}

func TestReplicasShareTheWork(t *testing.T) {
	f := newFarm(t)
	for n := range 3 {
		f.serve(f.home(n))
	}
	rows := f.signed(240)
	f.complete(rows)
	twice := 0
	for _, n := range f.ledger.sends {
		if n > 1 {
			twice++
		}
	}
	t.Logf("first sent by each of three replicas: %v; sent more than once: %d of %d", f.ledger.by, twice, len(rows))
	if len(f.ledger.raw) != len(rows) || twice > len(rows)/10 {
		t.Errorf("%d transactions for %d rows, %d sent more than once", len(f.ledger.raw), len(rows), twice)
	}
}

// A replica is killed while it waits for the node, with rows in its hands.
func TestReplicaKilledIsTakenOver(t *testing.T) {
	f := newFarm(t)
	path := "/0"
	f.ledger.hang.Store(&path)
	kill := f.serve(f.home(0))
	rows := f.signed(40)
	select {
	case <-f.ledger.hung:
	case <-time.After(time.Minute):
		t.Fatal("nothing was sent")
	}
	f.serve(f.home(1))
	kill()
	killed := time.Now()
	for f.ledger.count() < len(rows) && time.Since(killed) < time.Minute {
		time.Sleep(5 * time.Millisecond)
	}
	took := time.Since(killed)
	f.complete(rows)
	t.Logf("the rows of a killed replica were all sent by the other after %.1f s", took.Seconds())
	if took > 30*time.Second {
		t.Errorf("that is too long")
	}
}

// Replicas are killed at random times, over and over.
func TestATT99ReplicasKilled(t *testing.T) {
	f := newFarm(t)
	homes := []string{f.home(0), f.home(1)}
	kills := []func(){f.serve(homes[0]), f.serve(homes[1])}
	var rows []*pending.Transaction
	for n := range 16 {
		rows = append(rows, f.signed(15)...)
		time.Sleep(time.Duration(n*17%50) * time.Millisecond) // anywhere in the work
		kills[n%2]()
		kills[n%2] = f.serve(homes[n%2])
	}
	f.complete(rows)
	if f.ledger.count() != len(rows) {
		t.Errorf("%d transactions for %d rows", f.ledger.count(), len(rows))
	}
	t.Logf("16 kills, %d payments, %d made, %d sent again with the same bytes", len(rows), f.ledger.count(), func() (n int) {
		for _, s := range f.ledger.sends {
			n += s - 1
		}
		return n
	}())
}

// Commands on several machines export at once.
func TestReplicasExportAtOnce(t *testing.T) {
	f := newFarm(t)
	const rows, each = 60, 4
	for range rows {
		f.row()
	}
	homes := []string{f.home(0), f.home(1)}
	dir := t.TempDir()
	type sent struct {
		Sequence uint64
		Items    int
		Repeat   bool
		Digest   string
		file     string
	}
	export := func(home, file string, more ...string) (s sent) {
		cmd := exec.Command(f.program, append([]string{"export", "--home", home, "--json", "--out", file}, more...)...)
		var errOut strings.Builder
		cmd.Stderr = &errOut
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		if err != nil {
			t.Errorf("%v: %s", err, errOut.String())
		}
		s.file = file
		return s
	}
	var mu sync.Mutex
	var bundles []sent
	var wait sync.WaitGroup
	for n := range 4 {
		wait.Go(func() {
			for i := 0; ; i++ {
				s := export(homes[n%2], filepath.Join(dir, fmt.Sprintf("%d-%d.cbor", n, i)), "--limit", fmt.Sprint(each))
				if s.Repeat || s.Items == 0 {
					return
				}
				mu.Lock()
				bundles = append(bundles, s)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	slices.SortFunc(bundles, func(a, b sent) int { return int(a.Sequence) - int(b.Sequence) })
	items := map[bundle.ID]bool{}
	var previous [32]byte
	for i, s := range bundles {
		raw, err := os.ReadFile(s.file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := bundle.Open(raw, f.device.Public())
		if err != nil {
			t.Fatal(err)
		}
		if s.Sequence != uint64(i+1) || b.Previous != previous {
			t.Errorf("bundle %d does not follow the one before it", s.Sequence)
		}
		previous = sha256.Sum256(raw)
		for n := range b.Len() {
			r, _, err := b.Request(n)
			if err != nil || items[r.ID] {
				t.Errorf("request %s twice, or %v", r.ID, err)
			}
			items[r.ID] = true
		}
		again := export(homes[i%2], filepath.Join(dir, "again.cbor"), "--bundle", fmt.Sprint(s.Sequence))
		repeated, err := os.ReadFile(again.file)
		if err != nil || !bytes.Equal(repeated, raw) {
			t.Errorf("bundle %d is not repeated byte for byte: %v", s.Sequence, err)
		}
	}
	if len(items) != rows {
		t.Errorf("%d requests of %d left, in %d bundles", len(items), rows, len(bundles))
	}
}
