package evm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/create"
	"coldsign/online/internal/create/evm"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/scripts/postgres"
	"coldsign/shared/fault"
)

// nonceOf is that of a row's record.
func nonceOf(t *testing.T, row *pending.Transaction) uint64 {
	t.Helper()
	var r struct{ Nonce string }
	if err := json.Unmarshal([]byte(row.Serialized), &r); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(r.Nonce, "0x"), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// counts sets what the node says of the account: by its blocks, and with its pool.
func (r *rig) counts(mined, pool uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.says["eth_getTransactionCount"] = func(params []json.RawMessage) (any, *nodetest.Error) {
		if string(params[1]) == `"pending"` {
			return fmt.Sprintf("0x%x", pool), nil
		}
		return fmt.Sprintf("0x%x", mined), nil
	}
}

// later lets what was asked be asked again.
func (r *rig) later() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(time.Hour)
}

// moments pass, after which a node is asked again.
func (r *rig) moments() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(2 * time.Second)
}

// TestParallel: fifty creations at once from one account have fifty consecutive
// nonces; on PostgreSQL, where there may be several servers, though two make them that
// know nothing of each other.
func TestParallel(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		r := newRig(t)
		r.parallel(r.Creator)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server, err := postgres.Start(postgres.Fast)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Stop)
		where, err := server.Database("parallel")
		if err != nil {
			t.Fatal(err)
		}
		r := newRigAt(t, where)
		other, err := store.Open(t.Context(), where, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { other.Close() })
		r.parallel(r.Creator, &create.Creator{Store: other, Intake: r.Intake, Nodes: r.Nodes, Builders: map[string]create.Builder{"eip155": evm.New(time.Now)}})
	})
}

func (r *rig) parallel(creators ...*create.Creator) {
	r.counts(7, 7)
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[uint64]int{}
	for i := range 50 {
		all.Go(func() {
			row, err := r.by(creators[i%len(creators)], eth(), pays(`"data":"`+fmt.Sprintf("%04x", i)+`"`), "")
			if err != nil {
				r.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[nonceOf(r.T, row)]++
		})
	}
	all.Wait()
	for n := range uint64(50) {
		if got[7+n] != 1 {
			r.Fatalf("nonces %v", slices.Sorted(maps.Keys(got)))
		}
	}
}

// TestNonces: the lowest that nobody has used, of all that may have used one.
func TestNonces(t *testing.T) {
	r := newRig(t)
	next := func(want uint64, more ...string) *pending.Transaction {
		t.Helper()
		row := r.must(r.create(eth(), pays(more...)))
		if got := nonceOf(t, row); got != want {
			t.Fatalf("nonce %d, want %d", got, want)
		}
		return row
	}
	next(0)
	one := next(1)
	next(2)
	// What a cancelled row leaves free is filled: all that come later wait for it.
	if _, err := r.store.Cancel(t.Context(), r.tenant, one.ID); err != nil {
		t.Fatal(err)
	}
	r.later()
	next(1)
	next(3)
	// What somebody else sent counts, mined or not.
	r.counts(5, 9)
	r.later()
	next(9)
	// Fewer than before are of a node that lags: not 4, which a block has.
	r.counts(0, 0)
	r.moments()
	next(5)
	// Those that last for long are believed, and share no nonce that is used here.
	r.later()
	next(4)
	// One that the caller gives is kept, also with a gap before it, which is filled.
	next(20, `"nonce":20`)
	next(6)
	// Also where it is in a pool: that one is to be replaced.
	r.counts(0, 9)
	r.later()
	next(7, `"nonce":7`)
	// Not one that a live row has, and not one that is used.
	if _, err := r.create(eth(), pays(`"nonce":20`)); !fault.Is(err, "reservation.conflict") {
		t.Errorf("nonce 20 again: %v", err)
	}
	r.counts(30, 30)
	r.later()
	if _, err := r.create(eth(), pays(`"nonce":29`)); err == nil || !strings.Contains(err.Error(), "must be 30 or more") {
		t.Errorf("a used nonce: %v", err)
	}
	next(30, `"nonce":30`)
	// A node that names a nonce far beyond is not believed, nor one that does so once.
	r.mu.Lock()
	honest := r.says["eth_getTransactionCount"].(func([]json.RawMessage) (any, *nodetest.Error))
	r.says["eth_getTransactionCount"] = func(params []json.RawMessage) (any, *nodetest.Error) {
		if string(params[1]) == `"0x10"` { // Next asks by the block's number
			return "0xffffff", nil
		}
		return honest(params)
	}
	r.mu.Unlock()
	r.later()
	next(31)
	for _, absurd := range [][2]uint64{{30, 1 << 40}, {1 << 60, 1 << 60}, {1<<64 - 1, 1<<64 - 1}} {
		r.counts(absurd[0], absurd[1])
		r.later()
		if _, err := r.create(eth(), pays()); !fault.Is(err, "create.node") {
			t.Errorf("%d: %v", absurd, err)
		}
	}
}

// TestManyWait: the free nonce behind many that are reserved is found.
func TestManyWait(t *testing.T) {
	r := newRig(t)
	for n := range uint64(520) {
		row := r.must(r.create(eth(), pays()))
		if got := nonceOf(t, row); got != n {
			t.Fatalf("nonce %d, want %d", got, n)
		}
	}
	r.later()
	if got := nonceOf(t, r.must(r.create(eth(), pays()))); got != 520 {
		t.Errorf("nonce %d", got)
	}
}

// TestAskedOnce: nodes are asked once for what many creations need.
func TestAskedOnce(t *testing.T) {
	r := newRig(t)
	for range 20 {
		r.must(r.create(eth(), pays()))
	}
	if r.asked["eth_getTransactionCount"] != 3 || r.asked["eth_getBlockByNumber"] != 1 || r.asked["eth_estimateGas"] != 1 || r.asked["eth_chainId"] != 1 {
		t.Errorf("asked %v", r.asked)
	}
	r.later()
	r.must(r.create(eth(), pays()))
	if r.asked["eth_getTransactionCount"] != 6 || r.asked["eth_getBlockByNumber"] != 2 {
		t.Errorf("later, asked %v", r.asked)
	}
}

// TestHungUp: a caller that hangs up while the node is asked takes the answer from
// nobody else.
func TestHungUp(t *testing.T) {
	r := newRig(t)
	ctx, hangUp := context.WithCancel(t.Context())
	r.says["eth_chainId"] = func([]json.RawMessage) (any, *nodetest.Error) { hangUp(); return "0xaa36a7", nil }
	if _, err := r.Create(ctx, create.Caller{Tenant: r.tenant}, eth(), []byte(pays()), store.Idempotency{}); err == nil {
		t.Error("it was made for a caller that is gone")
	}
	r.must(r.create(eth(), pays()))
}

// TestRepeated: the same key and body give one row, also at once; another body with it
// is a conflict.
func TestRepeated(t *testing.T) {
	r := newRig(t)
	var all sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		all.Go(func() {
			row, err := r.keyed(eth(), pays(), "k")
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = row.ID.String()
		})
	}
	all.Wait()
	if slices.Sort(ids); ids[0] == "" || ids[0] != ids[len(ids)-1] {
		t.Errorf("ids %v", ids)
	}
	r.says["eth_chainId"] = "0x1" // what was accepted is answered whatever has changed
	r.later()
	if row := r.must(r.keyed(eth(), pays(), "k")); row.ID.String() != ids[0] {
		t.Error("another row for the same key")
	}
	if _, err := r.keyed(eth(), pays(`"nonce":50`), "k"); !fault.Is(err, "idempotency.conflict") {
		t.Errorf("another body: %v", err)
	}
}
