package desk

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"image/png"
	"os"
	"path/filepath"
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/frame/qr"
	"coldsign/shared/frame/show"
)

// stranger signs bundles with a key that nobody was paired with.
type stranger struct{ ed25519.PrivateKey }

func (s stranger) Public() ed25519.PublicKey {
	return s.PrivateKey.Public().(ed25519.PublicKey)
}
func (s stranger) Sign(m []byte) ([]byte, error) { return ed25519.Sign(s.PrivateKey, m), nil }

// forged is an answer to a bundle by somebody else.
func (w *world) forged(asked []byte) []byte {
	w.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	ok(w, err)
	_, err = w.Online(w.Context(), "pair", "--out", "ours.cbor")
	ok(w, err)
	ours, err := os.ReadFile(w.Path("ours.cbor"))
	ok(w, err)
	_, device, err := bundle.OpenPairing(ours)
	ok(w, err)
	item, err := bundle.EncodeItem(bundle.Receipt{ID: bundle.ID{1}, Digest: [32]byte{1}, Status: bundle.Refused, Code: "policy.denied", Reason: "no"})
	ok(w, err)
	raw, err := bundle.Seal(bundle.Header{Kind: bundle.Receipts, Recipient: bundle.IDOf(device.Key[:]), Answers: sha256.Sum256(asked), Sequence: 1, Created: time.Now().Unix()}, [][]byte{item}, stranger{key})
	ok(w, err)
	return raw
}

// put writes a file, and gives its path.
func (w *world) put(name string, raw []byte) string {
	w.Helper()
	ok(w, os.WriteFile(w.Path(name), raw, 0o600))
	return w.Path(name)
}

// files drops files, most of them wrong: each is named, the page stays of use, and the
// answer is taken all the same.
func (w *world) files() {
	w.Helper()
	w.pay(w.Context(), 1)
	_, err := w.Export(w.Context(), "asked.cbor")
	ok(w, err)
	r, err := w.Review(w.Context(), "asked.cbor")
	ok(w, err)
	_, err = w.Sign(w.Context(), "asked.cbor", "answer.cbor", r.Digest)
	ok(w, err)
	asked, err := os.ReadFile(w.Path("asked.cbor"))
	ok(w, err)
	answer, err := os.ReadFile(w.Path("answer.cbor"))
	ok(w, err)
	noise := make([]byte, 10<<20)
	_, err = rand.Read(noise)
	ok(w, err)
	noise[0] = 0xfe
	var blank, elsewhere bytes.Buffer
	ok(w, png.Encode(&blank, show.Picture([]qr.Matrix{{Size: 21, Dark: make([]bool, 441)}}, 1, 4)))
	ok(w, png.Encode(&elsewhere, show.Picture(symbols(w, "https://example.org/"), 1, 4)))
	good, bad := w.Path("answer.cbor"), w.put("noise.bin", noise)
	w.Goto(w.base + "/take")
	for _, c := range []struct{ at, want, path string }{
		{"#zone", "Not a valid bundle: it does not begin as one.", bad},
		{"h1", "Not a valid bundle", w.put("cut.cbor", answer[:len(answer)-7])}, // beside the zone
		{"#zone", "This bundle comes from device", w.put("forged.cbor", w.forged(asked))},
		{"#zone", "The file is empty.", w.put("empty", nil)},
		{"#zone", "This bundle comes from device", w.Path("asked.cbor")}, // our own
		{"#zone", "The file cannot be read.", w.Path("offline")},         // a folder
		{"#zone", "No code can be read in the picture.", w.put("blank.png", blank.Bytes())},
		{"#zone", "A PNG is damaged", w.put("half.png", blank.Bytes()[:90])},
	} {
		w.Drop(c.at, c.path)
		w.says(".alarm[role=alert]:not([hidden])", c.want)
		w.Shot("dropped-" + filepath.Base(c.path))
		if said := w.Text("#say"); said != "Show the answers of the offline machine, or of the wallet that signed." {
			w.Errorf("%s: it says %q", c.path, said)
		}
	}
	w.Do("errors", nil, nil) // the browser tells of what was refused too
	w.Clean()
	w.Drop("#zone", good, bad)
	w.says(".alarm[role=alert]", "2 files were dropped, and nothing was taken.")
	w.Files("#file", w.put("elsewhere.png", elsewhere.Bytes()))
	w.says("[role=status].alarm", "A web address")
	// Pictures of the codes of one message may come together.
	dir, err := os.MkdirTemp(w.Dir, "answer-")
	ok(w, err)
	_, err = w.Offline(w.Context(), "sign", "asked.cbor", "--qr-dir", dir, "--profile", "slow")
	ok(w, err)
	frames, err := filepath.Glob(filepath.Join(dir, "*.png"))
	ok(w, err)
	if len(frames) < 2 {
		w.Fatalf("%d pictures", len(frames))
	}
	w.Drop("#zone", frames[0])
	w.says("#count", "1 of ")
	w.Drop("#zone", frames...)
	w.says("#result", "1 signed")
	w.Goto(w.base + "/take")
	w.Files("#file", good)
	w.says("#result", "This was taken in before.")
	w.Shot("taken-before")
}
