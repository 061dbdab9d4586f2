package main

import (
	"fmt"
	"slices"
	"strings"

	sol "github.com/gagliardetto/solana-go"
)

// compare tells what does not hold. What is on its way is no fault before the end.
func (w *svmWorld) compare(final bool) (r result) {
	broken := func(format string, args ...any) { r.Broken = append(r.Broken, fmt.Sprintf(format, args...)) }
	ours := map[string]bool{} // rows that somebody has asked for
	by := map[string]string{} // rows, by transaction id
	for id, at := range w.rows {
		if at.txid == "" {
			continue
		}
		if other, twice := by[at.txid]; twice {
			broken("%s is of row %s and of row %s", at.txid, id, other)
		}
		by[at.txid] = id
	}
	for id := range w.rows {
		if w.facts[id].root != "" {
			ours[id] = true
		}
		w.row(id, final, broken)
	}
	paid := map[string][]put{}
	for _, x := range w.chain {
		if _, to, _ := x.transfer(); to != "" && !x.failed {
			paid[to] = append(paid[to], x)
		}
	}
	for _, x := range w.wishes {
		w.wish(x, paid[x.to], final, ours, &r, broken)
		delete(paid, x.to)
	}
	for to := range paid {
		broken("%s was paid, and nobody asked for it", to)
	}
	for id := range w.rows {
		if !ours[id] {
			broken("row %s is nobody's", id)
		}
	}
	for sig, x := range w.chain {
		if by[sig] == "" && !w.strangers[x.AccountKeys[0].String()] {
			broken("%s is on the chain, and of no row", sig)
		}
	}
	for sig, n := range w.sent {
		if n > 1 || by[sig] == "" {
			broken("%s was sent as %d different transactions, and is of row %q", sig, n, by[sig])
		}
	}
	if final {
		w.reserved(&r, broken)
		w.money(&r, broken)
	}
	return r
}

// row compares what a row claims with what the chain shows, after it.
func (w *svmWorld) row(id string, final bool, broken func(string, ...any)) {
	at, f := w.rows[id], w.facts[id]
	name := fmt.Sprintf("row %s, which is %s %s,", id, at.state, at.code)
	digests := map[string]bool{}
	for _, d := range w.signed[id] {
		digests[d] = true
	}
	if len(digests) > 1 || at.txid != "" && len(digests) == 0 {
		broken("%s has %q, and the offline half signed %d digests of it", name, at.txid, len(digests))
	}
	if w.sent[at.txid] > 0 && (f.parked || !slices.Contains([]string{"broadcasting", "broadcast", "complete", "failed", "expired"}, at.state)) {
		broken("%s was sent", name)
	}
	x, there := w.chain[at.txid]
	there = there && at.txid != ""
	switch at.state {
	case "complete":
		if !there || !x.final || x.failed {
			broken("%s is not so on the chain: there %v, final %v, failed %v", name, there, x.final, x.failed)
		}
	case "failed":
		if own := at.code == "chain.failed"; there != own || own && (!x.final || !x.failed) {
			broken("%s is not so on the chain: there %v, final %v, failed %v", name, there, x.final, x.failed)
		}
	case "broadcasting", "broadcast":
	default:
		if there && (final || f.parked || ended(at.state)) { // else it may have been sent since
			broken("%s is on the chain", name)
		}
	}
	if at.state == "expired" {
		w.expired(name, at, f, broken)
	}
	if at.state == "failed" && at.code != "chain.failed" || at.state == "cancelled" && at.code == "chain.replaced" && len(f.raw) > 0 {
		w.conflict(name, f, broken)
	}
}

// expired wants the finalized chain to have been past the last block that could take it.
func (w *svmWorld) expired(name string, at row, f facts, broken func(string, ...any)) {
	tx, err := sol.TransactionFromBytes(f.raw)
	if err != nil {
		broken("%s has no transaction: %v", name, err)
		return
	}
	last, was := w.expires[tx.Message.RecentBlockhash.String()]
	if h := w.height(at); was && h <= last {
		broken("%s could land until block %d, and %d was final", name, last, h)
	}
}

// conflict wants its nonce to be used up, for good.
func (w *svmWorld) conflict(name string, f facts, broken func(string, ...any)) {
	tx, err := sol.TransactionFromBytes(f.raw)
	if err != nil || len(tx.Message.Instructions) == 0 || len(tx.Message.Instructions[0].Accounts) == 0 {
		broken("%s has no transaction with a nonce: %v", name, err)
		return
	}
	account := tx.Message.AccountKeys[tx.Message.Instructions[0].Accounts[0]].String()
	if value, ours := w.nonces[account]; !ours || value == tx.Message.RecentBlockhash.String() {
		broken("%s has the nonce that %s still holds", name, account)
	}
}

// wish compares a payment with what the chain shows of it.
func (w *svmWorld) wish(x *wish, paid []put, final bool, ours map[string]bool, r *result, broken func(string, ...any)) {
	r.Intended++
	if len(paid) > 1 {
		r.Doubled++
		broken("%s is paid %d times", x.tries[0].key, len(paid))
	}
	rows := map[string]bool{}
	for _, t := range x.tries {
		ids := w.keys[t.key]
		if len(ids) > 1 || t.id != "" && !slices.Equal(ids, []string{t.id}) {
			broken("%s: the API said row %q, the database has %q", t.key, t.id, ids)
		}
		for _, id := range ids {
			ours[id] = true
			if txid := w.rows[id].txid; txid != "" {
				rows[txid] = true
			}
		}
	}
	for _, p := range paid {
		if from, _, lamports := p.transfer(); !rows[p.signature] || from != x.payer.address || lamports != x.lamports || x.refused || x.poor {
			broken("%s: %s pays %d of %s, which is not what was asked for, or is of no row of it", x.tries[0].key, p.signature, lamports, from)
		}
	}
	done := len(paid) == 1 && paid[0].final
	switch {
	case done:
		r.Made++
	case len(paid) == 0 && (x.unwanted || x.poor):
		r.Cancelled++
	case final:
		r.Stuck++
	}
}

// reserved wants every row to have ended, and each nonce that is reserved to be used up.
func (w *svmWorld) reserved(r *result, broken func(string, ...any)) {
	_, open := w.way()
	r.Stuck += open
	for _, x := range w.wishes {
		if x.last && x.now().nonce == "" {
			broken("%s could not have its nonce account", x.now().key)
		}
	}
	for key, id := range w.holds {
		part := strings.Split(key, ":")
		switch state := w.rows[id].state; {
		case len(part) != 3 || !has(w.nonces, part[1]):
			broken("%s is no nonce account of this soak", key)
		case state == "complete" || state == "failed" && w.rows[id].code == "chain.failed":
			if w.nonces[part[1]] == part[2] {
				broken("row %s is complete, and %s still holds its nonce", id, part[1])
			}
		case w.nonces[part[1]] == part[2]:
			r.Stuck++ // until another takes it over
		case ended(state):
			broken("%s is reserved for row %s, which is %s, and is used up", key, id, state)
		}
	}
}

func has(of map[string]string, key string) bool {
	_, yes := of[key]
	return yes
}

// money wants every lamport to be where the transactions put it.
func (w *svmWorld) money(r *result, broken func(string, ...any)) {
	for _, p := range w.chain {
		if !p.final { // balances are final ones
			r.Stuck++
			return
		}
	}
	owns := map[string]int64{}
	for _, x := range w.wishes {
		owns[x.to], owns[x.payer.address] = 0, int64(x.payer.funded)
	}
	for _, p := range w.chain {
		from, to, lamports := p.transfer()
		owns[p.AccountKeys[0].String()] -= int64(p.signers) * fee
		if to != "" && !p.failed {
			owns[from] -= int64(lamports)
			owns[to] += int64(lamports)
		}
	}
	for address, want := range owns {
		if got, asked := w.balance[address]; asked && int64(got) != want {
			broken("%s has %d lamports, and should have %d", address, got, want)
		}
	}
}
