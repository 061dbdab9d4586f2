package ur

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzAdd: a text that is taken says what its parts say, and no text breaks a
// decoder or makes it keep more than it may.
func FuzzAdd(f *testing.F) {
	v := published(f)
	for _, text := range append(v.URs, v.Single, "ur:bytes/1of4/typ3nxh3edkc9ql/qqqqqq") {
		f.Add(text)
	}
	for _, content := range []any{[]any{1, 9, 256, 5, make([]byte, 29)}, []any{7, 9, 256, 5, "text"}} {
		f.Add(forged("psbt", "1-9", content))
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := NewDecoder(Limits{Sessions: 2, Memory: 1 << 16})
		d.Add(v.URs[0])
		p, err := d.Add(text)
		if err != nil {
			return
		}
		if p.K < 1 || p.Rank > p.K || p.Done != (p.Message != nil) || p.ID.check() != nil {
			t.Fatalf("%+v", p)
		}
		if p.Done && p.K == 1 && strings.Count(text, "/") == 1 && Encode(p.Type, p.Message) != strings.ToUpper(text) {
			t.Fatalf("%s is written as %s", text, Encode(p.Type, p.Message))
		}
		again := NewDecoder(d.limits)
		if err := again.Restore(d.Save()); err != nil || !bytes.Equal(again.Save(), d.Save()) {
			t.Fatalf("%v", err)
		}
	})
}

// FuzzStream: whatever is done to the parts of a message, and in whatever order,
// a decoder gives this message or none; and it does after two clean passes.
func FuzzStream(f *testing.F) {
	data := noise(1, 120)
	e := encoder(f, data, 12)
	f.Add([]byte{1, 0, 2, 0, 3, 1, 40, 0, 40, 1, 9, 0})
	f.Add([]byte{255, 0, 254, 0, 253, 0, 252, 0, 251, 0, 250, 0, 249, 0, 248, 0, 247, 0, 246, 0, 245, 0, 244, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		d := NewDecoder(Limits{Sessions: 3, Memory: 1 << 15})
		got := func(text string) bool {
			p, _ := d.Add(text)
			if p.Message != nil && !bytes.Equal(p.Message, data) {
				t.Fatalf("another message: %x", p.Message)
			}
			return p.Done
		}
		for ; len(script) >= 2; script = script[2:] {
			if number := uint32(script[0]) + 1; script[1]%2 != 0 {
				got(poison(e, number))
			} else {
				got(e.Part(number))
			}
		}
		for n := range 2 * uint32(e.K()) {
			if got(e.Part(n%uint32(e.K()) + 1)) {
				return
			}
		}
		t.Fatal("two clean passes, and no message")
	})
}

// FuzzRestore: a state that is restored is saved as the same state, but for
// what it says twice.
func FuzzRestore(f *testing.F) {
	v := published(f)
	f.Add([]byte(v.URs[9] + "\n" + v.URs[1] + "\n" + v.URs[1] + "\n"))
	f.Add([]byte(v.Single + "\n"))
	f.Fuzz(func(t *testing.T, state []byte) {
		d := NewDecoder(Limits{})
		if d.Restore(state) != nil {
			return
		}
		again := NewDecoder(Limits{})
		if err := again.Restore(d.Save()); err != nil || !bytes.Equal(again.Save(), d.Save()) {
			t.Fatalf("%v", err)
		}
	})
}
