package keystore

import (
	"testing"

	"coldsign/shared/fault"
)

func TestDocuments(t *testing.T) {
	ks := quick(t)
	for _, d := range []Document{{"policy", 1, [32]byte{1}}, {"book", 7, [32]byte{2}}, {"tokens", 1, [32]byte{3}}, {"policy", 2, [32]byte{4}}} {
		if err := ks.SetDocument(d); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []Document{{"policy", 2, [32]byte{5}}, {"policy", 1, [32]byte{1}}, {"book", 0, [32]byte{}}} {
		if err := ks.SetDocument(d); !fault.Is(err, "document.version") {
			t.Errorf("version %d of the %s: %v", d.Version, d.Kind, err)
		}
	}
	if err := ks.Save(); err != nil {
		t.Fatal(err)
	}
	again := reopen(t, ks)
	for kind, want := range map[string]Document{"policy": {"policy", 2, [32]byte{4}}, "book": {"book", 7, [32]byte{2}}, "tokens": {"tokens", 1, [32]byte{3}}} {
		if got, ok := again.Document(kind); !ok || got != want {
			t.Errorf("%s: %+v, %v", kind, got, ok)
		}
	}
	if _, ok := again.Document("none"); ok {
		t.Error("a document out of nothing")
	}
	for _, docs := range [][]Document{{{"b", 1, [32]byte{}}, {"a", 1, [32]byte{}}}, {{"a", 1, [32]byte{}}, {"a", 2, [32]byte{}}}, {{"", 1, [32]byte{}}}, {{"a", 0, [32]byte{}}}} {
		c := *ks.c
		c.Documents = docs
		raw, err := c.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(raw); !fault.Is(err, "keystore.format") {
			t.Errorf("%+v: %v", docs, err)
		}
	}
}
