package upstream

import (
	"encoding/hex"
	"testing"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/fault"
)

// TestRelayQuotedAnew: what makes a listed payment anew is sent as the first would have
// been: the upstream is asked whether it wants it still, and is given the bytes.
func TestRelayQuotedAnew(t *testing.T) {
	other := "0x" + "77" + txID(1)[4:]
	for _, c := range []struct {
		name    string
		first   []pending.Event
		account func(r *rig)
		outcome node.Outcome
		mine    bool
		code    string
		sent    int
		told    string
	}{
		{"as it should be", nil, func(*rig) {}, node.Accepted, true, "", 1, store.ToldComplete},
		{"deleted", nil, func(r *rig) { r.account.Delete(hexID(1)) }, node.Ambiguous, true, "upstream.gone", 0, ""},
		{"another signer was faster", nil, func(r *rig) {
			rec := record(1)
			rec["txId"] = other
			r.account.List(rec)
		}, node.Ambiguous, true, "upstream.txid", 0, ""},
		{"it has the first", append(sent(), pending.Accept), func(r *rig) {
			rec := record(1)
			rec["txId"] = txID(1)
			r.account.List(rec)
		}, node.Ambiguous, false, "", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.account.List(record(1))
			r.round()
			first := r.moves(1, c.first...)
			r.anew(&first)
			row := r.moves(50, sent()...)
			r.account.Send = func(path, txData string) (string, error) {
				if path != "/v3/ethereum/broadcast" || txData != "0x"+hex.EncodeToString([]byte("raw 50")) {
					t.Errorf("sent %s %q", path, txData)
				}
				return txID(50), nil
			}
			c.account(r)
			o, mine, err := (&Relay{r.Client, r.Store}).Send(t.Context(), &row)
			if o != c.outcome || mine != c.mine || c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
				t.Errorf("%v, %v, %v", o, mine, err)
			}
			l, _, _ := r.Store.ListedOf(t.Context(), idOf(1))
			if got := len(r.account.Broadcasts()); got != c.sent || l.Told != c.told {
				t.Errorf("%d broadcasts, told %q", got, l.Told)
			}
		})
	}
}

// anew makes the payment of a row anew, in row 50.
func (r *rig) anew(first *pending.Transaction) {
	r.t.Helper()
	p := &pending.Transaction{ID: idOf(50), Tenant: Tenant, Chain: first.Chain, Network: first.Network, Request: []byte("anew"), Requotes: first.ID}
	uses, err := r.Intake.Uses(first)
	ok(r.t, err)
	if p.Reserve = uses[:1]; first.State != pending.Pending {
		p.Replaces = first.ID
	}
	_, err = r.Store.Create(r.t.Context(), p, store.Idempotency{})
	ok(r.t, err)
}

// TestTellQuotedAnew: when nothing comes of what makes a listed payment anew, the
// upstream is told, also while the first waits for an answer.
func TestTellQuotedAnew(t *testing.T) {
	for name, end := range map[string][]pending.Event{"refused": {pending.Export, pending.Refuse}, "failed": append(sent(), pending.Accept, pending.Fail)} {
		r := newRig(t)
		r.account.List(record(1))
		r.round()
		first := r.moves(1, pending.Export)
		r.anew(&first)
		r.tick(t)
		if sum := r.round(); sum.Reported != 0 {
			t.Errorf("%s: told while it may be made", name)
		}
		if r.moves(50, end...); name == "failed" {
			ok(t, r.Store.Told(t.Context(), idOf(1), store.ToldComplete, txID(50)))
		}
		r.tick(t)
		sum := r.round()
		l, _, err := r.Store.ListedOf(t.Context(), idOf(1))
		if ok(t, err); sum.Reported != 1 || l.Told != store.ToldFailed {
			t.Errorf("%s: %d told, %q", name, sum.Reported, l.Told)
		}
		r.tick(t)
		if sum := r.round(); sum.Reported != 0 {
			t.Errorf("%s: told again", name)
		}
	}
}
