package interop

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"coldsign/shared/frame/bbqr"
	"coldsign/shared/frame/qr"
)

// Data of many sizes, noise and repetitive, in all encodings and many shapes: what
// either side cuts, the other joins, and where nothing is packed both cut the same.
func TestBBQr(t *testing.T) {
	o := start(t)
	r := rand.New(rand.NewPCG(1, 2))
	packed := 0
	for i := range 90 {
		data := make([]byte, 1+r.IntN([]int{20, 700, 4000, 20_000}[i%4]))
		for j := range data {
			data[j] = byte(r.IntN([]int{256, 3}[i/3%2]))
		}
		encoding, kind := "H2Z"[i%3], "PTJCUBX"[i%7]
		highest := 5 + r.IntN(36)
		least := 1 + r.IntN(2)
		var theirs struct {
			Version  int
			Encoding string
			Parts    []string
		}
		err := o.Ask(Question{"do": "split", "data": hex.EncodeToString(data), "type": string(kind),
			"options": map[string]any{"encoding": string(encoding), "maxVersion": highest, "minSplit": least}}, &theirs)
		ours, ourErr := bbqr.Split(data, kind, bbqr.Options{Encoding: encoding, MaxVersion: highest, MinParts: least})
		if encoding != bbqr.Deflate && (err == nil) != (ourErr == nil) {
			t.Fatalf("%d bytes in %c up to version %d, at least %d: they say %v, we %v", len(data), encoding, highest, least, err, ourErr)
		}
		if err == nil {
			if got := joined(t, theirs.Parts); !bytes.Equal(got, data) {
				t.Fatalf("we join %d bytes in %s as %d", len(data), theirs.Encoding, len(got))
			}
		}
		if ourErr != nil {
			continue
		}
		if err == nil && encoding != bbqr.Deflate && (ours.Version != theirs.Version || !slices.Equal(ours.Parts, theirs.Parts)) {
			t.Fatalf("%d bytes in %c: version %d and %d parts, theirs %d and %d", len(data), encoding, ours.Version, len(ours.Parts), theirs.Version, len(theirs.Parts))
		}
		if ours.Encoding == bbqr.Deflate {
			packed++
		}
		for _, part := range ours.Parts {
			if len(part) > qr.TextCapacity(ours.Version) {
				t.Fatalf("a part of %d characters in version %d", len(part), ours.Version)
			}
		}
		r.Shuffle(len(ours.Parts), func(i, j int) { ours.Parts[i], ours.Parts[j] = ours.Parts[j], ours.Parts[i] })
		var join struct{ Type, Encoding, Data string }
		if err := o.Ask(Question{"do": "join", "parts": ours.Parts}, &join); err != nil || join.Type != string(kind) || join.Data != hex.EncodeToString(data) {
			t.Fatalf("%d bytes in %c: they join %d of type %s: %v", len(data), ours.Encoding, len(join.Data)/2, join.Type, err)
		}
	}
	if packed < 10 {
		t.Errorf("only %d of the series were packed", packed)
	}
}

func joined(t *testing.T, parts []string) []byte {
	t.Helper()
	var d bbqr.Decoder
	for _, part := range parts {
		p, err := d.Add(part)
		if err != nil {
			t.Fatal(err)
		}
		if p.Data != nil {
			return p.Data
		}
	}
	return nil
}
