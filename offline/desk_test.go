package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
