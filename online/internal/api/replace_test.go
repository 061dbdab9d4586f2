package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// replaced reads the parts of an answer that tell of replacing.
type replaced struct {
	ID, State, Replaces string
	Cancels             bool
	CancelRequested     bool
}

func (r *rig) read(a answer) (p replaced) {
	r.Helper()
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil {
		r.Fatalf("%v in %s", err, a.Body)
	}
	return p
}

func (r *rig) export(id string) {
	r.Helper()
	parsed, err := bundle.ParseID(id)
	if err != nil {
		r.Fatal(err)
	}
	if _, err := r.store.Move(r.Context(), parsed, pending.Export, func(p *pending.Transaction) error { p.Bundle = 1; return nil }); err != nil {
		r.Fatal(err)
	}
}

func TestReplaceAndCancel(t *testing.T) {
	r := newRig(t)
	first := r.read(r.send("a/submit", "POST", "/v1/transactions", submission(0)))
	path := "/v1/transactions/" + first.ID
	post := func(key, what, body string, change ...func(*http.Request)) answer {
		return r.send(key, "POST", path+"/"+what, body, change...)
	}
	refused := func(a answer, status int, code string) {
		t.Helper()
		if a.Status != status || !strings.Contains(a.Body, `"`+code+`"`) {
			t.Errorf("%d %s, want %d %s", a.Status, a.Body, status, code)
		}
	}
	refused(post("a/submit", "replace", ""), 409, "replace.unsent")
	r.export(first.ID)
	refused(post("a/read", "replace", ""), 403, "apikey.scope")
	refused(post("b/submit", "replace", ""), 403, "kms.missing")
	refused(post("a/submit", "replace", `{"fee":1}`), 400, "validation.failed")
	refused(post("a/submit", "replace", `{"fee":"-1"}`), 400, "validation.failed")
	refused(post("a/submit", "replace", `{"force":"yes"}`), 400, "validation.failed")
	refused(post("a/submit", "replace", `{"to":"0x"}`), 400, "validation.failed")
	refused(post("a/submit", "replace", `[]`), 400, "validation.failed")
	refused(post("a/submit", "replace", `{"fee":"1"}`), 409, "replace.fee")
	refused(r.send("a/submit", "POST", "/v1/transactions/zz/cancel", ""), 400, "validation.failed")

	key := func(q *http.Request) { q.Header.Set("Idempotency-Key", "k") }
	a := post("a/submit", "replace", `{"force":true}`, key)
	second := r.read(a)
	if a.Status != 201 || second.ID == first.ID || second.Replaces != first.ID || second.Cancels || second.State != "pending" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if b := post("a/submit", "replace", `{"force":true}`, key); b.Status != 200 || r.read(b).ID != second.ID {
		t.Errorf("again: %d %s", b.Status, b.Body)
	}
	refused(post("a/submit", "replace", `{}`, key), 409, "idempotency.conflict")
	refused(post("a/submit", "cancel", `{"force":true}`, key), 409, "idempotency.conflict")
	r.export(second.ID)
	a = post("a/submit", "cancel", "")
	third := r.read(a)
	if a.Status != 201 || third.Replaces != first.ID || !third.Cancels {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	refused(post("a/submit", "replace", ""), 409, "replace.cancelled")
	for id, parked := range map[string]bool{first.ID: true, second.ID: true, third.ID: false} {
		if got := r.read(r.send("a/read", "GET", "/v1/transactions/"+id, "")); got.CancelRequested != parked {
			t.Errorf("%+v", got)
		}
	}
	if list := r.send("a/read", "GET", "/v1/transactions", ""); strings.Count(list.Body, `"replaces":"`+first.ID+`"`) != 2 || strings.Count(list.Body, `"cancels":true`) != 1 {
		t.Errorf("%s", list.Body)
	}
	// What never left is simply cancelled.
	other := r.read(r.send("a/submit", "POST", "/v1/transactions", submission(1)))
	path = "/v1/transactions/" + other.ID
	if a := post("a/submit", "cancel", ""); a.Status != 200 || r.read(a).State != "cancelled" || r.read(a).ID != other.ID {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
