package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coldsign/offline/internal/review"
	"coldsign/shared/bundle"
)

// A review on the whole screen of a real terminal: reviews and signs on a real terminal, on the whole screen.
func TestATT34ATT36FullScreen(t *testing.T) {
	for name, c := range map[string]struct {
		keys   []string // each after the one before was answered
		wants  []string // what then stands on the screen
		code   string
		status bundle.Status
	}{
		"approve":          {[]string{"a", "%s\r"}, []string{"two words of the digest: ", ""}, "", bundle.Signed},
		"wrong words":      {[]string{"a", "zoo zoo\r", "q"}, []string{"two words of the digest: ", "nothing was approved", ""}, "approve.stopped", 0},
		"stop":             {[]string{"q"}, []string{""}, "approve.stopped", 0},
		"refuse one":       {[]string{"r", "not ours\r", "a", "%s\r"}, []string{"why not?", "refused by you", "two words of the digest: ", ""}, "sign.refused", bundle.Refused},
		"refuse, and undo": {[]string{"r", "why\r", "u", "a", "%s\r"}, []string{"why not?", "is refused by you", "no longer refused", "two words of the digest: ", ""}, "", bundle.Signed},
		"look inside":      {[]string{"\r", "\x1b", "a", "%s\r"}, []string{"REQUEST 1 of 1", "were shown", "two words of the digest: ", ""}, "", bundle.Signed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, words := prepared(t)
			x := at(t, dir, "sign", "r1.cbor", "--out", "a1.cbor", "--full-screen")
			x.whole = true
			x.resize(12, 80) // several pages
			x.reads("passphrase: ")
			x.types(password + "\n" + "a" + words + "\n") // typed ahead: no answer to anything
			x.reads("TOTALS of the 1 request")
			x.reads("q stop")
			for range 20 { // to the end, page by page
				x.types(" ")
			}
			x.reads("all were shown")
			for i, k := range c.keys {
				x.types(strings.ReplaceAll(k, "%s", words))
				if c.wants[i] != "" {
					x.reads(c.wants[i])
				}
			}
			status := 0
			if c.code != "" {
				status = 1
			}
			x.ends(status, c.code)
			if !bytes.Contains(x.screen, []byte("\x1b[?1049h")) || !bytes.Contains(x.screen, []byte("\x1b[?1049l")) {
				t.Error("the screen was not given back")
			}
			raw, err := os.ReadFile(filepath.Join(dir, "a1.cbor"))
			if (err == nil) != (c.status != 0) {
				t.Fatalf("answer: %v", err)
			}
			if c.status == 0 {
				return
			}
			receipt := firstReceipt(t, dir, raw)
			if receipt.Status != c.status || c.status == bundle.Refused && !strings.Contains(receipt.Reason, "not ours") {
				t.Errorf("%+v", receipt)
			}
		})
	}
}

// What was put off for another's sake fits once that is refused: it is looked at again,
// and signed. Nothing is signed that was last shown as put off.
func TestRoomOfTheRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fresh(t, dir)
	rules := strings.Replace(hourly, "period = \"1 sepETH\"\nhours = 1\n", "bundle = \"1 sepETH\"\n", 1)
	raw, err := os.ReadFile(filepath.Join(dir, "offline.cbor"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "rules.toml"), []byte(rules), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	x := at(t, dir, "policy", "set", "rules.toml", "--passphrase-file", "pass")
	x.ends(0, "")
	if err := quicken(filepath.Join(dir, "home")); err != nil {
		t.Fatal(err)
	}
	_, dev, err := bundle.OpenPairing(raw)
	if err != nil {
		t.Fatal(err)
	}
	raw, err = order{from: newDevice(9), to: dev.Key[:], sequence: 1, items: []string{"1:700", "2:700"}}.seal()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "r1.cbor"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(raw, newDevice(9).Public())
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(review.Words(b.Digest()))[:2], " ")
	x = at(t, dir, "sign", "r1.cbor", "--out", "a1.cbor", "--full-screen", "--passphrase-file", "pass")
	x.whole = true
	x.resize(60, 100)
	x.reads("PUT OFF  policy.bundle")
	x.reads("all were shown")
	x.types("r")
	x.reads("why not?")
	x.types("not now\r")
	x.reads("refused by you")
	x.types("a")
	x.reads("two words of the digest: ")
	x.types(words + "\r")
	x.reads("LOOK AGAIN")
	x.reads("operator.refused: the operator said no: not now")
	x.reads("all were shown")
	x.types("r")
	x.reads("was decided before") // what was refused stays refused
	x.types("a")
	x.reads("two words of the digest: ")
	x.types(words + "\r")
	x.ends(0, "")
	if raw, err = os.ReadFile(filepath.Join(dir, "a1.cbor")); err != nil {
		t.Fatal(err)
	}
	if text, err := opened(raw, dev.Key[:]); err != nil || !strings.Contains(text, "01 refused 0 operator.refused") || !strings.Contains(text, "02 signed 1 ") {
		t.Errorf("%v: %s", err, text)
	}
}

// firstReceipt reads an answer of the home in dir.
func firstReceipt(t *testing.T, dir string, raw []byte) bundle.Receipt {
	t.Helper()
	pairing, err := os.ReadFile(filepath.Join(dir, "offline.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	_, dev, err := bundle.OpenPairing(pairing)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(raw, dev.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Receipt(0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
