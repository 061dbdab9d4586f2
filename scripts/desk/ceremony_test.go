package desk

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"coldsign/scripts/halves"
	"coldsign/shared/frame/qr"
)

// The whole life of an installation at the desk, with nothing but light between the
// halves: pairing, keys, payments there and back, in two formats, with 30 % of what
// the cameras see lost. The offline half is the program as it ships.
func TestCeremony(t *testing.T) {
	w := begin(t)
	w.allow()
	w.pairs()
	w.keys()
	ok(w, w.eth.Fund(w.Context(), big.NewInt(9e18), w.wallet.Address))
	w.ceremony(t, 1, "native")
	w.ceremony(t, 20, "ur")
	w.byHand()
	w.files()
	w.other()
	w.wrong(t)
	w.without()
	w.denied(t)
	w.forms()
}

// allow lets the desk use the camera, as a person does who clicks "allow".
func (w *world) allow() {
	w.Do("grant", map[string]any{"what": []string{"camera"}, "origin": strings.TrimSuffix(w.base, "/desk")}, nil)
}

// pairs shows each half the other's pairing.
func (w *world) pairs() {
	w.Helper()
	w.Goto(w.base + "/send/pairing")
	film := w.filmed(w.shown())
	w.Clean()
	there, err := halves.Words(w.Offline(w.Context(), "pair", "--scan-images", film))
	ok(w, err)
	_, err = w.Offline(w.Context(), "pair", "--scan-images", film, "--confirm", there)
	ok(w, err)
	w.scan("/take/pairing", w.frames("pair"))
	if here := w.Text("#pair-words"); here != there {
		w.Fatalf("the words are %q here and %q there", here, there)
	}
	w.Shot("pairing")
	w.Clean()
	w.Click("#yes")
	w.Until(`document.querySelector("#result .huge")`)
}

// wallets makes one for each kind of chain.
func (w *world) wallets() {
	w.Helper()
	var err error
	w.wallet, err = w.NewWallet(w.Context(), "ETH")
	ok(w, err)
	w.others = map[string]halves.Wallet{}
	for _, chain := range []string{"BTC", "SOL"} {
		w.others[chain], err = w.NewWallet(w.Context(), chain)
		ok(w, err)
	}
}

// keys brings the public keys of new wallets.
func (w *world) keys() {
	w.Helper()
	w.wallets()
	w.scan("/take/keys", w.frames("keys", "export"))
	if said := w.Text("#result"); !strings.Contains(said, "The public keys of 3 wallets are here.") {
		w.Fatalf("%q", said)
	}
	w.Clean()
}

// scan has a page scan codes, and gives how long it took from the click to the result.
func (w *world) scan(page string, symbols []qr.Matrix) time.Duration {
	w.Helper()
	w.sees(symbols, len(symbols)+len(symbols)/2+6)
	w.Goto(w.base + page)
	w.Wait("#scan")
	w.Shot("take")
	begun := time.Now()
	w.Click("#scan")
	w.Wait("#result")
	return time.Since(begun)
}

// ceremony pays n times: sent across, signed, taken back, sent to the network.
func (w *world) ceremony(t *testing.T, n int, format string) {
	w.pay(w.Context(), n)
	w.Goto(w.base + "/send")
	w.Shot("queue-" + format)
	w.Clean()
	w.Click("button[value=all]")
	w.Wait("#digest-words")
	if format != "native" {
		w.Choose("#format", format)
		w.Until(`document.querySelector("canvas").dataset.shown`)
	}
	w.Shot("send-" + format)
	w.Clean()
	if format == "native" {
		name, file := w.Download("#file")
		if !strings.HasSuffix(name, ".cbor") || len(file) < 100 {
			t.Errorf("the file %q has %d bytes", name, len(file))
		}
	}
	symbols := w.shown()
	words := strings.Join(strings.Fields(w.Text("#digest-words")), " ")
	film := w.filmed(symbols)
	var review struct{ Digest, Words string }
	ok(t, halves.Read(&review)(w.Offline(w.Context(), "review", "--scan-images", film, "--json")))
	answer := w.frames("sign", "--scan-images", film, "--approve", review.Digest, "--format", format)
	took := w.scan("/take", answer)
	said := w.Text("#result")
	if !strings.Contains(said, fmt.Sprintf("%d signed", n)) {
		t.Fatalf("%q", said)
	}
	w.Shot("result-" + format)
	w.Clean()
	rows := func(states ...string) string {
		return fmt.Sprintf(`document.querySelectorAll("#result tbody .s-%s").length === %d`, strings.Join(states, ", #result tbody .s-"), n)
	}
	w.Until(rows("broadcast", "complete"))
	ok(t, w.eth.Mine(w.Context(), 2))
	w.Until(rows("complete"))
	w.Until(`document.getElementById("live").textContent.includes("their end")`)
	if said := w.Text("#result tbody tr:first-child .s-complete"); said != "Complete" { // as the queue says it
		t.Errorf("%q", said)
	}
	w.Shot("complete-" + format)
	t.Logf("%s: %d payments in %d codes there and %d back; %.2f s from \"scan\" to signed; the words were %q", format, n, len(symbols), len(answer), took.Seconds(), words)
}
