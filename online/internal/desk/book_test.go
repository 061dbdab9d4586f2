package desk

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"coldsign/online/internal/account"
	"coldsign/shared/bundle"
)

// The file is one that "book check" of the offline half reads; the test of the pages in
// a browser gives it one.
func TestBook(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	b := w.login(account.Operator)
	w.pay(0, 1)
	w.pay(1, 2)
	const to, own = "eip155:11155111 " + payee, "eip155:11155111 0x22310Bf73bC88ae2D2c9a29Bd87bC38FBAc9e6b0"
	want(t, b.ask("GET", "/desk/", nil), 200) // reads the rows
	page := b.ask("GET", "/desk/book", nil)
	want(t, page, 200, `value="`+to+`"`, `value="`+own+`"`, `<td class="num">2</td>`, `value="own `+walletID+`"`)
	form := func(change ...string) url.Values {
		f := b.form("title", "ours", "version", "2", "tag", "customer", "pick", to, "name "+to, "acme", "name "+own, "own hot")
		f.Add("pick", own)
		for i := 0; i < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return f
	}
	got := b.ask("POST", "/desk/book", form())
	want(t, got, 200)
	const golden = `kind = "address-book"
version = 2
name = "ours"

[[entry]]
name = "acme"
network = "eip155:11155111"  # ETH sepolia
address = "0x000000000000000000000000000000000000dEaD"
tags = ["customer"]

[[entry]]
name = "own hot"
network = "eip155:11155111"  # ETH sepolia
address = "0x22310Bf73bC88ae2D2c9a29Bd87bC38FBAc9e6b0"
tags = ["own"]
`
	if text := got.Body.String(); !strings.HasSuffix(text, golden) || strings.Trim(strings.TrimSuffix(text, golden), "\n")[0] != '#' || got.Header().Get("Content-Disposition") != `attachment; filename="address-book.toml"` {
		t.Errorf("%s", text)
	}
	want(t, b.ask("POST", "/desk/book", form("name "+to, "")), 200, `name = "`+payee+`"`)
	for _, bad := range []string{`a"b`, `a\b`, "a\nkind = 1", "\u202eevil", "any", "tag:x", strings.Repeat("x", 65), "own hot", "a\x00b", "caf\u00e9"} {
		want(t, b.ask("POST", "/desk/book", form("name "+to, bad)), 400, "name", `value="`+to+`" checked`)
	}
	for _, change := range [][]string{{"version", "0"}, {"version", "-1"}, {"version", "x"}, {"version", "99999999999999999999"}, {"title", ""}, {"title", `a"`}, {"tag", "a\nb"},
		{"pick", "eip155:999999 " + payee}, {"pick", "eip155:11155111 " + strings.ToLower(payee)}, {"pick", "eip155:11155111 " + payee + `"`}, {"pick", "none"}} {
		want(t, b.ask("POST", "/desk/book", form(change...)), 400, "role=\"alert\"")
	}
	twice := form()
	twice.Add("pick", to)
	want(t, b.ask("POST", "/desk/book", twice), 400, "chosen twice")
	none := form()
	none.Del("pick")
	want(t, b.ask("POST", "/desk/book", none), 400, "choose some")
	w.desk.Rehearsal = true
	want(t, b.ask("POST", "/desk/book", form()), 200, "rehearsal = true\nversion")
}

// Keys that an operator took from another wallet, whose it may be, are not called our
// own: the offline half has them not.
func TestBookOwnsNoForeignKeys(t *testing.T) {
	w := newWorld(t)
	w.wallet()
	b := w.login(account.Operator)
	theirs := walletOf(t, "44444444-4444-4444-8444-444444444444", "legal winner thank year wave sausage worth useful legal winner thank yellow")
	must(t, w.store.PutForeign(t.Context(), []bundle.Wallet{theirs}))
	page := b.ask("GET", "/desk/book", nil)
	want(t, page, 200, "own "+walletID)
	if strings.Contains(page.Body.String(), "own "+theirs.SignatureID.String()) {
		t.Error("another wallet's address is shown as our own")
	}
	found, ok, err := w.store.Wallet(t.Context(), theirs.SignatureID)
	must(t, err)
	n, fits := w.desk.networkOf("ETH", true)
	list := (&request{Desk: w.desk, Request: httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)}).addresses(found, n, 0)
	if !ok || !fits || len(list) == 0 {
		t.Fatalf("%v %v %v", ok, fits, list)
	}
	key := string(n.ID) + " " + list[0]
	got := b.ask("POST", "/desk/book", b.form("title", "x", "version", "1", "tag", "", "pick", key, "name "+key, "x"))
	want(t, got, 200, list[0])
	if strings.Contains(got.Body.String(), "tags") {
		t.Errorf("%s", got.Body)
	}
}
