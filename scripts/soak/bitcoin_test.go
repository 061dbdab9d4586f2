package main

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// TestATT118Bitcoin is a short soak on two real btcd; `make soak` runs a long one. What
// takes the online half two minutes to believe, reorganizations below complete payments
// and strangers with the key, is in the long one only.
func TestATT118Bitcoin(t *testing.T) {
	var out bytes.Buffer
	clean, err := soak(t.Context(), built(t, plan{Chain: "bitcoin", Time: 3 * time.Second, Settle: 90 * time.Second, Rate: 0.12}), &out)
	t.Logf("\n%s", out.String())
	if err != nil || !clean {
		t.Fatalf("clean %v, %v", clean, err)
	}
}

// paid is a transaction that spends outputs of the funding transaction and pays scripts.
func paid(from *wire.MsgTx, outs []uint32, to ...string) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	for _, i := range outs {
		tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: from.TxHash(), Index: i}, nil, nil))
	}
	for _, script := range to {
		tx.AddTxOut(wire.NewTxOut(5, []byte(script)))
	}
	return tx
}

// mint is the wallet's funding.
func mint() *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	for range 8 {
		tx.AddTxOut(wire.NewTxOut(9, []byte("wallet")))
	}
	return tx
}

// has puts a transaction into both chains, so deep.
func (e *estate) has(tx *wire.MsgTx, deep int) {
	for i := range e.views {
		v := &e.views[i]
		v.pays = nil
		v.found[tx.TxHash()] = found{tx, deep}
		for _, in := range tx.TxIn {
			v.by[in.PreviousOutPoint] = tx.TxHash()
		}
		if deep >= depth {
			v.deep[tx.TxHash()] = time.UnixMilli(2000)
		}
	}
}

// holds gives a row a sealed transaction.
func (e *estate) holds(id, root string, tx *wire.MsgTx, state, code string, sent bool) {
	e.rows[id] = row{id: id, state: state, txid: tx.TxHash().String(), code: code, updated: 2000}
	e.coins[id] = bill{tx: tx, raw: "raw " + id, root: root}
	e.signed[id] = []string{"digest " + id}
	if sent {
		e.sent[tx.TxHash()] = posted{tx: tx, raw: "raw " + id}
	}
	if !ends(state) {
		for _, in := range tx.TxIn {
			e.held[in.PreviousOutPoint.String()] = id
		}
	}
}

// fairEstate is a world with payments of each kind: a is made, by a replacement; b was
// cancelled before it left; c was cancelled by a transaction that pays nobody; d was
// robbed.
func fairEstate() *estate {
	e := &estate{
		ledgers: ledgers{
			books: books{rows: map[string]row{}, keys: map[string][]string{}, signed: map[string][]string{}},
			coins: map[string]bill{}, held: map[string]string{},
		},
		strangers: map[chainhash.Hash]*wire.MsgTx{}, sent: map[chainhash.Hash]posted{}, scripts: map[string]bool{"wallet": true},
	}
	for i := range e.views {
		e.views[i] = shown{found: map[chainhash.Hash]found{}, by: map[wire.OutPoint]chainhash.Hash{}, deep: map[chainhash.Hash]time.Time{}}
	}
	from := mint()
	e.has(from, 50)
	for key, id := range map[string]string{"a": "01", "b": "03", "c": "04", "d": "06"} {
		e.spendings = append(e.spendings, &spending{key: key, script: []byte("to " + key), amount: 5, id: id, unwanted: key == "b" || key == "c", struck: key == "d"})
		e.keys[key] = []string{id}
	}
	slices.SortFunc(e.spendings, func(a, b *spending) int { return strings.Compare(a.key, b.key) })
	made := paid(from, []uint32{0, 1}, "to a", "change")
	e.holds("01", "", paid(from, []uint32{0}, "to a"), "failed", "chain.replaced", true)
	e.holds("02", "01", made, "complete", "", true)
	e.has(made, depth)
	// A cancellation of it that was withdrawn itself, before it left, ends nothing.
	e.rows["08"] = row{id: "08", state: "cancelled"}
	e.coins["08"] = bill{tx: paid(from, []uint32{0, 1}, "wallet"), root: "01", cancels: true}
	e.rows["03"] = row{id: "03", state: "cancelled"}
	e.coins["03"] = bill{tx: paid(from, []uint32{2}, "to b")}
	back := paid(from, []uint32{3}, "wallet")
	e.holds("04", "", paid(from, []uint32{3}, "to c"), "cancelled", "chain.replaced", false)
	e.holds("05", "04", back, "complete", "", true)
	e.coins["05"] = bill{tx: back, raw: "raw 05", root: "04", cancels: true}
	e.has(back, depth)
	theft := paid(from, []uint32{4}, "stranger")
	e.holds("06", "", paid(from, []uint32{4}, "to d"), "failed", "chain.conflict", true)
	e.strangers[theft.TxHash()] = theft
	e.has(theft, depth)
	return e
}

// TestBitcoinReconciler plants each lie that it is there to find.
func TestBitcoinReconciler(t *testing.T) {
	if r := fairEstate().compare(true); !r.clean() || r.Made != 1 || r.Cancelled != 2 || r.Taken != 1 || r.Intended != 4 {
		t.Fatalf("a fair world: %+v", r)
	}
	from := mint()
	made := func(e *estate) *wire.MsgTx { return e.coins["02"].tx }
	state := func(id, state, code string) func(*estate) {
		return func(e *estate) {
			r := e.rows[id]
			r.state, r.code = state, code
			e.rows[id] = r
		}
	}
	for name, c := range map[string]struct {
		plant func(*estate)
		says  string // part of what is broken; "" for a count alone
	}{
		"paid twice":             {func(e *estate) { e.has(e.coins["01"].tx, 1) }, "paid 2 times, says node 1"},
		"paid twice in one":      {func(e *estate) { e.has(paid(from, []uint32{5}, "to a", "to a"), 1) }, "paid 3 times"},
		"paid by nobody's":       {func(e *estate) { e.has(paid(from, []uint32{5}, "to b"), 1) }, "is not what was asked for"},
		"another amount":         {func(e *estate) { e.spendings[0].amount = 6 }, "is not what was asked for"},
		"a cancelled one":        {func(e *estate) { e.holds("03", "", paid(from, []uint32{2}, "to b"), "cancelled", "", false) }, "cancelled without a proof"},
		"cancelled, and wanted":  {func(e *estate) { e.spendings[1].unwanted = false }, "that nobody wanted"},
		"cancelled, and paid":    {func(e *estate) { e.has(e.coins["03"].tx, depth) }, "is not what was asked for"},
		"paid by one withdrawn":  {func(e *estate) { b := e.coins["02"]; b.parked = true; e.coins["02"] = b }, "is withdrawn"},
		"paid by what cancels":   {func(e *estate) { b := e.coins["02"]; b.cancels = true; e.coins["02"] = b }, "is not what was asked for"},
		"robbed by nobody":       {func(e *estate) { clear(e.strangers) }, "nobody has asked for it"},
		"failed without a proof": {func(e *estate) { delete(e.views[1].by, e.coins["06"].tx.TxIn[0].PreviousOutPoint) }, "no transaction that is deep in node 2"},
		"failed too early":       {func(e *estate) { e.has(paid(from, []uint32{4}, "stranger"), depth-1) }, "no transaction that is deep"},
		"a second row":           {func(e *estate) { e.keys["a"] = []string{"01", "03"} }, "the database has"},
		"a lost row":             {func(e *estate) { delete(e.keys, "a") }, "the database has"},
		"a row of nobody's":      {func(e *estate) { e.holds("07", "", paid(from, []uint32{6}, "x"), "signed", "", false) }, "nobody's"},
		"refused, and there":     {func(e *estate) { e.spendings[1].unfunded = true }, "was refused"},
		"claims too much":        {func(e *estate) { clear(e.views[0].deep) }, "was deep enough at"},
		"claims too early":       {func(e *estate) { r := e.rows["02"]; r.updated = 1999; e.rows["02"] = r }, "was deep enough at"},
		"two digests":            {func(e *estate) { e.signed["02"] = []string{"d1", "d2"} }, "signed 2 digests"},
		"no signature":           {func(e *estate) { delete(e.signed, "02") }, "no signature"},
		"other bytes sent":       {func(e *estate) { e.sent[made(e).TxHash()] = posted{raw: "others"} }, "no row has its bytes"},
		"another one sent":       {func(e *estate) { tx := paid(from, []uint32{7}); e.sent[tx.TxHash()] = posted{tx: tx} }, "no row has its bytes"},
		"sent without intent":    {state("02", "signed", ""), "is signed"},
		"other bytes in the row": {func(e *estate) { r := e.rows["02"]; r.txid = "00"; e.rows["02"] = r }, "its bytes are of"},
		"one input, two rows": {func(e *estate) {
			e.spendings[1].unwanted = false
			e.holds("03", "", paid(from, []uint32{0}, "to b"), "broadcast", "", true)
		}, "both spend"},
		"not reserved":         {func(e *estate) { clear(e.held) }, `is reserved for ""`},
		"reserved for ever":    {func(e *estate) { e.held[wire.NewOutPoint(&chainhash.Hash{1}, 0).String()] = "03" }, "still reserved"},
		"reserved and unspent": {func(e *estate) { clear(e.views[1].by) }, "node 2 has it unspent"},
		"the coins are taken":  {func(e *estate) { e.has(paid(from, []uint32{7}, "thief"), 1) }, "nobody has asked for it"},
		"not on the chain":     {func(e *estate) { delete(e.views[1].found, made(e).TxHash()) }, ""},
		"not deep":             {func(e *estate) { f := e.views[1].found; f[made(e).TxHash()] = found{made(e), depth - 1} }, ""},
		"stuck":                {state("02", "broadcast", ""), ""},
		"a rival stuck":        {state("01", "broadcast", ""), ""},
		"refused":              {state("02", "refused", ""), "nobody wanted"},
		"failed, and wanted":   {state("02", "failed", "chain.conflict"), "that is deep in node 1's chain"},
		"paid and cancelled": {func(e *estate) {
			state("03", "cancelled", "")(e)
			e.coins["02"] = bill{tx: made(e), raw: "raw 02", root: "01"}
			r := e.rows["01"]
			r.state, r.code, r.txid = "cancelled", "", ""
			e.rows["01"] = r
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := fairEstate()
			c.plant(e)
			r := e.compare(true)
			if r.clean() || !strings.Contains(strings.Join(r.Broken, "\n"), c.says) {
				t.Errorf("not found: %+v", r)
			}
		})
	}
	// What is on its way is no fault before the end.
	e := fairEstate()
	state("02", "broadcast", "")(e)
	state("01", "broadcast", "")(e)
	for _, in := range e.coins["01"].tx.TxIn {
		maps.DeleteFunc(e.held, func(name, _ string) bool { return name == in.PreviousOutPoint.String() })
		e.held[in.PreviousOutPoint.String()] = "02"
	}
	if r := e.compare(false); !r.clean() || r.Made != 0 {
		t.Errorf("on its way: %+v", r)
	}
}
