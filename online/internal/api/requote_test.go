package api_test

import (
	"context"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
)

// market is a node that names a price and a count.
type market struct {
	node.Node
	node.Payer
	mined uint64
}

func (m *market) Check(context.Context) error { return nil }

func (m *market) Next(context.Context, string) (uint64, error) { return m.mined, nil }

func (m *market) Pending(context.Context, string) (uint64, error) { return m.mined, nil }

func (m *market) Price(context.Context, string) (node.Price, error) {
	return node.Price{Base: big.NewInt(7e9), Tip: big.NewInt(1e9)}, nil
}

// TestRequote: a key that may submit makes a payment anew. Who polls the first id is not
// told that it failed, and in the end has the transaction of the row that makes it.
func TestRequote(t *testing.T) {
	r := newRig(t)
	type shown struct {
		ID, State, Code, TxID, Requotes, ReplacedBy string
		CancelRequested                             bool
	}
	get := func(path string) (s shown) {
		t.Helper()
		a := r.send("a/read", "GET", path, "")
		if err := json.Unmarshal([]byte(a.Body), &s); err != nil || a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		return s
	}
	first := r.read(r.send("a/submit", "POST", "/v1/transactions", submission(0)))
	path := "/v1/transactions/" + first.ID
	post := func(key, body string) answer { return r.send(key, "POST", path+"/requote", body) }
	refused := func(a answer, status int, code string) {
		t.Helper()
		if a.Status != status || !strings.Contains(a.Body, `"`+code+`"`) {
			t.Errorf("%d %s, want %d %s", a.Status, a.Body, status, code)
		}
	}
	refused(post("a/read", ""), 403, "apikey.scope")
	refused(post("b/submit", ""), 403, "kms.missing")
	refused(post("a/submit", `{"to":"0x"}`), 400, "validation.failed")
	refused(post("a/submit", ""), 503, "create.node")
	r.nodes["eip155:11155111"] = &market{}
	a := post("a/submit", "")
	second := r.read(a)
	if a.Status != 201 || second.State != "pending" || !strings.Contains(a.Body, `"requotes":"`+first.ID+`"`) {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	refused(post("a/submit", ""), 409, "requote.exists")
	for what, s := range map[string]shown{"row": get(path), "record": get("/v3/kms/" + first.ID)} {
		if s.ID != first.ID || s.ReplacedBy != second.ID || s.TxID != "" || s.Code != "" || s.State != "pending" && what == "row" {
			t.Errorf("%s: %+v", what, s)
		}
	}
	id, err := bundle.ParseID(second.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.export(second.ID)
	for _, e := range []pending.Event{pending.Seal, pending.Intend, pending.Accept, pending.Confirm} {
		if _, err := r.store.Move(t.Context(), id, e, func(p *pending.Transaction) error {
			p.TxID, p.Raw = goodTxID, []byte{1}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for what, s := range map[string]shown{"row": get(path), "record": get("/v3/kms/" + first.ID)} {
		if s.ReplacedBy != second.ID || s.TxID != goodTxID || s.State != "complete" && what == "row" {
			t.Errorf("%s: %+v", what, s)
		}
	}
	if list := r.send("a/read", "GET", "/v1/transactions", ""); strings.Count(list.Body, `"state":"complete"`) != 2 || strings.Contains(list.Body, "requote.replaced") {
		t.Errorf("%s", list.Body)
	}
	refused(r.send("a/submit", "POST", "/v1/transactions/"+second.ID+"/requote", ""), 409, "requote.state")

	// The nonce of one that never left here is used up: whoever signs the list himself may
	// have paid it.
	first = r.read(r.send("a/submit", "POST", "/v1/transactions", submission(2)))
	path = "/v1/transactions/" + first.ID
	r.nodes["eip155:11155111"] = &market{mined: 3}
	refused(post("a/submit", ""), 409, "requote.unproven")
	if a := post("a/submit", `{"force":true}`); a.Status != 201 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	r.nodes["eip155:11155111"] = &market{}

	// A wallet that is not the tenant's any more pays nothing anew.
	first = r.read(r.send("a/submit", "POST", "/v1/transactions", submission(7)))
	path = "/v1/transactions/" + first.ID
	r.intake.Owners = intake.Owners{walletID: {"b"}}
	refused(post("a/submit", `{"force":true}`), 409, "requote.state")
	r.intake.Owners = intake.Owners{walletID: {"a"}}
	if a := post("a/submit", ""); a.Status != 201 {
		t.Errorf("%d %s", a.Status, a.Body)
	}

	// DELETE of the first withdraws what makes its payment by now.
	first = r.read(r.send("a/submit", "POST", "/v1/transactions", submission(1)))
	path = "/v1/transactions/" + first.ID
	second = r.read(post("a/submit", ""))
	if a := r.send("a/submit", "DELETE", "/v3/kms/"+first.ID, ""); a.Status != 204 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if s := get("/v1/transactions/" + second.ID); s.State != "cancelled" {
		t.Errorf("%+v", s)
	}
}
