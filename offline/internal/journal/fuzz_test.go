package journal

import (
	"bytes"
	"testing"

	"coldsign/shared/bundle"
)

// What parses re-encodes identically, and nothing panics.
func FuzzDecode(f *testing.F) {
	_, j := small(f)
	add(f, j, signing(3, 0xb3, decided(7, bundle.Deferred)))
	seeds := 0
	for _, e := range j.Entries() {
		b, err := encode(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		seeds++
	}
	if seeds < 8 {
		f.Fatal("too few seeds")
	}
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decode(b)
		if err != nil {
			return
		}
		again, err := encode(e)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x reads as %+v, which is written as %x (%v)", b, e, again, err)
		}
	})
}

// The forms that a strict reader must not take.
func TestNotCanonical(t *testing.T) {
	e := Entry{Number: 1, Time: 5, Kind: Policy, Text: "strict"}
	good, err := encode(e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	head, text := good[0], good[len(good)-8:] // key 5, "strict"
	body := good[1:]
	cat := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, b := range map[string][]byte{
		"empty":           {},
		"trailing":        cat(good, []byte{0}),
		"indefinite":      cat([]byte{0xbf}, body, []byte{0xff}),
		"duplicate":       cat([]byte{head + 1}, body, text),
		"unknown key":     cat([]byte{head + 1}, body, []byte{9, 0}),
		"text key":        cat([]byte{head + 1}, body, []byte{0x61, '9', 0}),
		"long head":       cat([]byte{0xb8, head & 31}, body),
		"out of order":    cat([]byte{head}, text, good[1:len(good)-8]),
		"empty optional":  cat([]byte{head + 1}, body, []byte{6, 0x40}),
		"null":            {0xf6},
		"tag":             cat([]byte{0xc1}, good),
		"float":           cat([]byte{head, 1, 0xf9, 0x3c, 0}, good[3:]),
		"huge array":      cat([]byte{head + 1}, body, []byte{8, 0xa3, 1, 0x40, 2, 0, 3, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0}),
		"deep":            bytes.Repeat([]byte{0x81}, 1<<20),
		"short hash":      cat([]byte{head, 1, 1, 2, 0x41, 0}, good[len(good)-12:]),
		"invalid utf-8":   cat(good[:len(good)-6], []byte{'s', 't', 'r', 'i', 'c', 0xff}),
		"negative number": cat([]byte{head, 1, 0x20}, good[3:]),
	} {
		if e, err := decode(b); err == nil {
			t.Errorf("%s: read as %+v", name, e)
		}
	}
}

// Which rules decided, and what they count, is read back with each decision; a list
// that does not fit the decisions is refused.
func TestRulesOfDecisions(t *testing.T) {
	e := signing(3, 0xb3, decided(7, bundle.Signed), decided(8, bundle.Refused))
	e.Sign.Created, e.Sign.By = 1767225600, []string{"treasury 4: customers", "treasury 4"}
	e.Sign.Spent = []Spend{{Rule: "customers", Asset: "eip155:1", Amount: []byte{1, 0}}}
	raw, err := encode(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(raw)
	if err != nil || got.Sign.Decisions[0].By != "treasury 4: customers" || got.Sign.Decisions[1].By != "treasury 4" ||
		got.Sign.Created != 1767225600 || len(got.Sign.Spent) != 1 || !bytes.Equal(got.Sign.Spent[0].Amount, []byte{1, 0}) {
		t.Fatalf("%+v, %v", got.Sign, err)
	}
	for _, by := range [][]string{{"one"}, {"one", "two", "three"}} {
		e.Sign.By = by
		raw, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(raw); err == nil {
			t.Errorf("%d policies for 2 decisions are taken", len(by))
		}
	}
}
