package main

import (
	"bytes"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// TestATT118Soak is a short soak; `make soak` runs a long one. It does what ATT-95, 99
// and 117 ask for at random points.
func TestATT118Soak(t *testing.T) {
	var out bytes.Buffer
	clean, err := soak(t.Context(), built(t, plan{Time: 10 * time.Second, Settle: 90 * time.Second, Rate: 0.12}), &out)
	t.Logf("\n%s", out.String())
	if err != nil || !clean {
		t.Fatalf("clean %v, %v", clean, err)
	}
}

// TestATT118Replicas is the same with three servers on one PostgreSQL, whose processes
// and connections are killed too; the clocks of two of them are set by days.
func TestATT118Replicas(t *testing.T) {
	var out bytes.Buffer
	clean, err := soak(t.Context(), built(t, plan{Time: 5 * time.Second, Settle: 90 * time.Second, Rate: 0.12, Replicas: 3}), &out)
	t.Logf("\n%s", out.String())
	if err != nil || !clean {
		t.Fatalf("clean %v, %v", clean, err)
	}
}

// TestATT99ATT117KillPoints kills at every crash point, K1 to K14, by name;
// "make soak" does so a thousand times each.
func TestATT99ATT117KillPoints(t *testing.T) {
	var out bytes.Buffer
	clean, err := points(t.Context(), built(t, plan{Settle: 90 * time.Second}), 2, sorted(), false, &out)
	t.Logf("\n%s", out.String())
	if err != nil || !clean {
		t.Fatalf("clean %v, %v", clean, err)
	}
}

// honest is a world with two payments: one is made, one was cancelled.
func honest() *world {
	to := common.Address{1}
	amount := big.NewInt(5)
	tx := types.NewTx(&types.DynamicFeeTx{Nonce: 7, To: &to, Value: amount})
	txid := tx.Hash()
	return &world{
		payments: []*payment{
			{key: "a", to: to, nonce: 7, amount: amount, id: "01"},
			{key: "b", to: common.Address{2}, nonce: 8, amount: amount, id: "02", cancelled: true},
		},
		books: books{
			rows:   map[string]row{"01": {"01", "complete", txid.Hex(), "", 2000}, "02": {"02", "cancelled", "", "", 1000}},
			keys:   map[string][]string{"a": {"01"}, "b": {"02"}},
			signed: map[string][]string{"01": {"d1", "d1"}},
		},
		landed: map[common.Address][]landing{to: {{txid, depth}}},
		sent:   map[common.Hash]sent{txid: {tx, common.Address{}}},
		deep:   map[common.Hash]time.Time{txid: time.UnixMilli(2000)},
	}
}

// TestReconciler plants each lie that it is there to find.
func TestReconciler(t *testing.T) {
	if r := honest().compare(true); !r.clean() || r.Made != 1 || r.Cancelled != 1 || r.Intended != 2 {
		t.Fatalf("an honest world: %+v", r)
	}
	other := func(w *world, to common.Address) common.Hash {
		tx := types.NewTx(&types.DynamicFeeTx{Nonce: 9, To: &to, Value: big.NewInt(5)})
		w.sent[tx.Hash()] = sent{tx, common.Address{}}
		return tx.Hash()
	}
	to := common.Address{1}
	for name, c := range map[string]struct {
		plant func(*world)
		says  string // part of what is broken; "" for a count alone
	}{
		"paid twice":       {func(w *world) { w.landed[to] = append(w.landed[to], landing{other(w, to), 1}) }, "paid 2 times"},
		"another one sent": {func(w *world) { other(w, to) }, "2 different transactions"},
		"a cancelled one is paid": {func(w *world) {
			w.landed[common.Address{2}] = []landing{{other(w, common.Address{2}), 1}}
		}, "was cancelled"},
		"a stranger is paid": {func(w *world) {
			w.landed[common.Address{3}] = []landing{{other(w, common.Address{3}), 1}}
		}, "nobody asked"},
		"a second row":      {func(w *world) { w.keys["a"] = []string{"01", "03"} }, "2 rows"},
		"a row of nobody's": {func(w *world) { w.rows["04"] = row{id: "04"} }, "nobody's"},
		"a lost row":        {func(w *world) { delete(w.keys, "a") }, "API said"},
		"claims too much":   {func(w *world) { clear(w.deep) }, "was deep enough at"},
		"claims too early":  {func(w *world) { w.rows["01"] = row{"01", "complete", w.rows["01"].txid, "", 1999} }, "was deep enough at"},
		"not on the chain":  {func(w *world) { clear(w.landed) }, ""},
		"stuck":             {func(w *world) { w.rows["01"] = row{"01", "broadcast", w.rows["01"].txid, "", 2000} }, ""},
		"failed":            {func(w *world) { w.rows["01"] = row{"01", "failed", w.rows["01"].txid, "", 2000} }, "nobody wanted"},
		"two digests":       {func(w *world) { w.signed["01"] = []string{"d1", "d2"} }, "signed 2 digests"},
		"no signature":      {func(w *world) { clear(w.signed) }, "no signature"},
	} {
		t.Run(name, func(t *testing.T) {
			w := honest()
			c.plant(w)
			r := w.compare(true)
			if r.clean() || !strings.Contains(strings.Join(r.Broken, "\n"), c.says) {
				t.Errorf("not found: %+v", r)
			}
		})
	}
}

// TestLedger: nonces hold, a fork brings other blocks, and what it takes out comes
// back or is forgotten.
func TestLedger(t *testing.T) {
	l := newLedger()
	from := common.Address{9}
	put := func(nonce uint64, tip int64) common.Hash {
		tx := types.NewTx(&types.DynamicFeeTx{Nonce: nonce, GasTipCap: big.NewInt(tip), To: &common.Address{1}, Value: new(big.Int)})
		l.sent[tx.Hash()] = sent{tx, from}
		return tx.Hash()
	}
	first, rival, second := put(0, 1), put(0, 2), put(1, 1)
	for _, c := range []struct {
		hash common.Hash
		want error
	}{{second, nil}, {first, nil}, {first, errKnown}, {rival, errRival}} {
		if err := l.accept(c.hash); err != c.want {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
	l.mine()
	if err := l.accept(first); err != errLow {
		t.Errorf("a used nonce: %v", err)
	}
	if got := l.tip().txs; !slices.Equal(got, []common.Hash{first, second}) {
		t.Errorf("mined %v", got)
	}
	was := l.tip().hash
	l.fork(1, 0, "test")
	if l.blocks[1].hash == was || len(l.landed()[common.Address{1}]) != 2 {
		t.Errorf("after a fork: %v", l.landed())
	}
	l.fork(2, 1, "test")
	if len(l.landed()) != 0 || !maps.Equal(l.reorgs, map[string]int{"test": 2}) {
		t.Errorf("a fork that forgets left %v, %v", l.landed(), l.reorgs)
	}
}
