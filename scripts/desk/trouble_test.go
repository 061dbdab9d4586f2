package desk

import (
	"strings"
	"testing"

	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/ur"
)

// wrong shows the camera what is no answer: each is named, and the scan goes on to the
// right one, also over a page that is loaded again.
func (w *world) wrong(t *testing.T) {
	w.pay(w.Context(), 20)
	_, err := w.Online(w.Context(), "export", "--out", "wrong.cbor")
	ok(t, err)
	r, err := w.Review(w.Context(), "wrong.cbor")
	ok(t, err)
	answer := w.frames("sign", "wrong.cbor", "--approve", r.Digest, "--profile", "sparrow", "--format", "ur")
	w.sees(symbols(t, strings.ToUpper(ur.Encode("crypto-account", []byte{0xa0})), "https://example.org/", "hello"), 6)
	w.Goto(w.base + "/take")
	w.Click("#scan")
	for _, want := range []string{"UR of type crypto-account", "A web address", "A text"} {
		w.Until(`document.querySelector("[role=status].alarm")?.innerText.includes("` + want + `")`)
	}
	w.Shot("wrong")
	w.Clean()
	w.Click("#scan")               // it stops the camera
	half := answer[:len(answer)/4] // of a UR the second half are sums: this is half of the pieces
	w.sees(half, len(half))
	w.Click("#scan")
	w.Until(`document.querySelector("#progress")?.value >= 2 && document.querySelector(".finder canvas").dataset.seen > 0`)
	w.Shot("scanning")
	w.Clean()
	var before, after int
	w.Eval(`document.querySelector("#progress").value`, &before)
	w.sees(answer, len(answer)+len(answer)/2)
	w.Reload()
	w.Until(`document.querySelector("#progress")?.value > 0 || document.querySelector("#result")`)
	w.Eval(`document.querySelector("#progress")?.value ?? 999`, &after)
	if len(answer) < 8 || after < before {
		t.Errorf("of %d codes %d were there, and %d after the page was loaded again", len(answer), before, after)
	}
	w.Wait("#result")
	if said := w.Text("#result"); !strings.Contains(said, "20 signed") {
		t.Errorf("%q", said)
	}
	t.Logf("%d codes, %d there before the page was loaded again", len(answer), before)
}

// denied takes the camera away: before, and while it scans.
func (w *world) denied(t *testing.T) {
	w.sees(symbols(t, "hello"), 6)
	w.Goto(w.base + "/take")
	w.Click("#scan")
	w.Wait("[role=status].alarm")
	deny := func() { w.Do("deny", map[string]any{"origin": strings.TrimSuffix(w.base, "/desk")}, nil) }
	deny()
	w.Wait("[data-camera=ended]")
	w.Goto(w.base + "/take")
	w.Click("#scan")
	w.Wait("[data-camera=NotAllowedError]")
	if said := w.Text(".alarm[role=alert]"); !strings.Contains(said, "The camera is not allowed here.") {
		t.Errorf("%q", said)
	}
	w.Shot("denied")
	w.Clean()
}

// symbols are texts as somebody else shows them.
func symbols(t testing.TB, texts ...string) (list []qr.Matrix) {
	t.Helper()
	var e qr.Encoder
	for _, text := range texts {
		m, err := e.Text(text, 10)
		ok(t, err)
		list = append(list, m)
	}
	return list
}
