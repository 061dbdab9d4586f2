package desk

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"coldsign/shared/frame"
)

// zbar is what somebody else's reader reads on the canvas as it is on the screen.
func (w *world) zbar() []byte {
	w.Helper()
	out, err := exec.CommandContext(w.Context(), "zbarimg", "--nodbus", "-q", "--raw", "-Sbinary", "-Sdisable", "-Sqrcode.enable", w.Seen("canvas")).Output()
	if err != nil {
		w.Errorf("zbar: %v", err)
	}
	return out
}

// on waits for a picture of the canvas, and wants the code on it.
func (w *world) on(what string, n int, s *frame.Stream) {
	w.Helper()
	w.Until(fmt.Sprintf(`document.querySelector("canvas").dataset.shown === "%d"`, n))
	if got, want := w.zbar(), s.Content(uint64(n)); !bytes.Equal(got, want) {
		w.Errorf("%s: zbar reads %.60q, not %.60q", what, got, want)
	}
}

// cut is a message as the page should cut it.
func (w *world) cut(file []byte, shape frame.Shape) *frame.Stream {
	w.Helper()
	m, err := frame.Message{Format: frame.Native, Data: file}.As(shape.Format)
	ok(w, err)
	s, err := frame.NewStream(m, shape)
	ok(w, err)
	return s
}

// set moves a slider.
func (w *world) set(id string, n int) {
	w.Helper()
	w.Eval(fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.value = %d; e.dispatchEvent(new Event("input")); return true })()`, id, n), nil)
}

// digest finds the words that a program names a message by.
var digest = regexp.MustCompile(`digest ((?:[a-z]+ ){7}[a-z]+)`)

// byHand sends a bundle across with every button, and takes the answer from a scanner
// that types.
func (w *world) byHand() {
	w.Helper()
	const n = 12
	w.pay(w.Context(), n)
	w.Goto(w.base + "/send")
	w.Click("button[value=all]")
	w.Wait("#digest-words")
	w.Until(`document.querySelector("canvas").dataset.shown > 1`) // it plays
	_, file := w.Download("#file")
	w.buttons(file)
	w.presets(file)
	for _, format := range []frame.Format{frame.Native, frame.UR, frame.BBQr} {
		w.still(format, file)
	}
	ok(w, os.WriteFile(w.Path("by-hand.cbor"), file, 0o600))
	w.typed("by-hand.cbor", n)
}

// buttons press pause, step, back and full screen.
func (w *world) buttons(file []byte) {
	w.Helper()
	s := w.cut(file, frame.Shape{Format: frame.Native, Version: 27})
	w.Click("#pause")
	var before, after string
	shown := `document.querySelector("canvas").dataset.shown`
	w.Eval(shown, &before)
	w.Eval(`new Promise((ok) => { let n = 0; const look = () => ++n > 20 ? ok(`+shown+`) : requestAnimationFrame(look); look() })`, &after)
	at, err := strconv.Atoi(after)
	if ok(w, err); before != after {
		w.Errorf("a pause that goes on from %s to %s", before, after)
	}
	w.on("paused", at, s)
	w.Click("#step")
	w.on("a step", at+1, s)
	w.Click("#back")
	w.on("a step back", at, s)
	w.Press("ArrowRight") // while a button has the focus
	w.on("an arrow", at+1, s)
	w.Click("#full")
	w.Until(`document.fullscreenElement`)
	w.Press("ArrowRight")
	w.on("an arrow on a full screen", at+2, s)
	w.Shot("full-screen")
	w.Press("f")
	w.Until(`!document.fullscreenElement`)
	w.Click("#pause")
	for _, perSecond := range []int{20, 4} {
		w.set("speed", perSecond)
		var took float64 // milliseconds for six codes; a machine that is busy takes longer
		w.Eval(`new Promise((ok) => { const c = document.querySelector("canvas"), first = Number(c.dataset.shown) + 1; let begun = 0; const look = (now) => {
			const n = Number(c.dataset.shown) - first; if (n >= 0) begun ||= now; n >= 6 ? ok(now - begun) : requestAnimationFrame(look) }; requestAnimationFrame(look) })`, &took)
		if least := 6 * 1000 / float64(perSecond); took < 0.8*least {
			w.Errorf("%d codes a second: six took %.0f ms", perSecond, took)
		}
		w.says("output[for=speed]", fmt.Sprintf("%d a second", perSecond))
	}
	w.Click("#pause")
}

// presets look for what each makes of the screen.
func (w *world) presets(file []byte) {
	w.Helper()
	shown := func() { w.Helper(); w.Until(`document.querySelector("canvas").dataset.shown === "0"`) }
	w.set("density", 12)
	w.on("a density", 0, w.cut(file, frame.Shape{Format: frame.Native, Version: 12}))
	w.Choose("#preset", "slow")
	w.on("the preset for poor cameras", 0, w.cut(file, frame.Shape{Format: frame.Native, Version: 10}))
	w.Choose("#preset", "seedsigner")
	w.on("SeedSigner", 0, w.cut(file, frame.Shape{Format: frame.UR, Version: 40, Fragment: 80}))
	w.Choose("#preset", "coldcard")
	w.on("Coldcard", 0, w.cut(file, frame.Shape{Format: frame.BBQr, Version: 27}))
	w.Choose("#preset", "fastest")
	shown()
	got, s := w.zbar(), w.cut(file, frame.Shape{Format: frame.Native, Version: 27})
	for n := range uint64(6) {
		if !bytes.Contains(got, s.Content(n)) {
			w.Errorf("of six codes at once zbar does not read the one at %d", n)
		}
	}
	w.Shot("six-codes")
	w.Clean()
}

// pictures saves the first codes that the canvas shows, one step at a time, and gives
// their folder.
func (w *world) pictures(most int) (dir string) {
	w.Helper()
	dir, err := os.MkdirTemp(w.Dir, "seen-")
	ok(w, err)
	w.Until(`document.querySelector("canvas").dataset.shown === "0"`)
	for i := range most {
		var url string
		w.Until(fmt.Sprintf(`document.querySelector("canvas").dataset.shown === "%d"`, i))
		w.Eval(`document.querySelector("canvas").toDataURL("image/png")`, &url)
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(url, "data:image/png;base64,"))
		ok(w, err)
		ok(w, os.WriteFile(filepath.Join(dir, fmt.Sprintf("frame-%03d.png", i)), raw, 0o600))
		w.Click("#step")
	}
	w.Eval(`(() => { while (Number(document.querySelector("canvas").dataset.shown) > 0) document.getElementById("back").click(); return true })()`, nil)
	return dir
}

// words are those that the page says the other screen shows.
func (w *world) words() string {
	w.Helper()
	return strings.Join(strings.Fields(w.Text("#digest-words")), " ")
}

// still shows some pieces, has the offline half list the others, and shows only those:
// then it has all, and names it by the words of the page.
func (w *world) still(format frame.Format, file []byte) {
	w.Helper()
	w.Choose("#preset", "default")
	w.Choose("#format", string(format))
	w.set("density", 14)
	all := w.cut(file, frame.Shape{Format: format, Version: 14})
	w.on(string(format), 0, all)
	said, succeeded := w.told("review", "--scan-images", w.pictures(2))
	_, list, found := strings.Cut(said, "not seen: ")
	if succeeded || !found {
		w.Fatalf("%s: %q", format, said)
	}
	list, _, _ = strings.Cut(list, ";")
	w.Eval(`document.getElementById("still-box").open = true`, nil)
	for typed, want := range map[string]string{"7-3": `"7-3" is no list`, "please": `"please" is no list`, "9999": `"9999" is no list`, "1e1": `"1e1" is no list`} {
		w.Fill("#still", typed)
		w.Click("#only")
		w.says(".alarm[role=alert]", want)
	}
	w.Do("errors", nil, nil)                                                                    // the browser tells of what was refused too
	w.Fill("#still", " "+strings.NewReplacer(",", " ; ", "-", " \u2013 ").Replace(list)+" ...") // as people type it
	w.Click("#only")
	w.says("p[role=status]", "Only pieces "+list)
	if wrong := w.Text(".alarm[role=alert]:not([hidden])"); wrong != "" {
		w.Errorf("%s: a good list gives %q", format, wrong)
	}
	w.Clean()
	w.Shot("still-" + string(format))
	var pass int
	w.Eval(`Number(document.querySelector("canvas").dataset.pass)`, &pass)
	said, succeeded = w.told("review", "--scan-images", w.pictures(pass))
	got := digest.FindStringSubmatch(said)
	if !succeeded || got == nil || got[1] != w.words() || pass >= int(all.Pass) {
		w.Errorf("%s: %d codes of %d were shown for %q, the page names %q, and it says %s", format, pass, all.Pass, list, w.words(), said)
	}
	w.set("density", 13) // the numbers are of other pieces then
	w.Until(`document.querySelector("canvas").dataset.shown === "0" && !document.querySelector("p[role=status]").innerText.includes("Only")`)
}

// typed takes the answer as a hand-held scanner types it, with noise between its codes.
func (w *world) typed(bundle string, n int) {
	w.Helper()
	r, err := w.Review(w.Context(), bundle)
	ok(w, err)
	said, succeeded := w.told("sign", bundle, "--approve", r.Digest, "--qr-text", "typed.txt", "--profile", "slow")
	words := digest.FindStringSubmatch(said)
	raw, err := os.ReadFile(w.Path("typed.txt"))
	ok(w, err)
	codes := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	if !succeeded || words == nil || len(codes) < 3 {
		w.Fatalf("%d codes, and it says %s", len(codes), said)
	}
	w.sees(symbols(w, "hello"), 6) // the camera sees nothing of use
	w.Goto(w.base + "/take")
	w.Click("summary")
	w.Click("#typed")
	w.Type("0123456789\n")
	w.says("[role=status].alarm", `"0123456789"`)
	w.Type("0123456789\n")
	w.says("[role=status].alarm", "Nothing new")
	w.Type(codes[1] + "\n")
	w.says("#count", "1 of ")
	count := w.Text("#count")                                                    // some codes are sums
	w.Do("insert", map[string]any{"text": codes[1] + "\n" + codes[0][:20]}, nil) // again, and half of one
	w.Press("Enter")
	w.says("[role=status].alarm", `begins "cs1:"`)
	w.says("#count", count)
	w.Shot("typed")
	w.Clean()
	w.Reload()
	w.says("#count", count)
	w.Click("summary")
	w.Click("#typed")
	for _, code := range codes { // nobody presses a button
		w.Do("insert", map[string]any{"text": code}, nil)
		w.Press("Enter")
	}
	w.says("#result", fmt.Sprintf("%d signed", n))
	if got := w.Text("#answer-words"); got != words[1] {
		w.Errorf("the answer is %q there and %q here", words[1], got)
	}
}
