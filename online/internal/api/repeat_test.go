package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
)

// What was accepted once is answered with its row, whatever has changed since.
func TestIdempotency(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"nothing":                  func(*rig) {},
		"the deadline has passed":  func(r *rig) { r.now = r.now.Add(2 * time.Hour) },
		"the wallet is gone":       func(r *rig) { r.intake.Wallets = r.empty() },
		"the network is gone":      func(r *rig) { r.intake.Networks = nil },
		"the chain is not offered": func(r *rig) { r.intake.Networks, r.intake.Wallets = nil, r.empty() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			with := func(q *http.Request) { q.Header.Set("Idempotency-Key", "k") }
			body := strings.Replace(submission(0), "{", fmt.Sprintf(`{"deadline":%d,`, r.now.Add(time.Hour).Unix()), 1)
			first := r.send("a/submit", "POST", "/v1/transactions", body, with)
			r.want(first, 201, "")
			change(r)
			r.want(r.send("a/submit", "POST", "/v1/transactions", body, with), 200, first.Body)
			for _, other := range []string{submission(0), body + " ", "{}", "no JSON"} {
				a := r.send("a/submit", "POST", "/v1/transactions", other, with)
				if a.Status != 409 || !strings.Contains(a.Body, `"idempotency.conflict"`) {
					t.Errorf("another body: %d %s", a.Status, a.Body)
				}
			}
			if a := r.send("a/submit", "POST", "/v1/transactions", body); a.Status == 201 || a.Status == 200 {
				t.Errorf("the same without the key: %d %s", a.Status, a.Body)
			}
			if a := r.send("b/submit", "POST", "/v1/transactions", body, with); a.Status == 200 {
				t.Errorf("another tenant's key: %d %s", a.Status, a.Body)
			}
		})
	}
}

// empty is a store that knows no wallets.
func (r *rig) empty() *store.Store {
	s, err := store.Open(r.Context(), filepath.Join(r.TempDir(), "empty.db"), time.Now)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { s.Close() })
	return s
}

// The deadline of a submission is that of its row, and what keeps a row from
// landing is shown with it.
func TestDeadlineAndNotes(t *testing.T) {
	r := newRig(t)
	until := r.now.Add(time.Hour)
	a := r.send("a/submit", "POST", "/v1/transactions", strings.Replace(submission(0), "{", fmt.Sprintf(`{"deadline":%d,`, until.Unix()), 1))
	r.want(a, 201, "")
	late := bundleID(t, a.Body)
	if row, err := r.store.Get(t.Context(), "a", late); err != nil || row.Deadline != until.Unix() {
		t.Fatalf("deadline %d, %v", row.Deadline, err)
	}
	sent := bundleID(t, r.send("a/submit", "POST", "/v1/transactions", submission(1)).Body)
	for _, id := range []bundle.ID{late, sent} {
		for _, e := range []pending.Event{pending.Export, pending.Seal, pending.Intend} {
			if e == pending.Intend && id == late {
				r.now = until
			}
			_, err := r.store.Move(t.Context(), id, e, func(p *pending.Transaction) error {
				p.Bundle = 1
				if e == pending.Seal {
					p.TxID, p.Raw = "tx"+id.String(), id[:]
				}
				return nil
			})
			if (err != nil) != (e == pending.Intend && id == late) {
				t.Fatalf("%s: %v", e, err)
			}
		}
	}
	if err := r.store.Note(t.Context(), sent, "node.rejected", "insufficient funds"); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[bundle.ID]string{
		late: `"state":"signed","cancelRequested":true,"asserted":false|"code":"deadline.passed","reason":"its deadline 2027-01-15T09:00:00Z has passed`,
		sent: `"state":"broadcasting","cancelRequested":false|"code":"node.rejected","reason":"insufficient funds"`,
	} {
		for _, path := range []string{"/v1/transactions/" + id.String(), "/v1/transactions?chain=ETH"} {
			got := r.send("a/read", "GET", path, "")
			for _, part := range strings.Split(want, "|") {
				if !strings.Contains(got.Body, part) {
					t.Errorf("%s does not show %s: %s", path, part, got.Body)
				}
			}
		}
	}
}

func bundleID(t *testing.T, body string) bundle.ID {
	t.Helper()
	var got struct{ ID string }
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	id, err := bundle.ParseID(got.ID)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
