package desk

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/account"
	"coldsign/online/internal/doctor"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

func TestQueue(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	b := w.login(account.Submitter)
	want(t, b.ask("GET", "/desk/", nil), 200, "There are no payments yet", "/desk/start")
	for i := range 60 {
		w.pay(i, i+1, func(s *intake.Submission) { s.Deadline = w.now.Add(time.Duration(i+1) * time.Hour).Unix() })
	}
	first := b.ask("GET", "/desk/", nil)
	want(t, first, 200, "1.83", "60 on their way", "0.06", "sepolia", "Next page")
	rows := func(r *httptest.ResponseRecorder) int {
		return strings.Count(r.Body.String(), `<a href="/desk/tx/`)
	}
	next := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(first.Body.String())
	if rows(first) != pageRows || next == nil {
		t.Fatalf("%d rows", rows(first))
	}
	second := b.ask("GET", strings.ReplaceAll(next[1], "&amp;", "&"), nil)
	want(t, second, 200, "First page")
	if rows(second) != 10 || strings.Contains(second.Body.String(), `rel="next"`) {
		t.Errorf("%d rows", rows(second))
	}
	for query, n := range map[string]int{
		"?state=open": 50, "?state=complete": 0, "?chain=BTC": 0, "?wallet=" + strings.ToUpper(walletID): 50, "?q=" + payee: 50, "?q=nothing": 0,
		"?asset=eip155:11155111&least=0.0505&order=largest": 10, "?order=deadline": 50, "?order=oldest": 50,
	} {
		got := b.ask("GET", "/desk/"+query, nil)
		want(t, got, 200)
		if rows(got) != n {
			t.Errorf("%s: %d rows, want %d", query, rows(got), n)
		}
	}
	for _, query := range []string{"?state=x", "?asset=eip155:11155111&least=1e9", "?after=x", "?after=MSAn", "?q=" + strings.Repeat("a", 129), "?q=%ff", "?q=a&q=b", "?q=%00"} {
		want(t, b.ask("GET", "/desk/"+query, nil), 400)
	}
}

func TestDetailAndChanges(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	row := w.pay(0, 100)
	at := "/desk/tx/" + row.ID.String()
	viewer, b := w.login(account.Viewer), w.login(account.Submitter)
	page := viewer.ask("GET", at, nil)
	want(t, page, 200, payee, "0.1", "What signing does", "unnamed", "shop", row.ID.String())
	if strings.Contains(page.Body.String(), "<form method=\"post\" action=\""+at) {
		t.Error("a viewer is offered to change it")
	}
	want(t, b.ask("GET", at, nil), 200, "Cancel the payment", "it ends at once")
	want(t, b.ask("GET", "/desk/tx/0123456789abcdef01234567", nil), 404)
	want(t, b.ask("GET", "/desk/tx/x", nil), 404)
	raw := b.ask("GET", at+"/request.cbor", nil)
	if raw.Body.String() != string(row.Request) || !strings.HasPrefix(raw.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("%v", raw.Header())
	}
	want(t, b.ask("GET", at+"/sealed.bin", nil), 404)
	want(t, b.ask("POST", at+"/cancel", b.form("idem", "short")), 400, "not whole")
	want(t, b.ask("POST", at+"/replace", b.form("idem", newIdem(), "fee", "-1")), 400, "no fee")

	// One that has left is replaced by a row of its own; the form sent twice makes one.
	_, _, _, err := w.store.Export(t.Context(), store.Selection{}, nil)
	if err == nil {
		t.Fatal("exported without a pairing")
	}
	want(t, b.ask("POST", at+"/cancel", b.form("idem", newIdem())), 303)
	got, err := w.store.Get(t.Context(), store.Any, row.ID)
	must(t, err)
	if got.State != pending.Cancelled {
		t.Errorf("it is %s", got.State)
	}
	entries, err := w.store.Audit(t.Context(), row.ID, 0, 10)
	must(t, err)
	if last := entries[len(entries)-1]; last.Actor != "desk submitter-user" {
		t.Errorf("%+v", last)
	}
}

// TestRequotePage: an operator, and nobody less, makes a payment anew, after a page that
// says what becomes of it; the form sent twice makes one row.
func TestRequotePage(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	row := w.pay(0, 100)
	at := "/desk/tx/" + row.ID.String()
	less, b := w.login(account.Submitter), w.login(account.Operator)
	page := less.ask("GET", at, nil)
	if want(t, page, 200); strings.Contains(page.Body.String(), at+"/requote") {
		t.Error("a submitter is offered it")
	}
	want(t, less.ask("GET", at+"/requote", nil), 403)
	want(t, b.ask("GET", at, nil), 200, at+"/requote", "Quote it anew")
	want(t, b.ask("GET", at+"/requote", nil), 200, payee, "0.1", "it ends at once")
	form := b.form("idem", newIdem())
	want(t, b.ask("POST", at+"/requote", form), 400, "no node is configured")
	w.desk.Replacer.Nodes = map[chain.ID]node.Node{row.Network: &market{}}
	first := b.ask("POST", at+"/requote", form)
	again := b.ask("POST", at+"/requote", form)
	if want(t, first, 303); first.Header().Get("Location") == at || first.Header().Get("Location") != again.Header().Get("Location") {
		t.Errorf("%s, then %s", first.Header(), again.Header())
	}
	made := strings.TrimPrefix(first.Header().Get("Location"), "/desk/tx/")
	want(t, b.ask("GET", at, nil), 200, "Quoted anew by", made)
	want(t, b.ask("GET", first.Header().Get("Location"), nil), 200, "Quotes anew", row.ID.String())
	want(t, b.ask("POST", at+"/requote", b.form("idem", newIdem())), 400, "makes the payment of")
	entries, err := w.store.Audit(t.Context(), row.ID, 0, 10)
	must(t, err)
	if last := entries[len(entries)-1]; last.Actor != "desk operator-user" || last.To != pending.Cancelled || last.Detail != pending.Requoted {
		t.Errorf("%+v", last)
	}
	// So it is where a hot signer may have paid what never left.
	unsent := "/desk/tx/" + w.pay(2, 100).ID.String() + "/requote"
	if page := b.ask("GET", unsent, nil); strings.Contains(page.Body.String(), "force") {
		t.Error("nobody else signs")
	}
	_, _, err = w.store.CreateAPIKey(t.Context(), "daemon", row.Tenant, []string{"sign"})
	must(t, err)
	want(t, b.ask("GET", unsent, nil), 200, "Somebody else may have signed", `name="force"`)
	// Of what may be known to have failed it is asked first.
	late := w.pay(1, 100, func(s *intake.Submission) { s.Deadline = w.now.Unix() + 5 })
	w.now = w.now.Add(time.Minute)
	if _, _, _, err := w.store.Export(t.Context(), store.Selection{IDs: []bundle.ID{late.ID}}, nil); err == nil {
		t.Error("what is late is exported")
	}
	at = "/desk/tx/" + late.ID.String()
	want(t, b.ask("GET", at+"/requote", nil), 200, "may have made the payment again")
	want(t, b.ask("POST", at+"/requote", b.form("idem", newIdem())), 400, "may have paid again")
	want(t, b.ask("POST", at+"/requote", b.form("idem", newIdem(), "force", "yes")), 303)
}

// market is a node that names a price and a count.
type market struct {
	node.Node
	node.Payer
}

func (*market) Check(context.Context) error { return nil }

func (*market) Next(context.Context, string) (uint64, error) { return 0, nil }

func (*market) Pending(context.Context, string) (uint64, error) { return 0, nil }

func (*market) Price(context.Context, string) (node.Price, error) {
	return node.Price{Base: big.NewInt(7e9), Tip: big.NewInt(1e9)}, nil
}

// A bundle's digest is told of the rows that it carries, and of none that a former
// pairing carried under the same number.
func TestBundleOfFormerPairing(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	first, second := w.pay(0, 1), w.pay(1, 1)
	b := w.login(account.Operator)
	pair := func(n byte) {
		peer := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)).Public().(ed25519.PublicKey)
		must(t, w.store.SetPeer(t.Context(), peer, w.desk.Device.Public(), true))
	}
	has := func(row pending.Transaction) bool {
		steps, err := w.store.Audit(t.Context(), row.ID, 0, 100)
		must(t, err)
		_, at, err := w.store.BundleMark(t.Context(), 1)
		must(t, err)
		return carried(at, steps)
	}
	pair(1)
	want(t, b.ask("POST", "/desk/send", b.form("what", "chosen", "id", first.ID.String())), 303)
	raw, err := w.store.Bundle(t.Context(), 1)
	must(t, err)
	want(t, b.ask("GET", "/desk/tx/"+first.ID.String(), nil), 200, fmt.Sprintf("%x", sha256.Sum256(raw)))
	if !has(first) || has(second) {
		t.Error("it carries the first alone")
	}
	w.now = w.now.Add(time.Minute)
	pair(2)
	want(t, b.ask("POST", "/desk/send", b.form("what", "chosen", "id", second.ID.String())), 303)
	if has(first) || !has(second) {
		t.Error("the number stands for another bundle now")
	}
}

// Signed bytes are as good as the payment: who only looks gets none before the network
// has them.
func TestSealedBytes(t *testing.T) {
	for _, x := range []struct {
		role  account.Role
		state pending.State
		may   bool
	}{
		{account.Viewer, pending.Signed, false}, {account.Submitter, pending.Signed, false}, {account.Submitter, pending.Broadcasting, false},
		{account.Viewer, pending.Failed, false}, {account.Operator, pending.Signed, true}, {account.Viewer, pending.Broadcast, true}, {account.Viewer, pending.Complete, true},
	} {
		r := &request{role: x.role}
		if got := r.sealed(&pending.Transaction{State: x.state, Raw: []byte{1}}); (len(got) == 1) != x.may {
			t.Errorf("%s of %s: %x", x.role, x.state, got)
		}
	}
	for _, name := range []string{"detail.go", "templates/detail.html"} { // there is no other way to them
		if n := strings.Count(read(t, name), ".Raw"); n != map[string]int{"detail.go": 1}[name] {
			t.Errorf("%s names the bytes %d times", name, n)
		}
	}
}

// Whoever is told is told of a change, and only of that, and not for longer than the
// session.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	b := w.login(account.Viewer)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		r.Host = host
		w.desk.ServeHTTP(out, r)
	}))
	defer server.Close()
	go w.desk.Run(t.Context())
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/desk/events", nil)
	must(t, err)
	r.AddCookie(&http.Cookie{Name: "coldsign", Value: b.cookie})
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer answer.Body.Close()
	if answer.Header.Get("Content-Type") != "text/event-stream" || answer.StatusCode != 200 {
		t.Fatalf("%d %v", answer.StatusCode, answer.Header)
	}
	buffer, seen := make([]byte, 512), ""
	until := func(what string) bool {
		for !strings.Contains(seen, what) {
			n, err := answer.Body.Read(buffer)
			if seen += string(buffer[:n]); err != nil {
				return strings.Contains(seen, what)
			}
		}
		return true
	}
	if !until("retry:") {
		t.Fatal("no beginning")
	}
	row := w.pay(0, 1)
	if !until("event: changed\ndata: 1.") {
		t.Fatalf("no event: %q", seen)
	}
	u, err := w.store.UserNamed(t.Context(), "viewer-user")
	must(t, err)
	must(t, w.store.RemoveUser(t.Context(), u.ID)) // what follows is no business of theirs
	seen = ""
	if _, err := w.store.Cancel(t.Context(), store.Any, row.ID); err != nil {
		t.Fatal(err)
	}
	if until("event: changed") {
		t.Errorf("told after the end: %q", seen)
	}
}

// Whatever others wrote stays words, and what could turn a line around is quoted.
func TestHostileText(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	b := w.login(account.Admin)
	const script, image, bidi = `<script>pwned=1</script>`, `"><img src=x onerror=pwned=1>`, "safe\u202egnp.exe"
	row := w.pay(0, 1, func(s *intake.Submission) { s.Note, s.Requester = bidi+script, image })
	p := row
	p.ID, p.Tenant, p.Reserve = store.NewID(), script, nil
	_, err := w.store.Create(t.Context(), &p, store.Idempotency{})
	must(t, err)
	list, err := w.store.Unread(t.Context(), 0, 10)
	must(t, err)
	for _, u := range list { // a token's name, and a recipient, as no codec of ours writes them
		must(t, w.store.Summarise(t.Context(), []store.Summary{{N: u.N, Note: bidi + script, Movements: []store.Movement{{Asset: image, Symbol: script + bidi, Decimals: 2, Amount: big.NewInt(1), To: image + bidi}}}}))
	}
	_, _, err = w.store.CreateAPIKey(t.Context(), image, script, []string{store.ScopeRead})
	must(t, err)
	w.desk.Doctor = func(context.Context) ([]doctor.Finding, error) {
		return []doctor.Finding{{Check: script, Level: doctor.Bad, Code: image, Text: bidi + script, Cure: image}}, nil
	}
	for _, path := range []string{"/desk/", "/desk/?state=open", "/desk/tx/" + row.ID.String(), "/desk/tx/" + p.ID.String(), "/desk/keys", "/desk/health", "/desk/audit", "/desk/wallets", "/desk/create", "/desk/?q=" + url.QueryEscape(image), "/desk/?asset=" + url.QueryEscape(image)} {
		page := b.ask("GET", path, nil)
		want(t, page, 200)
		for _, bad := range []string{"<script>pwned", "<img src=x", "\u202e"} {
			if strings.Contains(page.Body.String(), bad) {
				t.Errorf("%s holds %q:\n%s", path, bad, page.Body)
			}
		}
	}
	want(t, b.ask("GET", "/desk/", nil), 200, "&lt;script&gt;pwned", `safe\u{202E}gnp.exe`)
	want(t, b.ask("GET", "/desk/tx/"+row.ID.String(), nil), 200, `safe\u{202E}gnp.exe&lt;script&gt;`, "onerror")
	for _, path := range []string{"/desk/create", "/desk/create/raw"} {
		form := b.form("idem", newIdem())
		for _, name := range []string{"wallet", "index", "network", "to", "amount", "fee", "token", "digits", "chain", "hashes", "transaction", "evidence", "note"} {
			form.Set(name, image+script)
		}
		page := b.ask("POST", path, form)
		want(t, page, 400, "Please correct this")
		if strings.Contains(page.Body.String(), "<script>pwned") || strings.Contains(page.Body.String(), "<img src=x") {
			t.Errorf("%s:\n%s", path, page.Body)
		}
	}
	want(t, b.ask("POST", "/desk/users/create", b.form("name", script, "role", "viewer")), 400, "no name for a user")
	want(t, b.ask("POST", "/desk/keys/create", b.form("name", bidi, "idem", newIdem())), 400, `safe\u{202E}`)
}

// An administrator cannot lock the door from outside.
func TestUsersPage(t *testing.T) {
	w := newWorld(t)
	b := w.login(account.Admin)
	made := b.ask("POST", "/desk/users/create", b.form("name", "bert", "role", "viewer"))
	want(t, made, 200, "http://localhost:8190/desk/enrol#")
	self, err := w.store.UserNamed(t.Context(), "admin-user")
	must(t, err)
	for _, action := range []string{"role", "reset", "remove"} {
		want(t, b.ask("POST", "/desk/users/"+action, b.form("id", self.ID, "role", "viewer")), 400, "your own role")
	}
	u, err := w.store.UserNamed(t.Context(), "bert")
	must(t, err)
	want(t, b.ask("POST", "/desk/users/role", b.form("id", u.ID, "role", "operator")), 303)
	want(t, b.ask("POST", "/desk/users/remove", b.form("id", u.ID)), 303)
	want(t, b.ask("POST", "/desk/users/remove", b.form("id", u.ID)), 404)
}
