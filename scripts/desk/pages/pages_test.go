// Package pages looks at the desk's pages in a real browser: that nothing hostile runs
// in them, that a keyboard is enough, that axe-core finds nothing, and how long they
// take.
package pages

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"coldsign/scripts/desk"
	"coldsign/scripts/halves"
)

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is both halves, and a browser in which an administrator is logged in.
type world struct {
	testing.TB
	*halves.Halves
	*desk.Browser
	wallet halves.Wallet
	base   string
	name   string // who is logged in
	users  int
}

// hostile are words that must stay words, wherever they come from.
func hostile() []string {
	return []string{
		`<script>pwned=1</script>`, `"><img src=x onerror=pwned=1>`, `'><svg onload=pwned=1>`, `</title><script>pwned=1</script>`, `javascript:pwned=1`,
		`{{.CSRF}}`, `</textarea><script>pwned=1</script>`, `-->`, `&lt;b&gt;`, "\u202egnp.exe", "a\u0000b", "\u200bzero", "line\nbreak", `<a href=javascript:pwned=1>x`,
	}
}

func begin(t *testing.T) *world {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	programs, err := halves.BuildQuick(ctx, dir)
	ok(t, err)
	w := &world{TB: t, Halves: &halves.Halves{Programs: programs, Dir: dir}}
	t.Cleanup(w.Kill)
	ok(t, w.Init(ctx))
	w.wallet, err = w.NewWallet(ctx, "ETH")
	ok(t, err)
	ok(t, w.ShareKeys(ctx))
	ok(t, w.Configure(ctx))
	var user struct{ Code string }
	ok(t, halves.Read(&user)(w.Online(ctx, "desk", "user", "add", "anna", "--role", "admin", "--json")))
	_, err = w.Online(ctx, "apikey", "create", "--name", `"><img src=x onerror=pwned=1>`, "--tenant", `<script>pwned=1</script>`, "--scope", "read", "--json")
	ok(t, err)
	ok(t, w.Serve(ctx))
	w.base = strings.Replace(w.Halves.URL(), "127.0.0.1", "localhost", 1) + "/desk"
	w.Browser = desk.Start(t)
	w.Open(desk.Options{})
	w.enrol(user.Code)
	return w
}

// enrol sets a password and a code up.
func (w *world) enrol(code string) {
	w.Helper()
	w.Goto(w.base + "/enrol#" + code) // the link of the command line: nothing to type
	w.Wait(".secret")
	w.Fill("input[name=password]", "several words are better")
	w.Fill("input[name=again]", "several words are better")
	w.Fill("input[name=totp]", digits(w, w.Text(".secret"), time.Now()))
	w.Clean()
	w.Shot("enrol")
	w.Click("#set button")
	w.Wait("header .me")
}

// digits are those of an authenticator (RFC 6238).
func digits(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	ok(t, err)
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

// pay has a payment wait, with words.
func (w *world) pay(ctx context.Context, nonce int, note string) string {
	w.Helper()
	tx := fmt.Sprintf(`{"type":"0x2","to":"0x000000000000000000000000000000000000dEaD","value":"%d0000000000000000","nonce":%d,"gas":21000,"maxFeePerGas":"30000000000","maxPriorityFeePerGas":"1000000000"}`, nonce+1, nonce)
	if nonce%3 == 1 { // a contract that nothing explains
		tx = strings.Replace(tx, `"gas":21000`, `"gas":90000,"data":"0xdeadbeef"`, 1)
	}
	got, err := w.Submit(ctx, fmt.Sprintf("payment-%d", nonce), halves.Submission{Chain: "ETH", Network: "sepolia", Hashes: []string{w.wallet.SignatureID}, Transaction: json.RawMessage(tx), Note: note})
	ok(w, err)
	return got.ID
}

// unharmed wants the page to be ours alone.
func (w *world) unharmed(path string) {
	w.Helper()
	var pwned bool
	w.Eval(`typeof pwned !== "undefined" || [...document.querySelectorAll("[onload],[onerror],[href^=javascript]")].length > 0 || document.querySelectorAll("script:not([src])").length > 0`, &pwned)
	if pwned {
		w.Errorf("%s: something ran, or stands in the page as markup", path)
	}
}

func TestDesk(t *testing.T) {
	w := begin(t)
	w.pages()
	w.forms()
	w.keyboard()
	w.passkey()
}

// pages looks at every page, with hostile words in all that pages show.
func (w *world) pages() {
	w.Helper()
	t, ctx := w.TB, w.Context()
	w.Wait(`a[href="/desk/start"]`)
	w.Clean()
	var ids []string
	for i, words := range hostile() {
		ids = append(ids, w.pay(ctx, i, words))
	}
	// The queue shows them by itself.
	w.Until(fmt.Sprintf(`document.querySelectorAll("#rows tbody tr").length === %d`, len(ids)))
	paths := []string{"/", "/?q=" + "%3Cscript%3Epwned%3D1%3C%2Fscript%3E", "/?order=oldest&state=open&asset=eip155:11155111", "/tx/" + ids[0], "/tx/" + ids[1], "/tx/" + ids[9], "/tx/" + ids[0] + "/requote", "/create", "/send", "/take", "/wallets", "/health", "/health/numbers", "/audit", "/webhooks", "/book", "/keys", "/users", "/me", "/me/login", "/start", "/none"}
	names := []string{"queue", "search", "filtered", "detail", "opaque", "bidi", "requote", "create", "send", "take", "wallets", "health", "numbers", "audit", "webhooks", "book", "keys", "users", "me", "relogin", "start", "missing"}
	var said []string
	for _, o := range []desk.Options{{}, {Width: 390, Height: 844, Phone: true, Dark: true}} {
		prefix := ""
		if o.Phone {
			prefix = "dark-phone-"
		}
		if o != (desk.Options{}) {
			w.again(o)
		}
		for i, path := range paths {
			if o != (desk.Options{}) && !slices.Contains([]string{"queue", "opaque", "requote", "create", "numbers", "keys", "relogin"}, names[i]) {
				continue // the others are made of the same parts
			}
			w.Do("traffic", nil, nil)
			w.Goto(w.base + path)
			w.unharmed(path)
			if path == "/none" {
				w.Do("errors", nil, nil) // the browser complains of the 404 itself
			}
			w.Clean()
			w.Shot(prefix + names[i])
			var wide bool
			w.Eval(fmt.Sprintf(`Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) > %d`, cmp.Or(o.Width, 1280)), &wide)
			if wide {
				t.Errorf("%s%s is wider than the screen", prefix, path)
			}
			var torn bool
			if w.Eval(`[...document.querySelectorAll(".tag")].some((e) => e.getClientRects().length > 2)`, &torn); torn {
				t.Errorf("%s%s breaks words into letters", prefix, path)
			}
			if o == (desk.Options{}) {
				said = append(said, w.figures(path))
			}
		}
	}
	t.Log("page, bytes, requests, milliseconds to first byte, to ready\n" + strings.Join(said, "\n"))
}

// figures are what a page costs on loopback.
func (w *world) figures(path string) string {
	w.Helper()
	var traffic struct{ Requests, Bytes int }
	w.Do("traffic", nil, &traffic)
	var times struct{ First, Ready float64 }
	w.Eval(`(() => { const n = performance.getEntriesByType("navigation")[0]; return { First: n.responseStart, Ready: n.domContentLoadedEventEnd } })()`, &times)
	if traffic.Bytes > 200<<10 || times.Ready > 1000 {
		w.Errorf("%s: %d bytes, ready after %.0f ms", path, traffic.Bytes, times.Ready)
	}
	return fmt.Sprintf("%-40s %7d %3d %6.1f %6.1f", path, traffic.Bytes, traffic.Requests, times.First, times.Ready)
}

// again opens a browser of another kind, with the session that there is.
func (w *world) again(o desk.Options) {
	w.Helper()
	var user struct{ Code string }
	w.users++
	w.name = fmt.Sprintf("user-%d", w.users)
	ok(w, halves.Read(&user)(w.Online(w.Context(), "desk", "user", "add", w.name, "--role", "admin", "--json")))
	w.Open(o)
	w.enrol(user.Code)
}

// forms sends hostile words into forms, and sees them come back as words.
func (w *world) forms() {
	w.Helper()
	w.again(desk.Options{})
	w.Goto(w.base + "/create")
	w.Choose("select[name=wallet]", w.wallet.SignatureID)
	w.Fill("input[name=to]", `"><img src=x onerror=pwned=1>`)
	w.Fill("input[name=amount]", `<script>pwned=1</script>`)
	w.Click(`form[action="/desk/create"] button`)
	w.Wait("main .problem")
	w.unharmed("create")
	var kept string
	if w.Eval(`document.querySelector("input[name=to]").value`, &kept); kept != `"><img src=x onerror=pwned=1>` {
		w.Errorf("what was typed is gone: %q", kept)
	}
	w.Do("errors", nil, nil) // of the 400
	w.Goto(w.base + "/keys")
	w.Fill("input[name=name]", `'><svg onload=pwned=1>`)
	w.Click("input[value=read]")
	w.Click(`form[action="/desk/keys/create"] button`)
	w.Wait(".note pre")
	if key := w.Text(".note pre"); !strings.HasPrefix(key, "csk_") {
		w.Errorf("%q is no key", key)
	}
	w.unharmed("keys")
	w.Clean()
	w.Goto(w.base + "/webhooks")
	w.Fill("input[name=url]", `https://shop.example/hush"><script>pwned=1</script>`)
	w.Click(`form[action="/desk/webhooks/add"] button`)
	w.Wait(".note pre")
	secret := w.Text(".note pre")
	w.Reload()
	if text := w.Text("main"); !strings.HasPrefix(secret, "whsec_") || strings.Contains(text, secret) || strings.Contains(text, "hush") || !strings.Contains(text, "shop.example") || !strings.Contains(text, "shown once") {
		w.Errorf("%q, and then\n%s", secret, text)
	}
	w.unharmed("webhooks")
	w.Clean()
	w.Shot("receiver")
	w.book()
}

// book makes an address book that the offline half reads, by a hostile name.
func (w *world) book() {
	w.Helper()
	w.Goto(w.base + "/book")
	w.Click("input[name=pick]")
	w.Fill("input[name^='name ']", `'><svg onload=pwned=1>`)
	name, body := w.Download(`form[action="/desk/book"] button`)
	path := w.Path("address-book.toml")
	ok(w, os.WriteFile(path, body, 0o600))
	if _, err := w.Offline(w.Context(), "book", "check", path); err != nil || name != "address-book.toml" || !strings.Contains(string(body), `name = "'><svg onload=pwned=1>"`) {
		w.Errorf("%s: %v\n%s", name, err, body)
	}
}

// keyboard finds a payment and cancels it, with keys alone.
func (w *world) keyboard() {
	w.Helper()
	t := w.TB
	id := w.pay(t.Context(), 50, "rent")
	w.Goto(w.base + "/")
	w.Press("Tab")
	var at string
	if w.Eval(`document.activeElement.className`, &at); at != "skip" {
		t.Errorf("the first stop is %q", at)
	}
	to := func(find string) {
		t.Helper()
		for range 60 {
			w.Press("Tab")
			var there, seen bool
			w.Eval(fmt.Sprintf(`document.activeElement.matches(%q)`, find), &there)
			w.Eval(`getComputedStyle(document.activeElement).outlineStyle !== "none" || document.activeElement.matches(":is(input,select)")`, &seen)
			if !seen {
				w.Eval(`document.activeElement.outerHTML`, &at)
				t.Errorf("nothing shows that this has the focus: %.100s", at)
			}
			if there {
				return
			}
		}
		t.Fatalf("no Tab leads to %s", find)
	}
	to(`a[href="/desk/tx/` + id + `"]`)
	w.Press("Enter")
	w.Wait("#timeline")
	to("details:last-of-type > summary")
	for range 5 { // the one that cancels
		var text string
		if w.Eval(`document.activeElement.textContent`, &text); text == "Cancel the payment" {
			break
		}
		to("summary")
	}
	w.Press("Enter")
	to("button.danger")
	w.Press("Enter")
	w.Wait(".s-cancelled")
	w.Clean()
}

// passkey logs in with what the browser holds, and no password.
func (w *world) passkey() {
	w.Helper()
	t := w.TB
	w.Do("authenticator", nil, nil)
	w.Goto(w.base + "/me")
	w.Fill("#add input", "Blue key")
	w.Click("#add button")
	w.Wait("form[action='/desk/me/remove']")
	w.Clean()
	w.Shot("passkeys")
	w.Click(".me button")
	w.Wait("#passkey")
	w.Shot("login")
	w.Clean()
	w.Click("#passkey button")
	w.Wait("header .me")
	var user struct{ Code string }
	ok(t, halves.Read(&user)(w.Online(t.Context(), "desk", "user", "reset", w.name, "--json")))
	w.Goto(w.base + "/")
	w.Wait("#passkey") // the session is over
	w.Click("#passkey button")
	w.Wait("#passkey .problem:not([hidden])") // and so is the passkey
	w.Do("errors", nil, nil)
	w.Goto(w.base + "/enrol#" + user.Code)
	w.Click("#passkey button") // in place of a password
	w.Wait("header .me")
	w.Goto(w.base + "/audit")
	if text := w.Text("main"); !strings.Contains(text, w.name+" passkey") || !strings.Contains(text, "desk.passkey.add") {
		t.Errorf("the audit says\n%s", text)
	}
}
